/* Leaves marks in every kind of inter-process communication, or looks for them.
 *
 *   ipc-marks make          makes all, prints `made SERIAL` (of the key) and stays until its input ends
 *   ipc-marks look SERIAL   a line `KIND yes` or `KIND no ERRNO` for each */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { KEY = 0x76707330, SESSION_KEYRING = -3, USER_KEYRING = -4, EVERYTHING_FOR_THE_USER = 0x3f3f0000 };

static const char name[] = "/vps-mark";

/* Abstract: the first byte of its name is zero. */
static int socket_at(int (*use)(int, const struct sockaddr *, socklen_t))
{
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0vps-mark"};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return use(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + sizeof(name)) < 0
                       ? -1
                       : fd;
}

static void tell(const char *kind, long result)
{
        if (result >= 0)
                printf("%s yes\n", kind);
        else
                printf("%s no %d\n", kind, errno);
}

static void look(long serial)
{
        char secret[16];

        tell("shm", shmget(KEY, 0, 0));
        tell("sem", semget(KEY, 0, 0));
        tell("msg", msgget(KEY, 0));
        tell("mqueue", mq_open(name, O_RDONLY));
        tell("posix-shm", shm_open(name, O_RDONLY, 0));
        tell("abstract", socket_at(connect));
        tell("key", syscall(SYS_keyctl, KEYCTL_SEARCH, USER_KEYRING, "user", name, 0));
        tell("key-by-number", syscall(SYS_keyctl, KEYCTL_READ, serial, secret, sizeof(secret), 0));
}

static int make(void)
{
        int listener = socket_at(bind);
        long serial = syscall(SYS_add_key, "user", name, "secret", 6, USER_KEYRING);
        int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
        char scrap;

        if (shmget(KEY, 4096, IPC_CREAT | 0600) < 0 || semget(KEY, 1, IPC_CREAT | 0600) < 0 ||
            msgget(KEY, IPC_CREAT | 0600) < 0 || mq_open(name, O_RDWR | O_CREAT, 0600, NULL) < 0 || fd < 0 ||
            listener < 0 || listen(listener, 8) < 0 || serial < 0 ||
            syscall(SYS_keyctl, KEYCTL_LINK, USER_KEYRING, SESSION_KEYRING) < 0 || /* to possess the key */
            syscall(SYS_keyctl, KEYCTL_SETPERM, serial, EVERYTHING_FOR_THE_USER) < 0) {
                perror("ipc-marks");
                return 1;
        }
        printf("made %ld\n", serial);
        (void)fflush(stdout);
        while (read(0, &scrap, 1) > 0)
                ;
        (void)shmctl(shmget(KEY, 0, 0), IPC_RMID, NULL);
        (void)semctl(semget(KEY, 0, 0), 0, IPC_RMID);
        (void)msgctl(msgget(KEY, 0), IPC_RMID, NULL);
        (void)mq_unlink(name);
        (void)shm_unlink(name);
        (void)syscall(SYS_keyctl, KEYCTL_UNLINK, serial, USER_KEYRING);
        return 0;
}

int main(int argc, char **argv)
{
        if (argc == 2 && strcmp(argv[1], "make") == 0)
                return make();
        if (argc != 3)
                return 2;
        look(strtol(argv[2], NULL, 10));
        return 0;
}
