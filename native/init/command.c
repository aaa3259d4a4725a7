#include "command.h"

#include "cleanup.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* An init that has a controlling terminal holds it; its child could not take it. Letting go sends SIGHUP to
 * ourselves: drop that one, it is not for the command. */
static void release_terminal(void)
{
        const struct timespec now = {0};
        sigset_t hangup;

        if (getsid(0) != getpid() || ioctl(STDIN_FILENO, TIOCNOTTY) < 0)
                return;
        (void)sigemptyset(&hangup);
        (void)sigaddset(&hangup, SIGHUP);
        (void)sigtimedwait(&hangup, NULL, &now);
}

/* Situation: the forked child, about to become the command. A console that is no terminal is fine. */
static _Noreturn void become(char **argv, int failure)
{
        int error;

        (void)setsid();
        (void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
        (void)unsetenv("NOTIFY_SOCKET");
        signals_reset();
        (void)execvp(argv[0], argv);
        error = errno;
        if (write(failure, &error, sizeof(error)) != sizeof(error))
                _exit(126);
        _exit(127);
}

/* The channel closes by itself when exec succeeds: no bytes, no error. */
static int exec_error(int channel)
{
        int error = 0;
        ssize_t got;

        do
                got = read(channel, &error, sizeof(error));
        while (got < 0 && errno == EINTR);
        return got == sizeof(error) ? error : 0;
}

pid_t command_start(char **argv)
{
        int channel[2];
        pid_t pid;
        int error;

        if (pipe2(channel, O_CLOEXEC) < 0) {
                perror("vps-init: pipe");
                return -126;
        }
        _cleanup_fd_ int ours = channel[0];
        _cleanup_fd_ int theirs = channel[1];
        release_terminal();
        pid = fork();
        if (pid == 0)
                become(argv, theirs);
        close_fd(&theirs);
        if (pid < 0) {
                perror("vps-init: fork");
                return -126;
        }
        error = exec_error(ours);
        if (!error)
                return pid;
        (void)waitpid(pid, NULL, 0);
        (void)fprintf(stderr, "vps-init: %s: %s\n", argv[0], strerror(error));
        return error == ENOENT ? -127 : -126;
}
