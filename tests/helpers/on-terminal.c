/* Runs a command on a terminal of its own, as a terminal emulator does: for tests of what needs one.
 *
 *   on-terminal ROWS COLUMNS COMMAND ARG…
 *
 * stdin is what is typed, stdout what appears on the screen; the end of stdin types nothing. SIGUSR1 makes
 * the window 50x132; SIGUSR2 hangs up. Descriptor 3 is handed on. When the command has ended, stderr gets
 * `modes same` or `modes changed` and the exit status is the command's, 128+n for a signal. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

static int master, slave;

/* False at the end. */
static int pass(int from, int to)
{
        char data[4096];
        ssize_t got = read(from, data, sizeof(data));

        for (ssize_t done = 0; done < got;) {
                ssize_t written = write(to, data + done, (size_t)(got - done));

                if (written < 0)
                        return 0;
                done += written;
        }
        return got > 0;
}

static void start(char **argv)
{
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        close(master);
        if (login_tty(slave) < 0)
                _exit(120);
        execvp(argv[0], argv);
        _exit(121);
}

int main(int argc, char **argv)
{
        struct termios before, after;
        struct winsize size;
        int status = 0, input = 0, same = 0;
        sigset_t taken;
        pid_t pid;

        if (argc < 4)
                return 122;
        size = (struct winsize){.ws_row = (unsigned short)atoi(argv[1]),
                                .ws_col = (unsigned short)atoi(argv[2])};
        if (openpty(&master, &slave, NULL, NULL, &size) < 0)
                return 123;
        fcntl(master, F_SETFD, FD_CLOEXEC);
        tcgetattr(slave, &before);
        sigemptyset(&taken);
        sigaddset(&taken, SIGCHLD);
        sigaddset(&taken, SIGUSR1);
        sigaddset(&taken, SIGUSR2);
        sigprocmask(SIG_BLOCK, &taken, NULL);
        pid = fork();
        if (pid == 0)
                start(argv + 3);
        int signals = signalfd(-1, &taken, SFD_CLOEXEC);
        for (;;) {
                struct pollfd polls[] = {{.fd = signals, .events = POLLIN},
                                         {.fd = master, .events = POLLIN},
                                         {.fd = input, .events = POLLIN}};
                struct signalfd_siginfo info;

                if (poll(polls, 3, -1) < 0)
                        continue;
                if (polls[1].revents && !pass(master, 1))
                        master = -1;
                if (polls[2].revents && !pass(0, master))
                        input = -1;
                if (!polls[0].revents || read(signals, &info, sizeof(info)) != sizeof(info))
                        continue;
                if (info.ssi_signo == SIGUSR1) {
                        size = (struct winsize){.ws_row = 50, .ws_col = 132};
                        ioctl(master, TIOCSWINSZ, &size);
                } else if (info.ssi_signo == SIGUSR2) {
                        close(master);
                        master = -1;
                } else if (waitpid(pid, &status, WNOHANG) == pid) {
                        break;
                }
        }
        for (struct pollfd rest = {.fd = master, .events = POLLIN};
             poll(&rest, 1, 50) > 0 && pass(master, 1);)
                ;
        /* A command killed by SIGKILL has its terminal put back by another process: give that a moment. */
        for (int look = 0; look < 100; look++) {
                tcgetattr(slave, &after);
                same = before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag &&
                       before.c_oflag == after.c_oflag;
                if (same)
                        break;
                usleep(10000);
        }
        fprintf(stderr, "modes %s\n", same ? "same" : "changed");
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
