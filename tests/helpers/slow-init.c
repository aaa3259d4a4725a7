/* An init that takes a while until it handles signals, as big ones do: what comes before is lost.
 *
 * As process 1: handles SIGTERM (ends with status 0) and SIGUSR1 (says READY=1) only after 100 ms, and then
 * writes `listening`. As any other: says READY=1 in its own name, which is not init's to say. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int say_ready(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/host/notify"};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&address, sizeof(address)) == 7 ? 0 : 1;
}

static void answer(int number)
{
        if (number == SIGTERM)
                _exit(0);
        (void)say_ready();
}

int main(void)
{
        if (getpid() != 1) {
                int failed = say_ready();

                (void)puts(failed ? "refused" : "sent");
                return 0;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        (void)signal(SIGTERM, answer);
        (void)signal(SIGUSR1, answer);
        (void)!write(1, "listening\n", 10);
        for (;;)
                (void)pause();
}
