#include "boot.h"

#include "builder.h"
#include "channel.h"
#include "cleanup.h"
#include "guest.h"
#include "idmap.h"
#include "namespaces.h"
#include "report.h"
#include "state.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct step *find_step(const struct plan *plan, const char *op, int *index)
{
        for (size_t i = 0; i < plan->count; i++)
                if (step_is(&plan->steps[i], op)) {
                        *index = (int)i;
                        return &plan->steps[i];
                }
        return NULL;
}

/* A descriptor from before unshare(2) still means the host's mount namespace: what is mounted there would be
 * refused. */
static int reopen_run_directory(struct server *server, struct fault *fault)
{
        const char *path = plan_setting(&server->plan, "run-dir");

        close_fd(&server->run_dir);
        server->run_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return server->run_dir < 0 ? fault_errno(fault, "open", path) : 0;
}

int boot_prepare(struct server *server, int report, struct fault *fault)
{
        int64_t begin = now_us();
        int index = -1;
        bool own_network = find_step(&server->plan, "network-namespace", &index) != NULL;
        const struct step *ids = find_step(&server->plan, "user-namespace", &fault->step);

        if (!ids)
                return fault_set(fault, EINVAL, "plan", "no step makes a user namespace");
        if (namespaces_private_mounts(fault) < 0 || reopen_run_directory(server, fault) < 0)
                return -1;
        if (namespaces_make(server, ids, own_network, fault) < 0)
                return -1;
        fault->step = -1;
        report_phase(report, "namespaces", now_us() - begin - server->net_ns_us);
        return 0;
}

/* Nothing of the server's runs before its network is there. */
static int raise_network(struct server *server, int report, struct fault *fault)
{
        int64_t begin = now_us(), made_before_us = server->net_ns_us;
        struct fault later = {.step = -1};

        if (server->restarts > 0 && server->net_ns >= 0) {
                made_before_us = 0;
                (void)network_lower_links(&server->network, &server->plan, server->net_ns, &later);
                if (namespaces_renew_network(server, fault) < 0)
                        return -1;
        }
        if (network_raise(&server->network, &server->plan, server->net_ns, fault) < 0)
                return -1;
        if (server->net_ns >= 0)
                report_phase(report, "network", now_us() - begin + made_before_us);
        return 0;
}

/* The scratch tmpfs at run/…/root: seen in the supervisor's mount namespace only. */
static int mount_scratch(struct server *server, struct fault *fault)
{
        const char *run_dir = plan_setting(&server->plan, "run-dir");

        if (mkdirat(server->run_dir, "root", 0700) < 0 && errno != EEXIST)
                return fault_errno_in(fault, "mkdir", run_dir, "root");
        if (fchdir(server->run_dir) < 0)
                return fault_errno(fault, "fchdir", run_dir);
        if (mount("vps", "root", "tmpfs", MS_NODEV | MS_NOSUID, "mode=755,size=64k") < 0)
                return fault_errno_in(fault, "mount", run_dir, "root");
        return chdir("/") < 0 ? fault_errno(fault, "chdir", "/") : 0;
}

/* With the whole tree on it: init has its own copy by now, or never will. */
static int drop_scratch(struct server *server, struct fault *fault)
{
        const char *run_dir = plan_setting(&server->plan, "run-dir");
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/root", run_dir);
        return umount2(path, MNT_DETACH) < 0 ? fault_errno(fault, "umount2", path) : 0;
}

/* Situation: in the server's pid, net, ipc and cgroup namespaces, with the host's credentials, in the
 * supervisor's mount namespace. Everything it mounts is copied, locked, when init leaves for a mount
 * namespace of its own. */
static _Noreturn void builder_main(struct server *server, int channel)
{
        struct message message = {.kind = MESSAGE_BUILT, .fault = {.step = -1}};
        struct builder builder = {.server = server, .scratch = -1, .root = -1, .built = {-1, -1, -1, -1, -1}};
        int fds[BUILT_FDS];

        (void)umask(0);
        builder.scratch = openat(server->run_dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (builder.scratch < 0)
                message.kind = MESSAGE_FAULT, (void)fault_errno(&message.fault, "open", "scratch");
        else if (build_root(&builder, &message.fault) < 0)
                message.kind = MESSAGE_FAULT;
        memcpy(fds, &builder.built, sizeof(fds));
        _exit(channel_send(channel, &message, fds, message.kind == MESSAGE_BUILT ? BUILT_FDS : 0) < 0);
}

/* One message, or end of file because exec closed the channel (0 then, with kind 0). */
static int expect(int channel, struct message *message, int *fds, int count, struct fault *fault)
{
        if (channel_receive(channel, message, fds, count) < 0) {
                if (errno != ECONNRESET)
                        return fault_errno(fault, "recvmsg", NULL);
                message->kind = 0;
                return 0;
        }
        if (message->kind == MESSAGE_FAULT) {
                *fault = message->fault;
                return -1;
        }
        return 0;
}

static int spawn_init(struct server *server, int channel[2], struct fault *fault)
{
        struct message message;

        server->init = namespaces_fork_init(server, fault);
        if (server->init == 0) {
                (void)close(channel[0]);
                guest_main(server, channel[1]);
        }
        close_fd(&channel[1]);
        if (server->init < 0)
                return -1;
        server->init_pidfd = sys_pidfd_open(server->init);
        if (server->init_pidfd < 0)
                return fault_errno(fault, "pidfd_open", NULL);
        if (expect(channel[0], &message, NULL, 0, fault) < 0)
                return -1;
        return message.kind == MESSAGE_BORN ? 0 : fault_set(fault, ECHILD, "clone3", "init died at once");
}

static int run_builder(struct server *server, struct built *built, struct fault *fault)
{
        struct message message;
        int channel[2], status = 0, result;
        pid_t builder;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
                return fault_errno(fault, "socketpair", NULL);
        builder = namespaces_fork_builder(server, fault);
        if (builder == 0) {
                if (fault->error == 0)
                        builder_main(server, channel[1]);
                (void)channel_send(channel[1], &(struct message){.kind = MESSAGE_FAULT, .fault = *fault},
                                   NULL, 0);
                _exit(1);
        }
        (void)close(channel[1]);
        result = builder < 0 ? -1 : expect(channel[0], &message, (int *)built, BUILT_FDS, fault);
        (void)close(channel[0]);
        while (builder > 0 && waitpid(builder, &status, 0) < 0 && errno == EINTR)
                ;
        if (result == 0 && message.kind != MESSAGE_BUILT)
                return fault_set(fault, ECHILD, "fork", "the builder died");
        return result;
}

static void adopt(struct server *server, struct built *built)
{
        close_fd(&server->console_master);
        close_fd(&server->console_slave);
        close_fd(&server->notify);
        close_fd(&server->usage);
        server->console_master = built->console_master;
        server->console_slave = built->console_slave;
        server->notify = built->notify;
        server->usage = built->usage;
}

static int raise_server(struct server *server, int channel[2], int report, struct fault *fault)
{
        struct built built = {-1, -1, -1, -1, -1};
        struct message message = {.kind = MESSAGE_GO};
        int64_t begin = now_us(), born, complete;
        int result;

        if (spawn_init(server, channel, fault) < 0)
                return -1;
        born = now_us();
        report_phase(report, "spawn", born - begin);
        if (run_builder(server, &built, fault) < 0)
                return -1;
        complete = now_us();
        report_phase(report, "rootfs", complete - born);
        adopt(server, &built);
        result = channel_send(channel[0], &message, &built.root, 1);
        close_fd(&built.root);
        if (result < 0)
                return fault_errno(fault, "send", NULL);
        if (expect(channel[0], &message, NULL, 0, fault) < 0)
                return -1;
        report_phase(report, "init", now_us() - complete);
        return 0;
}

static void abandon(struct server *server)
{
        if (server->init <= 0)
                return;
        (void)kill(server->init, SIGKILL);
        while (waitpid(server->init, NULL, 0) < 0 && errno == EINTR)
                ;
        server->init = 0;
        close_fd(&server->init_pidfd);
}

int boot(struct server *server, int report, struct fault *fault)
{
        int channel[2], result;

        fault->step = -1;
        fault->error = 0;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
                return fault_errno(fault, "socketpair", NULL);
        result = raise_network(server, report, fault);
        if (result == 0)
                result = mount_scratch(server, fault);
        if (result == 0) {
                struct fault later = {.step = -1};

                result = raise_server(server, channel, report, fault);
                if (drop_scratch(server, &later) < 0 && result == 0) {
                        *fault = later;
                        result = -1;
                }
        }
        close_fd(&channel[0]);
        close_fd(&channel[1]);
        if (result < 0)
                abandon(server);
        return result;
}
