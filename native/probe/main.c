/* vps-probe: uses up one resource inside a server, so that its limits can be measured from outside.
 *
 *   vps-probe SECONDS burn THREADS SECONDS | hoard BYTES | breed MOST |
 *                     transfer read|write FILE SIZE BLOCK SECONDS | look
 *
 * Situation: an ordinary process of a server made for this, static, so that no file of the server is needed.
 * The first SECONDS bound it whatever happens: the one who started it may be gone by then. */
#include "numbers.h"
#include "probe.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
        const char *name;
        int (*run)(char **words);
} experiments[] = {
        {"burn", burn}, {"hoard", hoard}, {"breed", breed}, {"transfer", transfer}, {"look", look}};

/* When memory runs out it is the probe that goes, not the server's init. */
static void volunteer(void)
{
        int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return;
        if (write(fd, "1000", 4) < 0)
                perror("vps-probe: oom_score_adj");
        (void)close(fd);
}

int main(int argc, char **argv)
{
        (void)signal(SIGPIPE, SIG_IGN);
        (void)signal(SIGALRM, SIG_DFL);
        if (argc >= 3) {
                (void)alarm((unsigned)number(argv[1], 1));
                volunteer();
                for (size_t i = 0; i < sizeof(experiments) / sizeof(experiments[0]); i++)
                        if (strcmp(argv[2], experiments[i].name) == 0)
                                return experiments[i].run(argv + 3);
        }
        (void)fputs("usage: vps-probe SECONDS burn|hoard|breed|transfer|look WORDS…\n", stderr);
        return EXIT_USAGE;
}
