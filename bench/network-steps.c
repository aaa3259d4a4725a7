/* How long a server's network takes to come and to go: the steps of the launch plan at descriptor 3, done and
 * undone in a new network namespace each time, ROUNDS times. Prints a line for each: microseconds to raise,
 * to lower. */
#include "../native/supervisor/network/network.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PLAN_FD = 3 };

static int64_t now_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what, const struct fault *fault)
{
        (void)fprintf(stderr, "network-steps: %s: %s %s: %s\n", what, fault->call, fault->path,
                      strerror(fault->error));
        exit(1);
}

static int new_namespace(int own)
{
        int made;

        if (unshare(CLONE_NEWNET) < 0)
                return -1;
        made = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        return setns(own, CLONE_NEWNET) < 0 ? -1 : made;
}

int main(int argc, char **argv)
{
        int rounds = argc > 1 ? atoi(argv[1]) : 1, own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        struct fault fault = {.step = -1};
        const char *problem = "";
        struct plan plan;

        if (plan_read(PLAN_FD, &plan, &problem))
                die(problem, &fault);
        for (int i = 0; i < rounds; i++) {
                struct network network = {0};
                int net_ns = new_namespace(own);
                int64_t begin = now_us(), raised;

                if (network_raise(&network, &plan, net_ns, &fault) < 0)
                        die("raise", &fault);
                raised = now_us();
                if (network_lower(&network, &plan, net_ns, &fault) < 0)
                        die("lower", &fault);
                (void)printf("%lld %lld\n", (long long)(raised - begin), (long long)(now_us() - raised));
                (void)close(net_ns);
        }
        plan_free(&plan);
        return 0;
}
