#include "namespaces.h"

#include "cgroup.h"
#include "cleanup.h"
#include "limits.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void reap(pid_t pid)
{
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

/* Situation: a short-lived child that is in the new user namespace already. It makes the network namespace,
 * so that the user namespace owns it, and stays until the parent holds both. One byte in each direction, then
 * end of file. */
static _Noreturn void hold_namespaces(int channel, bool own_network)
{
        char byte;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(channel, &byte, 1) != 1)
                _exit(1);
        byte = own_network && unshare(CLONE_NEWNET) < 0 ? (char)errno : 0;
        if (write(channel, &byte, 1) != 1 || read(channel, &byte, 1) < 0)
                _exit(1);
        _exit(0);
}

static int write_map(pid_t pid, const char *file, const struct step *ids, struct fault *fault)
{
        char path[64], map[64];
        _cleanup_fd_ int fd = -1;
        int length = snprintf(map, sizeof(map), "0 %s %s\n", ids->args[0], ids->args[1]);

        (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return fault_errno(fault, "open", path);
        return write(fd, map, (size_t)length) == length ? 0 : fault_errno(fault, "write", path);
}

static int open_namespace(pid_t pid, const char *name, struct fault *fault)
{
        char path[64];
        int fd;

        (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? fault_errno(fault, "open", path) : fd;
}

static int make_network(struct server *server, pid_t holder, int channel, bool own_network,
                        struct fault *fault)
{
        int64_t begin = now_us();
        char byte = 1;

        if (write(channel, &byte, 1) != 1 || read(channel, &byte, 1) != 1)
                return fault_set(fault, EPIPE, "clone", "user namespace holder");
        if (byte)
                return fault_set(fault, byte, "unshare CLONE_NEWNET", NULL);
        if (!own_network)
                return 0;
        server->net_ns = open_namespace(holder, "net", fault);
        server->net_ns_us = now_us() - begin;
        return server->net_ns < 0 ? -1 : 0;
}

static int collect(struct server *server, pid_t holder, int channel, const struct step *ids, bool own_network,
                   struct fault *fault)
{
        if (write_map(holder, "uid_map", ids, fault) < 0 || write_map(holder, "gid_map", ids, fault) < 0)
                return -1;
        server->user_ns = open_namespace(holder, "user", fault);
        return server->user_ns < 0 ? -1 : make_network(server, holder, channel, own_network, fault);
}

/* Makes the caller, root of the host with all its capabilities, one whose effective ids are the server's
 * root, or root again. Its real ids stay: RLIMIT_NPROC is not for them. */
static int take_ids(uid_t id, struct fault *fault)
{
        if (prctl(PR_SET_SECUREBITS, id ? SECBIT_NO_SETUID_FIXUP : 0) < 0)
                return fault_errno(fault, "prctl PR_SET_SECUREBITS", NULL);
        if (setresgid((gid_t)-1, id, (gid_t)-1) < 0)
                return fault_errno(fault, "setresgid", NULL);
        return setresuid((uid_t)-1, id, (uid_t)-1) < 0 ? fault_errno(fault, "setresuid", NULL) : 0;
}

/* Whoever makes a user namespace owns it, and what is used in it counts as the owner's: inotify instances,
 * user and network namespaces and the rest of /proc/sys/user. So it is made by the server's own root; in the
 * name of the host's, all servers would share one account, and one of them could use it up. */
static pid_t clone_holder(const struct server *server, struct fault *fault)
{
        struct fault later = {.step = -1};
        pid_t holder;

        if (take_ids(server->id_base, fault) < 0)
                return -1;
        holder = sys_clone3(CLONE_NEWUSER, SIGCHLD, -1);
        if (holder == 0)
                return 0;
        if (holder < 0)
                (void)fault_errno(fault, "clone3 CLONE_NEWUSER", NULL);
        if (take_ids(0, &later) == 0)
                return holder;
        if (holder > 0) {
                (void)kill(holder, SIGKILL);
                reap(holder);
        }
        *fault = later;
        return -1;
}

int namespaces_make(struct server *server, const struct step *ids, bool own_network, struct fault *fault)
{
        int channel[2], result;
        pid_t holder;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
                return fault_errno(fault, "socketpair", NULL);
        holder = clone_holder(server, fault);
        if (holder == 0) {
                (void)close(channel[0]);
                hold_namespaces(channel[1], own_network);
        }
        (void)close(channel[1]);
        result = holder < 0 ? -1 : collect(server, holder, channel[0], ids, own_network, fault);
        (void)close(channel[0]);
        if (holder > 0)
                reap(holder);
        return result;
}

/* Situation: a short-lived child of the supervisor. As root of the server's user namespace it counts as the
 * server. */
static _Noreturn void hold_network(const struct server *server, int channel)
{
        if (setns(server->user_ns, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                _exit(1);
        hold_namespaces(channel, true);
}

int namespaces_renew_network(struct server *server, struct fault *fault)
{
        int channel[2], result;
        pid_t holder;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
                return fault_errno(fault, "socketpair", NULL);
        holder = fork();
        if (holder == 0) {
                (void)close(channel[0]);
                hold_network(server, channel[1]);
        }
        (void)close(channel[1]);
        close_fd(&server->net_ns);
        result = holder < 0 ? fault_errno(fault, "fork", NULL)
                            : make_network(server, holder, channel[0], true, fault);
        (void)close(channel[0]);
        if (holder > 0)
                reap(holder);
        return result;
}

int namespaces_private_mounts(struct fault *fault)
{
        if (unshare(CLONE_NEWNS) < 0)
                return fault_errno(fault, "unshare CLONE_NEWNS", NULL);
        if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
                return fault_errno(fault, "mount MS_SLAVE", "/");
        return 0;
}

/* Kernels since 6.14 kill whoever is cloned into a group that cgroup.kill was ever used on: they compare that
 * group's count of kills with the count of the group the parent is in. Payload is kept over restarts, and an
 * admin may have used it. */
static bool kills_newborns(int group)
{
        int status = 0;
        pid_t newborn = sys_clone3(0, SIGCHLD, group);

        if (newborn == 0)
                _exit(0);
        while (newborn > 0 && waitpid(newborn, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFSIGNALED(status);
}

/* The group that init is to be cloned into; -1, for none, when the midwife had to go there herself. That
 * takes the kernel ten milliseconds, being cloned into a group nothing. */
static int choose_birthplace(const struct server *server, struct fault *fault)
{
        int error;

        if (server->restarts == 0 || !kills_newborns(server->payload))
                return server->payload;
        error = cgroup_write_file(server->payload, "cgroup.procs", "0");
        if (error)
                (void)fault_set(fault, -error, "write", "payload/cgroup.procs");
        return -1;
}

/* Situation: a child of the supervisor that only lives to be the one who clones init from inside the user
 * namespace, so that init's pid, ipc and uts namespaces belong to it. Its rlimits are what init inherits:
 * inside it could raise none. CLONE_PARENT makes init the supervisor's own child. */
static pid_t clone_init(const struct server *server, struct fault *fault)
{
        int birthplace;
        pid_t init;

        if (limits_apply(&server->plan, fault) < 0)
                return -1;
        birthplace = choose_birthplace(server, fault);
        if (fault->error)
                return -1;
        if (setns(server->user_ns, CLONE_NEWUSER) < 0)
                return fault_errno(fault, "setns", "user namespace");
        if (server->net_ns >= 0 && setns(server->net_ns, CLONE_NEWNET) < 0)
                return fault_errno(fault, "setns", "network namespace");
        init = sys_clone3(CLONE_PARENT | CLONE_NEWPID, 0, birthplace);
        return init < 0 ? fault_errno(fault, "clone3", "init's namespaces") : init;
}

struct birth {
        pid_t pid; /* -1: see fault */
        struct fault fault;
};

pid_t namespaces_fork_init(struct server *server, struct fault *fault)
{
        struct birth birth = {.pid = -1, .fault = {.step = -1}};
        int channel[2];
        pid_t midwife;

        if (pipe2(channel, O_CLOEXEC) < 0)
                return fault_errno(fault, "pipe2", NULL);
        midwife = fork();
        if (midwife == 0) {
                birth.pid = clone_init(server, &birth.fault);
                if (birth.pid == 0) {
                        (void)close(channel[0]);
                        (void)close(channel[1]);
                        return 0;
                }
                _exit(write(channel[1], &birth, sizeof(birth)) == sizeof(birth) ? 0 : 1);
        }
        (void)close(channel[1]);
        if (midwife > 0 && read(channel[0], &birth, sizeof(birth)) != sizeof(birth))
                (void)fault_set(&birth.fault, EPIPE, "clone3", "init's namespaces");
        (void)close(channel[0]);
        if (midwife < 0)
                return fault_errno(fault, "fork", NULL);
        reap(midwife);
        if (birth.pid < 0)
                *fault = birth.fault;
        return birth.pid;
}

/* Situation: child of the supervisor, in the server's pid namespace, with the host's credentials. It joins
 * what decides which proc, sysfs, cgroup2 and mqueue it mounts. */
static int join_for_building(const struct server *server, struct fault *fault)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return fault_errno(fault, "prctl PR_SET_PDEATHSIG", NULL);
        if (server->net_ns >= 0 && setns(server->net_ns, CLONE_NEWNET) < 0)
                return fault_errno(fault, "setns", "network namespace");
        if (setns(server->init_pidfd, CLONE_NEWIPC | CLONE_NEWCGROUP) < 0)
                return fault_errno(fault, "setns", "ipc and cgroup namespaces");
        return 0;
}

pid_t namespaces_fork_builder(struct server *server, struct fault *fault)
{
        pid_t builder;

        if (setns(server->init_pidfd, CLONE_NEWPID) < 0)
                return fault_errno(fault, "setns", "pid namespace");
        builder = fork();
        if (builder == 0)
                return join_for_building(server, fault);
        if (builder < 0)
                (void)fault_errno(fault, "fork", NULL);
        if (setns(server->own_pid_ns, CLONE_NEWPID) < 0)
                return fault_errno(fault, "setns", "own pid namespace");
        return builder;
}
