#include "target.h"

#include "cleanup.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        EXITING = 0x4, /* PF_EXITING of the kernel, in field 9 of /proc/PID/stat */
        STEP_MS = 5,
};

static int read_file(pid_t pid, const char *file, char *text, size_t size)
{
        char path[64];
        _cleanup_fd_ int fd = -1;
        ssize_t got;

        (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        got = read(fd, text, size - 1);
        if (got < 0)
                return -errno;
        text[got] = '\0';
        return 0;
}

/* Flags (field 9) and start time (22). The name in field 2 may hold spaces and parentheses: count from the
 * last one. */
static int read_stat(pid_t pid, unsigned *flags, long long *start)
{
        char text[1024];
        const char *fields;
        int error = read_file(pid, "stat", text, sizeof(text));

        if (error)
                return error == -ENOENT ? -ESRCH : error;
        fields = strrchr(text, ')');
        if (!fields ||
            sscanf(fields,
                   ") %*c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld", flags,
                   start) != 2)
                return -EBADMSG;
        return 0;
}

static rlim_t limit_value(const char *text)
{
        return strncmp(text, "unlimited", 9) == 0 ? RLIM_INFINITY : (rlim_t)strtoull(text, NULL, 10);
}

/* A heading, then a line a limit, in the order of their numbers: a name of 26 columns, the soft limit in 21,
 * the hard one. Unlike prlimit(2) this takes no privilege over a process that is the server's, not ours. */
static int read_rlimits(struct target *target)
{
        enum { HEADING = 1, SOFT = 26, HARD = 47 };
        char text[4096], *rest = text, *line;
        int error = read_file(target->init, "limits", text, sizeof(text));

        for (int number = -HEADING; !error && number < RLIM_NLIMITS; number++) {
                line = strsep(&rest, "\n");
                if (!line || strlen(line) <= HARD)
                        return -EBADMSG;
                if (number >= 0)
                        target->limits[number] = (struct rlimit){.rlim_cur = limit_value(line + SOFT),
                                                                 .rlim_max = limit_value(line + HARD)};
        }
        return error;
}

/* The command gets what the server's init has, not what the admin's shell happens to have. */
static int read_limits(struct target *target)
{
        char *end;
        int error = read_rlimits(target);

        if (error)
                return error;
        if (read_file(target->init, "oom_score_adj", target->oom_score, sizeof(target->oom_score)) < 0)
                target->oom_score[0] = '\0';
        end = strchr(target->oom_score, '\n');
        if (end)
                *end = '\0';
        return 0;
}

int target_open(struct target *target, pid_t init, long long start)
{
        unsigned flags;
        long long found;
        int error;

        *target = (struct target){.init = init, .pidfd = sys_pidfd_open(init)};
        if (target->pidfd < 0)
                return -errno;
        error = read_stat(init, &flags, &found);
        if (!error && found != start)
                error = -ESRCH;
        if (!error)
                error = read_limits(target);
        /* Still alive now: so everything above was read from the process that the descriptor holds. */
        if (!error && sys_pidfd_send_signal(target->pidfd, 0) < 0)
                error = -errno;
        if (error)
                close_fd(&target->pidfd);
        return error;
}

bool target_ends(const struct target *target, int patience_ms)
{
        struct pollfd ended = {.fd = target->pidfd, .events = POLLIN};
        unsigned flags;
        long long start;

        for (;;) {
                if (poll(&ended, 1, 0) > 0 || read_stat(target->init, &flags, &start) < 0 ||
                    (flags & EXITING))
                        return true;
                if (patience_ms <= 0)
                        return false;
                patience_ms -= STEP_MS;
                (void)poll(&ended, 1, STEP_MS);
        }
}
