#include "state.h"

#include "cleanup.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const state_names[] = {"starting", "running", "stopping", "restarting"};
static const char *const health_names[] = {"", "starting", "healthy", "unhealthy"};

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

        if (length < (int)size && server->health.state != HEALTH_UNCHECKED)
                length += snprintf(text + length, size - (size_t)length,
                                   "health=%s\nhealth_since=%lld\nhealth_reason=%s\n",
                                   health_names[server->health.state], (long long)server->health.since,
                                   server->health.reason);
        return length < (int)size ? length : (int)size - 1;
}

void state_write(const struct server *server)
{
        char text[8192];

        /* A full disk is no reason to stop a server, nor to tell what is no longer so. */
        (void)file_renew(server->run_dir, "state", text, (size_t)state_text(server, text, sizeof(text)));
}

void state_write_exit(const struct server *server, const char *how, int gave_up)
{
        char text[256], after[32] = "";
        int length;

        if (gave_up > 0)
                (void)snprintf(after, sizeof(after), " gave-up %d", gave_up);
        length = snprintf(text, sizeof(text), "%s%s %lld\n", how, after, (long long)time(NULL));

        (void)file_renew(server->storage_dir, "exit", text, (size_t)length);
}

int state_begin(struct server *server, struct fault *fault)
{
        char text[8192];

        server->state = STATE_STARTING;
        server->since = time(NULL);
        if (file_replace(server->run_dir, "state", text, (size_t)state_text(server, text, sizeof(text))) < 0)
                return fault_errno_in(fault, "write", plan_setting(&server->plan, "run-dir"), "state");
        return 0;
}

void state_change(struct server *server, enum state state)
{
        server->state = state;
        server->since = time(NULL);
        state_write(server);
}

int state_store_plan(const struct server *server, struct fault *fault)
{
        const char *run_dir = plan_setting(&server->plan, "run-dir");
        _cleanup_fd_ int file =
                openat(server->run_dir, "plan", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (file < 0)
                return fault_errno_in(fault, "open", run_dir, "plan");
        if (file_write_all(file, server->plan.words.data, server->plan.words.size) < 0)
                return fault_errno_in(fault, "write", run_dir, "plan");
        return 0;
}
