#include "cgroup.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int make_and_open(int parent, const char *name, struct fault *fault)
{
        int dir;

        if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
                return fault_errno(fault, "mkdir", name);
        dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return dir < 0 ? fault_errno(fault, "open", name) : dir;
}

/* The files that /sys/kernel/cgroup/delegate names: with these the guest's init rules below its payload, not
 * above. */
const char *const cgroup_delegated[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control", NULL};

int cgroup_delegate(const struct server *server, struct fault *fault)
{
        int dir = server->payload;

        /* Past our umask: the users' own systemd must reach its group through this one. */
        if (fchmod(dir, 0755) < 0)
                return fault_errno(fault, "chmod", "payload");
        if (fchown(dir, server->id_base, server->id_base) < 0)
                return fault_errno(fault, "chown", "payload");
        for (const char *const *file = cgroup_delegated; *file; file++)
                if (fchmodat(dir, *file, 0644, 0) < 0 ||
                    fchownat(dir, *file, server->id_base, server->id_base, 0) < 0)
                        return fault_errno(fault, "chown", *file);
        return 0;
}

static int open_payload(struct server *server, struct fault *fault)
{
        server->payload = make_and_open(server->cgroup, "payload", fault);
        return server->payload < 0 ? -1 : cgroup_delegate(server, fault);
}

int cgroup_make(struct server *server, const struct step *step, int *supervisor_dir, struct fault *fault)
{
        if (mkdir(step->args[0], 0755) < 0 && errno != EEXIST)
                return fault_errno(fault, "mkdir", step->args[0]);
        server->cgroup = open(step->args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (server->cgroup < 0)
                return fault_errno(fault, "open", step->args[0]);
        *supervisor_dir = make_and_open(server->cgroup, "supervisor", fault);
        return *supervisor_dir < 0 ? -1 : open_payload(server, fault);
}

int cgroup_write_file(int dir, const char *name, const char *text)
{
        _cleanup_fd_ int file = openat(dir, name, O_WRONLY | O_CLOEXEC);

        if (file < 0 || write(file, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

int cgroup_remove_patiently(int parent, const char *name)
{
        const struct timespec moment = {.tv_nsec = 1000000};

        for (int attempt = 0; attempt < 200; attempt++) {
                if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
                        return 0;
                if (errno != EBUSY)
                        return -errno;
                (void)nanosleep(&moment, NULL);
        }
        return -EBUSY;
}

static int remove_tree(int parent, const char *name);

int cgroup_remove_children(int dir)
{
        int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
        DIR *entries = copy < 0 ? NULL : fdopendir(copy);
        struct dirent *entry;

        if (!entries) {
                error = -errno;
                close_fd(&copy);
                return error;
        }
        /* A guest may call its groups what it likes: .hidden, too. */
        while ((entry = readdir(entries)))
                if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
                    strcmp(entry->d_name, "..") != 0) {
                        int failed = remove_tree(dir, entry->d_name);

                        error = error ? error : failed;
                }
        (void)closedir(entries);
        return error;
}

static int remove_tree(int parent, const char *name)
{
        _cleanup_fd_ int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        int error;

        if (dir < 0)
                return errno == ENOENT ? 0 : -errno;
        error = cgroup_remove_children(dir);
        return error ? error : cgroup_remove_patiently(parent, name);
}

bool cgroup_populated(int dir)
{
        _cleanup_fd_ int file = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
        char events[256];
        ssize_t got = file < 0 ? 0 : read(file, events, sizeof(events) - 1);

        events[got > 0 ? got : 0] = '\0';
        return !strstr(events, "populated 0");
}

void cgroup_kill_guests(const struct server *server)
{
        if (cgroup_populated(server->payload))
                (void)cgroup_write_file(server->payload, "cgroup.kill", "1");
}

void cgroup_remove(struct server *server)
{
        close_fd(&server->payload);
        (void)remove_tree(server->cgroup, "payload");
}
