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
static int delegate(const struct server *server, int dir, struct fault *fault)
{
        static const char *const files[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};

        /* Past our umask: the users' own systemd must reach its group through this one. */
        if (fchmod(dir, 0755) < 0)
                return fault_errno(fault, "chmod", "payload");
        if (fchown(dir, server->id_base, server->id_base) < 0)
                return fault_errno(fault, "chown", "payload");
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                if (fchownat(dir, files[i], server->id_base, server->id_base, 0) < 0)
                        return fault_errno(fault, "chown", files[i]);
        return 0;
}

static int open_payload(struct server *server, struct fault *fault)
{
        server->payload = make_and_open(server->cgroup, "payload", fault);
        return server->payload < 0 ? -1 : delegate(server, server->payload, fault);
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

/* A group whose processes have just been reaped may be busy for a moment longer. */
static int remove_patiently(int parent, const char *name)
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

static void remove_tree(int parent, const char *name)
{
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir) {
                close_fd(&fd);
                return;
        }
        while ((entry = readdir(dir)))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                        remove_tree(fd, entry->d_name);
        (void)closedir(dir);
        (void)remove_patiently(parent, name);
}

int cgroup_kill_guests(const struct server *server)
{
        return cgroup_write_file(server->payload, "cgroup.kill", "1");
}

int cgroup_renew_payload(struct server *server, struct fault *fault)
{
        close_fd(&server->payload);
        remove_tree(server->cgroup, "payload");
        return open_payload(server, fault);
}

void cgroup_remove(struct server *server)
{
        close_fd(&server->payload);
        remove_tree(server->cgroup, "payload");
}
