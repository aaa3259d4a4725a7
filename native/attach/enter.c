#include "enter.h"

#include "channel.h"
#include "cleanup.h"
#include "confine.h"
#include "fds.h"
#include "inheritance.h"
#include "say.h"
#include "script.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void give_up(const struct entry *entry, int status, int error, const char *format, ...)
{
        struct message message = {.kind = MESSAGE_FAILED, .status = status, .error = error};
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(message.what, sizeof(message.what), format, arguments);
        va_end(arguments);
        (void)channel_send(entry->channel, &message, -1);
        _exit(status);
}

/* The command's streams in place of the admin's; nothing else comes along. */
static int change_descriptors(const struct entry *entry)
{
        int keep[] = {0, 1, 2, entry->channel, entry->target->pidfd, entry->request->script ? SCRIPT_FD : -1};
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return -errno;
        for (int fd = 0; fd <= 2; fd++)
                if (dup2(entry->stdio[fd] >= 0 ? entry->stdio[fd] : null, fd) < 0)
                        return -errno;
        return close_all_but(keep, sizeof(keep) / sizeof(keep[0]));
}

/* The limits of the server's init. Raising a hard limit is for a host root with CAP_SYS_RESOURCE; without,
 * the one it has is the most there is. */
static int copy_limit(int resource, struct rlimit wanted)
{
        struct rlimit present;

        if (setrlimit(resource, &wanted) == 0)
                return 0;
        if (errno != EPERM || getrlimit(resource, &present) < 0)
                return -errno;
        if (wanted.rlim_max > present.rlim_max)
                wanted.rlim_max = present.rlim_max;
        if (wanted.rlim_cur > wanted.rlim_max)
                wanted.rlim_cur = wanted.rlim_max;
        return setrlimit(resource, &wanted) < 0 ? -errno : 0;
}

static void copy_oom_score(const char *score)
{
        _cleanup_fd_ int file = score[0] ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;

        if (file >= 0 && write(file, score, strlen(score)) < 0)
                return; /* lowering it takes CAP_SYS_RESOURCE: then we share the fate of our own host */
}

static int shed_inheritance(const struct target *target)
{
        for (int i = 0; i < RLIM_NLIMITS; i++) {
                int error = copy_limit(i, target->limits[i]);

                if (error)
                        return error;
        }
        copy_oom_score(target->oom_score);
        shed_scheduling();
        return 0;
}

/* One call, so that the kernel checks everything with the privileges of the host and enters all or nothing.
 */
static int join_namespaces(int pidfd)
{
        const int all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS |
                        CLONE_NEWIPC | CLONE_NEWCGROUP;

        return setns(pidfd, all) < 0 ? -errno : 0;
}

/* Situation: the joiner, in the command's cgroup, still root of the host. A pid namespace is entered only by
 * children, so it forks once more; CLONE_PARENT makes vps-attach the parent, and this process can go. */
static _Noreturn void join(const struct entry *entry)
{
        const char *name = entry->request->name;
        struct message born = {.kind = MESSAGE_BORN};
        int error = change_descriptors(entry);

        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot prepare the command");
        /* Never readable or traceable for the server: only what has been executed inside is. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                give_up(entry, EXIT_ATTACH, errno, "cannot prepare the command");
        error = shed_inheritance(entry->target);
        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot set the limits of server %s", name);
        error = confine_keyring();
        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot make a session keyring");
        error = join_namespaces(entry->target->pidfd);
        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot enter server %s", name);
        (void)close(entry->target->pidfd);
        born.pid = sys_clone3(CLONE_PARENT, 0, -1);
        if (born.pid == 0)
                become_command(entry);
        if (born.pid < 0)
                give_up(entry, EXIT_ATTACH, errno, "cannot start a process in server %s", name);
        _exit(channel_send(entry->channel, &born, -1) < 0 ? EXIT_ATTACH : 0);
}

pid_t enter(const struct entry *entry)
{
        pid_t pid = sys_clone3(0, SIGCHLD, entry->group->dir);

        if (pid == 0)
                join(entry);
        return pid < 0 ? -errno : pid;
}
