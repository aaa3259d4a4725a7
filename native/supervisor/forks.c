/* Before Linux 6.12 the kernel counts a refused fork in the group of the process that asked, wherever the
 * limit is, and tells those who watch that group only. So on such a kernel the payload's tree is summed up,
 * at samples. What a group had counted is lost with the group, unless a sample came before its end; a server
 * whose init makes no groups with the pids controller (busybox, vps-init) loses nothing. */
#include "forks.h"

#include "cleanup.h"
#include "files.h"
#include "sample.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>

enum { EVENTS_BYTES = 64, ENTRY_BYTES = 1024, DEEPEST = 32, MOST_GROUPS = 10000 };

static int64_t refused_in(const char *events)
{
        int64_t figure;

        return figure_in(events, "max", &figure) ? figure : 0;
}

static int64_t refused_below(int group, int depth, int *groups);

/* One that has no such file has not got the controller, nor has anything below it. */
static int64_t refused_at(int parent, const char *name, int depth, int *groups)
{
        _cleanup_fd_ int group = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        char events[EVENTS_BYTES];

        if (group < 0 || file_read(group, "pids.events", events, sizeof(events)) < 0)
                return 0;
        return refused_in(events) + refused_below(group, depth, groups);
}

/* With a bound to both, as the server makes the groups. */
static int64_t refused_below(int group, int depth, int *groups)
{
        _Alignas(struct dirent64) char entries[ENTRY_BYTES];
        _cleanup_fd_ int list = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int64_t sum = 0;
        ssize_t got;

        if (list < 0 || depth == DEEPEST)
                return 0;
        while ((got = getdents64(list, entries, sizeof(entries))) > 0)
                for (char *at = entries; at < entries + got; at += ((struct dirent64 *)at)->d_reclen) {
                        const struct dirent64 *entry = (struct dirent64 *)at;

                        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && (*groups)++ < MOST_GROUPS)
                                sum += refused_at(group, entry->d_name, depth + 1, groups);
                }
        return sum;
}

int64_t forks_refused(int payload, const char *events)
{
        bool hierarchical = faccessat(payload, "pids.events.local", F_OK, 0) == 0;
        int groups = 0;

        return refused_in(events) + (hierarchical ? 0 : refused_below(payload, 0, &groups));
}
