/* Starts a supervisor as the addon does, without Node around it, so that a start can be held against floor.c.
 *
 *   starter SUPERVISOR PLAN     PLAN: a file that holds an encoded launch plan
 *
 * Prints the microseconds from before the fork until the supervisor says that init's exec has succeeded. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PLAN_FD = 3, REPORT_FD = 4 };

static int64_t now_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void become_supervisor(const char *supervisor, int plan, int report)
{
        /* Out of the way first: either may be where the other has to go. */
        int null = open("/dev/null", O_RDWR), high_plan = fcntl(plan, F_DUPFD, 10),
            high_report = fcntl(report, F_DUPFD, 10);

        for (int fd = 0; fd < 3; fd++)
                if (dup2(null, fd) < 0)
                        _exit(1);
        if (high_plan < 0 || high_report < 0 || dup2(high_plan, PLAN_FD) < 0 ||
            dup2(high_report, REPORT_FD) < 0 || close(high_plan) < 0 || close(high_report) < 0 ||
            setsid() < 0)
                _exit(1);
        (void)execl(supervisor, "vps-supervisor: bench", NULL);
        _exit(1);
}

int main(int argc, char **argv)
{
        char text[4096] = "";
        size_t used = 0;
        int report[2], plan;
        int64_t begin;
        ssize_t got;

        if (argc != 3 || (plan = open(argv[2], O_RDONLY)) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM, 0, report) < 0) {
                (void)fprintf(stderr, "usage: starter SUPERVISOR PLAN\n");
                return 2;
        }
        begin = now_us();
        if (fork() == 0) {
                (void)close(report[0]);
                become_supervisor(argv[1], plan, report[1]);
        }
        (void)close(report[1]);
        while ((got = read(report[0], text + used, sizeof(text) - 1 - used)) > 0) {
                used += (size_t)got;
                text[used] = '\0';
                if (strstr(text, "\nstarted\t")) {
                        (void)printf("%lld\n", (long long)(now_us() - begin));
                        return 0;
                }
        }
        (void)fprintf(stderr, "starter: the server did not start: %s\n", text);
        return 1;
}
