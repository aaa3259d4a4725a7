/* Is refused exactly N forks: makes sleeping children until the kernel makes no more, which is the first
 * refusal, then asks N - 1 times again. Prints how many were refused, all of them for EAGAIN. The children
 * are gone when it ends.
 *
 *   refused-forks N */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 10000 };

static pid_t children[MOST];
static int made;

static void sleep_on(void)
{
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
                (void)pause();
}

/* True when it was refused. */
static int try(void)
{
        pid_t child = fork();

        if (child == 0)
                sleep_on();
        if (child > 0)
                children[made++] = child;
        return child < 0;
}

int main(int argc, char **argv)
{
        int wanted = argc > 1 ? atoi(argv[1]) : 0, refused = 0, failed = 0;

        while (refused < wanted && made < MOST) {
                if (!try())
                        continue;
                failed = failed || errno != EAGAIN;
                refused++;
        }
        for (int i = 0; i < made; i++)
                (void)kill(children[i], SIGKILL);
        while (wait(NULL) > 0)
                ;
        printf("refused %d\n", refused);
        return failed || refused != wanted;
}
