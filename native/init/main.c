/* vps-init: process 1 of a server whose root file system has no init, or wants none. Without arguments it
 * stays up with no service at all ("persist", as a jail does); arguments are one command, whose end is the
 * server's end.
 *
 * Situation: executed by descriptor as pid 1 of a new pid namespace, static, so that no file of the guest is
 * needed; descriptors 0, 1, 2 are the server's console. The supervisor sends signals from outside. They are
 * blocked and read, never handled: what comes before we wait for it is kept by the kernel, so a stop right
 * after a start is not lost. */
#include "command.h"
#include "inbox.h"
#include "notify.h"
#include "reap.h"
#include "shutdown.h"
#include "signals.h"

#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every way a host or a guest's tools ask an init to end: SIGTERM; SIGINT from Ctrl-Alt-Del; SIGPWR as
 * sysvinit knows it; busybox's halt and poweroff; systemd's SIGRTMIN+3. */
static bool asks_to_end(int number)
{
        return number == SIGTERM || number == SIGINT || number == SIGPWR || number == SIGUSR1 ||
               number == SIGUSR2 || number == SIGRTMIN + 3;
}

static bool is_forwarded(int number)
{
        return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT ||
               number == SIGUSR1 || number == SIGUSR2 || number == SIGWINCH;
}

static int persist(void)
{
        notify_ready();
        for (;;) {
                int number = inbox_next(-1);

                if (number == SIGCHLD)
                        (void)reap_all(0, NULL);
                else if (asks_to_end(number))
                        break;
        }
        shutdown_all();
        return EXIT_SUCCESS;
}

static int run(char **argv)
{
        pid_t command = command_start(argv);
        int status = 0;

        if (command < 0)
                return -command;
        notify_ready();
        for (;;) {
                int number = inbox_next(-1);

                if (number == SIGCHLD && reap_all(command, &status))
                        break;
                if (is_forwarded(number))
                        (void)kill(command, number);
        }
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
        signals_block_all();
        /* As an ordinary process a shutdown's kill(-1) would hit the whole host. */
        if (getpid() != 1) {
                (void)fputs("vps-init: runs only as process 1 of a server\n", stderr);
                return 125;
        }
        (void)prctl(PR_SET_NAME, "vps-init");
        (void)close_range(STDERR_FILENO + 1, ~0U, 0);
        if (inbox_open() < 0) {
                perror("vps-init: signalfd");
                return 125;
        }
        return argc > 1 ? run(argv + 1) : persist();
}
