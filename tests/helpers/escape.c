/* Ways out of a limit that no shell knows. Ends with status 0 when one worked.
 *
 *   escape nested user|plain FILE VALUE
 *           writes FILE after cgroup2 was mounted anew at /mnt, in further mount, cgroup and user namespaces,
 * as their root; plain: in a mount namespace only escape take SOCKET born NAME a child born in a cgroup whose
 * path has NAME in it, whose directory was passed to us through a socket escape take SOCKET at FILE VALUE
 *           writes FILE of a directory that was passed to us
 *   escape give SOCKET DIRECTORY
 *           passes it on to the first who asks; `ready` when it listens
 *   escape handle MOUNT ID FILE VALUE
 *           writes FILE of the cgroup with this ID, opened by its number
 *   escape realtime
 *           becomes a real-time process */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int die(const char *what)
{
        perror(what);
        return 1;
}

static int put(int directory, const char *file, const char *value)
{
        int fd = openat(directory, file, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, value, strlen(value)) < 0)
                return die(file);
        return close(fd) < 0;
}

static int nested(bool user, const char *file, const char *value)
{
        char map[64];

        (void)snprintf(map, sizeof(map), "0 %u 1", geteuid());
        if (unshare(CLONE_NEWNS | (user ? CLONE_NEWUSER | CLONE_NEWCGROUP : 0)) < 0)
                return die("unshare");
        if (user && put(AT_FDCWD, "/proc/self/uid_map", map) != 0)
                return 1;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return die("private");
        if (mount("none", "/mnt", "cgroup2", 0, NULL) < 0)
                return die("mount");
        return put(AT_FDCWD, file, value);
}

static int born(int cgroup, const char *name)
{
        struct clone_args how = {
                .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
        pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
        char path[4096] = "";
        int status, fd;

        if (pid < 0)
                return die("clone3");
        if (pid == 0) {
                fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
                if (fd < 0 || read(fd, path, sizeof(path) - 1) < 0)
                        _exit(1);
                _exit(strstr(path, name) ? 0 : 1);
        }
        return waitpid(pid, &status, 0) < 0 || status != 0;
}

static int by_handle(const char *mount, const char *id, const char *file, const char *value)
{
        enum { FILEID_KERNFS = 0xfe };
        union {
                struct file_handle handle;
                char bytes[sizeof(struct file_handle) + sizeof(uint64_t)];
        } wanted = {.handle = {.handle_bytes = sizeof(uint64_t), .handle_type = FILEID_KERNFS}};
        uint64_t number = strtoull(id, NULL, 10);
        int at = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

        memcpy(wanted.handle.f_handle, &number, sizeof(number));
        if (at < 0)
                return die(mount);
        fd = open_by_handle_at(at, &wanted.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? die("open_by_handle_at") : put(fd, file, value);
}

static struct sockaddr_un named(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return address;
}

/* One byte, and with it a descriptor. */
struct parcel {
        char byte;
        struct iovec data;
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr message;
};

static void pack(struct parcel *parcel)
{
        *parcel = (struct parcel){.byte = 'x'};
        parcel->data = (struct iovec){.iov_base = &parcel->byte, .iov_len = 1};
        parcel->message = (struct msghdr){.msg_iov = &parcel->data,
                                          .msg_iovlen = 1,
                                          .msg_control = parcel->control.bytes,
                                          .msg_controllen = sizeof(parcel->control.bytes)};
}

static int give(const char *path, const char *directory)
{
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
        struct sockaddr_un address = named(path);
        struct parcel parcel;

        pack(&parcel);
        parcel.control.header.cmsg_len = CMSG_LEN(sizeof(int));
        parcel.control.header.cmsg_level = SOL_SOCKET;
        parcel.control.header.cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(&parcel.control.header), &fd, sizeof(fd));
        if (fd < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            chmod(path, 0777) < 0 || listen(listener, 1) < 0)
                return die(path);
        (void)puts("ready");
        (void)fflush(stdout);
        peer = accept(listener, NULL, NULL);
        return peer < 0 || sendmsg(peer, &parcel.message, 0) < 0 ? die("sendmsg") : 0;
}

static int take(const char *path)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), taken;
        struct sockaddr_un address = named(path);
        struct parcel parcel;

        pack(&parcel);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            recvmsg(fd, &parcel.message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&parcel.message))
                return -1;
        memcpy(&taken, CMSG_DATA(&parcel.control.header), sizeof(taken));
        return taken;
}

/* With a status of its own, so that what never began is not taken for what was refused. */
static int with_taken(int argc, char **argv)
{
        int fd = take(argv[2]);

        if (fd < 0) {
                (void)die(argv[2]);
                return 3;
        }
        if (argc == 5 && strcmp(argv[3], "born") == 0)
                return born(fd, argv[4]);
        return argc == 6 && strcmp(argv[3], "at") == 0 ? put(fd, argv[4], argv[5]) : 2;
}

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "";

        if (argc == 5 && strcmp(what, "nested") == 0)
                return nested(strcmp(argv[2], "user") == 0, argv[3], argv[4]);
        if (argc > 4 && strcmp(what, "take") == 0)
                return with_taken(argc, argv);
        if (argc == 4 && strcmp(what, "give") == 0)
                return give(argv[2], argv[3]);
        if (argc == 6 && strcmp(what, "handle") == 0)
                return by_handle(argv[2], argv[3], argv[4], argv[5]);
        if (strcmp(what, "realtime") == 0)
                return sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 50}) < 0
                               ? die("sched_setscheduler")
                               : 0;
        (void)fprintf(stderr, "escape: see escape.c\n");
        return 2;
}
