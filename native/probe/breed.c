#include "numbers.h"
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The kernel ends it when the probe ends, however that comes; init reaps it. */
static _Noreturn void idle(pid_t probe)
{
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == probe) /* else it was gone before it could be named */
                for (;;)
                        (void)pause();
        _exit(0);
}

int breed(char **words)
{
        int64_t most = number(words[0], 1), children = 0;
        const pid_t probe = getpid();
        int problem = 0;

        say("start %lld\n", (long long)most);
        while (children < most && !problem) {
                pid_t child = fork();

                if (child == 0)
                        idle(probe);
                if (child < 0)
                        problem = errno;
                else
                        children++;
        }
        if (problem)
                say("refused %s\n", strerrorname_np(problem));
        say("children %lld\n", (long long)children);
        hold();
        return EXIT_SUCCESS;
}
