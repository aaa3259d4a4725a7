/* vps-supervisor: runs one server. It is started by the addon with the launch plan in descriptor 3 and the
 * report channel in descriptor 4, leaves its starter at once, boots the server, and stays as the parent of
 * its init.
 *
 *   vps-supervisor              as above
 *   vps-supervisor devices      tells by its exit status whether this kernel can guard devices (devices.h)
 *   vps-supervisor network-apply, network-undo
 *                               change a running server's network, remove a dead one's (network/live.h)
 *   vps-supervisor seccomp      compiles a filter description (seccomp_compile.h); needs no privilege
 */
#include "boot.h"
#include "cgroup.h"
#include "cgroup_limits.h"
#include "cleanup.h"
#include "devices.h"
#include "inheritance.h"
#include "limits.h"
#include "network/live.h"
#include "report.h"
#include "seccomp_compile.h"
#include "state.h"
#include "supervisor.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum { PLAN_FD = 3, REPORT_FD = 4 };

int64_t now_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_directory(const struct plan *plan, const char *key, struct fault *fault)
{
        const char *path = plan_setting(plan, key);
        int dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        if (!path)
                return fault_set(fault, EINVAL, "plan", key);
        return dir < 0 ? fault_errno(fault, "open", path) : dir;
}

static int open_init_program(struct server *server, struct fault *fault)
{
        const char *path = plan_setting(&server->plan, "init-program");

        server->init_program = -1;
        if (!path)
                return 0;
        server->init_program = open(path, O_PATH | O_CLOEXEC);
        return server->init_program < 0 ? fault_errno(fault, "open", path) : 0;
}

/* The run directory is ours while the lock is held; whoever holds it still runs this server. */
static int lock_run_directory(struct server *server, struct fault *fault)
{
        const char *run_dir = plan_setting(&server->plan, "run-dir");

        server->lock = openat(server->run_dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (server->lock < 0)
                return fault_errno_in(fault, "open", run_dir, "lock");
        return flock(server->lock, LOCK_EX | LOCK_NB) < 0 ? fault_errno_in(fault, "flock", run_dir, "lock")
                                                          : 0;
}

static int open_server(struct server *server, struct fault *fault)
{
        const char *problem;
        int error = plan_read(PLAN_FD, &server->plan, &problem);

        if (error)
                return fault_set(fault, -error, "plan", problem);
        server->name = plan_setting(&server->plan, "name");
        if (!server->name)
                return fault_set(fault, EINVAL, "plan", "name");
        server->id_base = (uid_t)plan_number(&server->plan, "id-base", 0);
        if (server->id_base == 0)
                return fault_set(fault, EINVAL, "plan", "id-base");
        server->run_dir = open_directory(&server->plan, "run-dir", fault);
        if (server->run_dir < 0)
                return -1;
        server->storage_dir = open_directory(&server->plan, "storage-dir", fault);
        if (server->storage_dir < 0)
                return -1;
        server->own_pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        if (server->own_pid_ns < 0)
                return fault_errno(fault, "open", "/proc/self/ns/pid");
        return open_init_program(server, fault) < 0 ? -1 : lock_run_directory(server, fault);
}

static bool awaits_scope(const struct server *server)
{
        return plan_number(&server->plan, "await-scope", 0) != 0;
}

/* On a systemd host the starter first asks systemd for a scope around this process, and says so with one
 * byte. */
static int await_scope(const struct server *server, struct fault *fault)
{
        char go;

        if (!awaits_scope(server))
                return 0;
        return read(REPORT_FD, &go, 1) == 1 ? 0 : fault_set(fault, ECANCELED, "read", "scope");
}

static int make_cgroup(struct server *server, int *supervisor_dir, struct fault *fault)
{
        for (size_t i = 0; i < server->plan.count; i++)
                if (step_is(&server->plan.steps[i], "cgroup")) {
                        fault->step = (int)i;
                        return cgroup_make(server, &server->plan.steps[i], supervisor_dir, fault);
                }
        return fault_set(fault, EINVAL, "plan", "no step makes a cgroup");
}

static int set_limits(struct supervisor *supervisor, struct fault *fault)
{
        int64_t begin = now_us();

        if (awaits_scope(&supervisor->server) && cgroup_await_empty(&supervisor->server, fault) < 0)
                return -1;
        if (cgroup_limits_apply(&supervisor->server, fault) < 0)
                return -1;
        report_phase(supervisor->report, "limits", now_us() - begin);
        return 0;
}

/* The server's tree, and all that is set on it, before a process is in it. Only a scope of systemd's has one:
 * this one, so the limits are left to the child. */
static int make_tree(struct supervisor *supervisor, int *supervisor_dir, struct fault *fault)
{
        int64_t begin = now_us();

        if (make_cgroup(&supervisor->server, supervisor_dir, fault) < 0)
                return -1;
        fault->step = -1;
        report_phase(supervisor->report, "cgroup", now_us() - begin);
        return awaits_scope(&supervisor->server) ? 0 : set_limits(supervisor, fault);
}

static int start(struct supervisor *supervisor, struct fault *fault)
{
        if (state_store_plan(&supervisor->server, fault) < 0 || supervisor_open(supervisor, fault) < 0)
                return -1;
        if (state_begin(&supervisor->server, fault) < 0)
                return -1;
        if (awaits_scope(&supervisor->server) && set_limits(supervisor, fault) < 0)
                return -1;
        if (boot_prepare(&supervisor->server, supervisor->report, fault) < 0)
                return -1;
        return boot(&supervisor->server, supervisor->report, fault);
}

/* Situation: born in CGROUP/supervisor, in a session of its own, the starter no longer its parent. */
static int supervise(struct supervisor *supervisor)
{
        struct fault fault = {.step = -1};

        if (start(supervisor, &fault) < 0) {
                report_fault(supervisor->report, &supervisor->server.plan, &fault);
                leave(supervisor); /* the report channel ends when nothing is left */
                return 1;
        }
        supervisor_started(supervisor);
        supervisor_run(supervisor);
        return 0;
}

static void init_supervisor(struct supervisor *supervisor)
{
        struct server *server = &supervisor->server;

        *supervisor = (struct supervisor){.report = REPORT_FD, .signals = -1, .listener = -1};
        for (int i = 0; i < MAX_CLIENTS; i++)
                supervisor->clients[i].fd = -1;
        server->run_dir = server->storage_dir = server->lock = server->init_program = -1;
        server->cgroup = server->payload = server->own_pid_ns = server->user_ns = server->net_ns = -1;
        server->init_pidfd = server->console_master = server->console_slave = server->notify = -1;
        server->usage = -1;
        supervisor->health.program = supervisor->health.said = -1;
}

static int fail(struct supervisor *supervisor, const struct fault *fault)
{
        report_fault(supervisor->report, &supervisor->server.plan, fault);
        return 1;
}

int main(int argc, char **argv)
{
        static struct supervisor supervisor;
        struct fault fault = {.step = -1};
        int supervisor_dir = -1;
        pid_t child;

        if (argc == 2 && strcmp(argv[1], "seccomp") == 0)
                return seccomp_compile(STDIN_FILENO, STDOUT_FILENO);
        if (argc == 2 && strcmp(argv[1], "devices") == 0)
                return devices_probe();
        if (argc == 2 && strcmp(argv[1], "network-apply") == 0)
                return network_apply(PLAN_FD);
        if (argc == 2 && strcmp(argv[1], "network-undo") == 0)
                return network_undo(PLAN_FD);
        init_supervisor(&supervisor);
        (void)prctl(PR_SET_NAME, "vps-supervisor");
        (void)umask(077);
        shed_scheduling();
        limits_shed();
        if (fcntl(PLAN_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0) {
                (void)fprintf(stderr, "vps-supervisor: is started by vps, with a launch plan\n");
                return 2;
        }
        if (open_server(&supervisor.server, &fault) < 0)
                return fail(&supervisor, &fault);
        if (await_scope(&supervisor.server, &fault) < 0)
                return fail(&supervisor, &fault);
        if (make_tree(&supervisor, &supervisor_dir, &fault) < 0) {
                cgroup_remove(&supervisor.server);
                leave(&supervisor);
                return fail(&supervisor, &fault);
        }
        child = sys_clone3(0, SIGCHLD, supervisor_dir);
        if (child < 0) {
                (void)fault_errno(&fault, "clone3", "CGROUP/supervisor");
                leave(&supervisor);
                return fail(&supervisor, &fault);
        }
        if (child > 0)
                return 0;
        close_fd(&supervisor_dir);
        return supervise(&supervisor);
}
