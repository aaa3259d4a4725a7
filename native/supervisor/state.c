#include "state.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const state_names[] = {"starting", "running", "stopping", "restarting"};

long long process_start(pid_t pid)
{
        char path[64], text[1024];
        _cleanup_fd_ int file = -1;
        ssize_t got;
        char *field;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        file = open(path, O_RDONLY | O_CLOEXEC);
        got = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
        if (got <= 0)
                return 0;
        text[got] = '\0';
        field = strrchr(text, ')'); /* the name before it may hold anything, blanks included */
        for (int i = 0; field && i < 20; i++)
                field = strchr(field + 1, ' ');
        return field ? atoll(field + 1) : 0;
}

static unsigned long namespace_inode(int fd)
{
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

int state_text(const struct server *server, char *text, size_t size)
{
        const char *uuid = plan_setting(&server->plan, "uuid");
        const char *cgroup = plan_setting(&server->plan, "cgroup");
        int length = snprintf(text, size,
                              "name=%s\nuuid=%s\nsupervisor=%d\nsupervisor_start=%lld\ninit=%d\ninit_start=%"
                              "lld\nstate=%s\nready=%d\n"
                              "since=%lld\nrestarts=%d\ncgroup=%s\nid_base=%u\nnetns=%lu\n",
                              server->name, uuid ? uuid : "", getpid(), process_start(getpid()), server->init,
                              server->init > 0 ? process_start(server->init) : 0, state_names[server->state],
                              server->ready, (long long)server->since, server->restarts, cgroup ? cgroup : "",
                              server->id_base, namespace_inode(server->net_ns));

        return length < (int)size ? length : (int)size - 1;
}

/* Readers see the old text or the new one, never half of it. A full disk keeps the old one: that is no reason
 * to stop a server. */
static void replace(int dir, const char *name, const char *text, size_t length)
{
        char temporary[64];
        _cleanup_fd_ int file = -1;

        (void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
        file = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (file < 0)
                return;
        if (write(file, text, length) != (ssize_t)length || renameat(dir, temporary, dir, name) < 0)
                (void)unlinkat(dir, temporary, 0);
}

void state_write(const struct server *server)
{
        char text[8192];

        replace(server->run_dir, "state", text, (size_t)state_text(server, text, sizeof(text)));
}

void state_write_exit(const struct server *server, const char *how)
{
        char text[256];
        int length = snprintf(text, sizeof(text), "%s %lld\n", how, (long long)time(NULL));

        replace(server->storage_dir, "exit", text, (size_t)length);
}

void state_change(struct server *server, enum state state)
{
        server->state = state;
        server->since = time(NULL);
        state_write(server);
}

int state_store_plan(const struct server *server, struct fault *fault)
{
        _cleanup_fd_ int file =
                openat(server->run_dir, "plan", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (file < 0)
                return fault_errno(fault, "open", "plan");
        if (write(file, server->plan.words.data, server->plan.words.size) != (ssize_t)server->plan.words.size)
                return fault_errno(fault, "write", "plan");
        return 0;
}
