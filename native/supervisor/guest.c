#include "guest.h"

#include "channel.h"
#include "cleanup.h"
#include "guest_steps.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Root of the server's user namespace, no longer the host's. From here on nothing of the host's can be
 * written. */
static int become_server_root(struct fault *fault)
{
        if (setgroups(0, NULL) < 0)
                return fault_errno(fault, "setgroups", NULL);
        if (setresgid(0, 0, 0) < 0)
                return fault_errno(fault, "setresgid", NULL);
        if (setresuid(0, 0, 0) < 0)
                return fault_errno(fault, "setresuid", NULL);
        /* After the last change of credentials, which would clear it: a supervisor that dies takes its server
         * along. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return fault_errno(fault, "prctl PR_SET_PDEATHSIG", NULL);
        return 0;
}

/* Nothing of the admin's shell, nor of the supervisor, is inherited. */
static int reset_process(struct fault *fault)
{
        sigset_t none;

        for (int signal = 1; signal < NSIG; signal++)
                if (signal != SIGKILL && signal != SIGSTOP)
                        (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                return fault_errno(fault, "sigprocmask", NULL);
        if (setsid() < 0)
                return fault_errno(fault, "setsid", NULL);
        (void)umask(022);
        return 0;
}

/* Situation: pid 1 of the server, root of its user namespace, born in its cgroup; still sees the host's file
 * systems, in the mount namespace of the supervisor. Waits until the root is built, then takes it. */
static int prepare(struct server *server, int channel, struct fault *fault)
{
        struct message message = {.kind = MESSAGE_BORN};
        _cleanup_fd_ int root = -1;

        if (become_server_root(fault) < 0 || reset_process(fault) < 0)
                return -1;
        /* Only now: /dev/mqueue belongs to whoever makes the ipc namespace, and the root of the cgroup
         * namespace is the group that one is in. */
        if (unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
                return fault_errno(fault, "unshare", "ipc, uts and cgroup namespaces");
        if (channel_send(channel, &message, NULL, 0) < 0)
                return fault_errno(fault, "send", NULL);
        /* End of file: the supervisor is dead, and with it this server. */
        if (channel_receive(channel, &message, &root, 1) < 0 || message.kind != MESSAGE_GO)
                _exit(1);
        if (fchdir(root) < 0)
                return fault_errno(fault, "fchdir", "root");
        if (unshare(CLONE_NEWNS) < 0)
                return fault_errno(fault, "unshare CLONE_NEWNS", NULL);
        return guest_run_steps(server, fault);
}

_Noreturn void guest_main(struct server *server, int channel)
{
        struct message message = {.kind = MESSAGE_FAULT, .fault = {.step = -1}};

        (void)prepare(server, channel, &message.fault);
        (void)channel_send(channel, &message, NULL, 0);
        _exit(1);
}
