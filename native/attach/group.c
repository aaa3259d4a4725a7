#include "group.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

static const char prefix[] = "vps-attach-";

enum { PATIENCE = 400, STEP_NS = 5000000 };

/* A group whose maker lives is in use, or about to be. */
static void sweep(int parent)
{
        int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *entry;

        if (!dir) {
                close_fd(&copy);
                return;
        }
        while ((entry = readdir(dir))) {
                long maker = 0;

                if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0)
                        maker = strtol(entry->d_name + sizeof(prefix) - 1, NULL, 10);
                if (entry->d_type == DT_DIR && maker > 0 && kill((pid_t)maker, 0) < 0 && errno == ESRCH)
                        (void)unlinkat(parent, entry->d_name, AT_REMOVEDIR);
        }
        (void)closedir(dir);
}

static int open_parent(const char *cgroup)
{
        _cleanup_fd_ int top = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int parent;

        if (top < 0)
                return -errno;
        parent = openat(top, "payload", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return parent < 0 ? -errno : parent;
}

int group_make(struct command_group *group, const char *cgroup)
{
        unsigned noise = 0;

        *group = (struct command_group){.dir = -1, .parent = -1};
        if (!cgroup[0])
                return 0;
        group->parent = open_parent(cgroup);
        if (group->parent < 0)
                return group->parent;
        sweep(group->parent);
        if (getrandom(&noise, sizeof(noise), 0) < 0)
                return -errno;
        (void)snprintf(group->id, sizeof(group->id), "%s%d-%08x", prefix, getpid(), noise);
        if (mkdirat(group->parent, group->id, 0755) < 0)
                return -errno;
        group->dir = openat(group->parent, group->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return group->dir < 0 ? -errno : 0;
}

void group_kill(const struct command_group *group)
{
        _cleanup_fd_ int file = -1;

        if (group->dir < 0)
                return;
        file = openat(group->dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
        if (file >= 0 && write(file, "1", 1) < 0)
                return; /* gone: so is what was in it */
}

void group_remove(const struct command_group *group)
{
        if (group->dir >= 0)
                (void)unlinkat(group->parent, group->id, AT_REMOVEDIR);
}

void group_remove_patiently(const struct command_group *group)
{
        const struct timespec moment = {.tv_nsec = STEP_NS};

        if (group->dir < 0)
                return;
        for (int attempt = 0; attempt < PATIENCE; attempt++) {
                if (unlinkat(group->parent, group->id, AT_REMOVEDIR) == 0 || errno != EBUSY)
                        return;
                (void)nanosleep(&moment, NULL);
        }
}
