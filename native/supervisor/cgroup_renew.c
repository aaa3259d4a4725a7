/* Payload outlives a restart from inside, so that limits, counts and peaks do. The guest has owned the
 * directory: all it could change there is made as it was at the start. What the guest could not change is
 * left alone: the limits, cgroup.type, and the program that guards devices.
 *
 *   processes       killed; frozen ones hear SIGKILL, too
 *   groups below    removed, whatever their names, depth, owners and modes; with them the threaded ones,
 * which made payload a domain of threads subtree_control emptied: with a controller in it no process could be
 * born in payload owners, modes   of the directory and the delegated files attributes      user.*, which
 * kernfs keeps for its owner and systemd reads */
#include "cgroup.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

enum { PATIENCE_US = 10000000, LIST_BYTES = 4096 };

/* The dead are counted until they have let go of everything. */
static int await_deaths(int payload, struct fault *fault)
{
        struct timespec moment = {.tv_nsec = 200000};
        int64_t deadline = now_us() + PATIENCE_US;

        while (cgroup_populated(payload)) {
                if (now_us() > deadline)
                        return fault_set(fault, EBUSY, "cgroup.kill", "payload: processes do not die");
                (void)nanosleep(&moment, NULL);
                if (moment.tv_nsec < 10000000)
                        moment.tv_nsec *= 2;
        }
        return 0;
}

static int take_back_controllers(int payload, struct fault *fault)
{
        _cleanup_fd_ int file = openat(payload, "cgroup.subtree_control", O_RDONLY | O_CLOEXEC);
        char present[LIST_BYTES], words[2 * LIST_BYTES] = "", *rest = present, *word;
        ssize_t got = file < 0 ? -1 : read(file, present, sizeof(present) - 1);

        if (got < 0)
                return fault_errno(fault, "read", "payload/cgroup.subtree_control");
        present[got] = '\0';
        while ((word = strtok_r(rest, " \n", &rest))) {
                size_t used = strlen(words);

                (void)snprintf(words + used, sizeof(words) - used, "%s-%s", used ? " " : "", word);
        }
        errno = *words ? -cgroup_write_file(payload, "cgroup.subtree_control", words) : 0;
        return errno ? fault_refused(fault, "write", "payload/cgroup.subtree_control", words) : 0;
}

/* Kernels before 5.7 have none, which is as good. */
static void forget_attributes(int dir, const char *name)
{
        static const char prefix[] = "user.";
        _cleanup_fd_ int file = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        char names[65536];
        ssize_t size = file < 0 ? -1 : flistxattr(file, names, sizeof(names));

        for (char *at = names; size > 0 && at < names + size; at += strlen(at) + 1)
                if (strncmp(at, prefix, sizeof(prefix) - 1) == 0)
                        (void)fremovexattr(file, at);
}

int cgroup_renew_payload(struct server *server, struct fault *fault)
{
        int payload = server->payload, error;

        cgroup_kill_guests(server);
        (void)cgroup_write_file(payload, "cgroup.freeze", "0"); /* paused when its init died */
        if (await_deaths(payload, fault) < 0)
                return -1;
        error = cgroup_remove_children(payload);
        if (error)
                return fault_set(fault, -error, "rmdir", "payload");
        if (take_back_controllers(payload, fault) < 0)
                return -1;
        forget_attributes(payload, ".");
        for (const char *const *file = cgroup_delegated; *file; file++)
                forget_attributes(payload, *file);
        return cgroup_delegate(server, fault);
}
