#include "watch.h"

#include "cleanup.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whoever reads our standard streams to their end must not have to wait for the watcher. The terminal keeps
 * one descriptor, for the only thing we do to it. */
static int let_go_of_streams(const struct terminal *terminal)
{
        int kept = terminal->fd >= 0 && terminal->known ? fcntl(terminal->fd, F_DUPFD_CLOEXEC, 3) : -1;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = 0; fd <= 2; fd++)
                if (null < 0 || dup2(null, fd) < 0)
                        (void)close(fd);
        return kept;
}

/* Situation: forked, everything inherited, all signals blocked. A byte on the line says goodbye; its end
 * without one says that vps-attach was killed. */
static _Noreturn void keep_watch(int line, const struct command_group *group, const struct terminal *terminal)
{
        int kept;
        char goodbye;
        ssize_t got;

        (void)setsid();
        (void)prctl(PR_SET_NAME, "vps-watch");
        (void)prctl(PR_SET_PDEATHSIG, 0);
        kept = let_go_of_streams(terminal);
        do
                got = read(line, &goodbye, 1);
        while (got < 0 && errno == EINTR);
        if (got == 1)
                _exit(0);
        group_kill(group);
        if (kept >= 0)
                (void)tcsetattr(kept, TCSANOW, &terminal->modes);
        group_remove_patiently(group);
        _exit(0);
}

int watch_start(struct watch *watch, const struct command_group *group, const struct terminal *terminal)
{
        int line[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0)
                return -errno;
        watch->line = line[0];
        watch->pid = fork();
        if (watch->pid == 0) {
                (void)close(line[0]);
                keep_watch(line[1], group, terminal);
        }
        (void)close(line[1]);
        if (watch->pid < 0) {
                close_fd(&watch->line);
                return -errno;
        }
        return 0;
}

void watch_end(struct watch *watch)
{
        if (watch->pid <= 0)
                return;
        (void)send(watch->line, "q", 1, MSG_NOSIGNAL);
        close_fd(&watch->line);
        while (waitpid(watch->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        watch->pid = 0;
}
