#include "sysctl.h"

#include "cleanup.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* As sysctl(8) has it: the first separator decides. After a dot the two change places, so that
 * net.ipv4.conf.eth0/1.rp_filter is of the link eth0.1. */
static void name_to_path(char *name)
{
        if (name[strcspn(name, "./")] != '.')
                return;
        for (; *name; name++)
                if (*name == '.')
                        *name = '/';
                else if (*name == '/')
                        *name = '.';
}

/* Never out of /proc/sys, whatever the name holds. */
static int open_parameter(const char *path, int flags)
{
        _cleanup_fd_ int root = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (root < 0)
                return -1;
        return sys_openat2(root, path, (uint64_t)flags | O_CLOEXEC, 0,
                           RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

static bool same_word(const char *a, const char *b)
{
        char *a_end, *b_end;
        long long a_value = strtoll(a, &a_end, 0), b_value = strtoll(b, &b_end, 0);

        if (strcmp(a, b) == 0)
                return true;
        return *a && *b && !*a_end && !*b_end && a_value == b_value;
}

/* The kernel writes tabs where an admin writes blanks, and numbers in its own way. */
static bool same_value(const char *asked, const char *is)
{
        char a[PIPE_BUF], b[PIPE_BUF], *a_rest = a, *b_rest = b, *a_next, *b_next;

        (void)snprintf(a, sizeof(a), "%s", asked);
        (void)snprintf(b, sizeof(b), "%s", is);
        for (;;) {
                a_next = strtok_r(a_rest, " \t\n", &a_rest);
                b_next = strtok_r(b_rest, " \t\n", &b_rest);
                if (!a_next || !b_next)
                        return a_next == b_next;
                if (!same_word(a_next, b_next))
                        return false;
        }
}

/* Some can be written only: then there is nothing to compare with. */
static int read_back(const char *path, const struct step *step, struct fault *fault)
{
        _cleanup_fd_ int file = open_parameter(path, O_RDONLY);
        char text[PIPE_BUF];
        ssize_t got = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

        if (got < 0)
                return errno == EACCES || errno == EPERM ? 0 : fault_errno(fault, "read", step->args[0]);
        text[got] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return same_value(step->args[1], text) ? 0 : fault_differs(fault, step->args[0], step->args[1], text);
}

int sysctl_set(const struct step *step, struct fault *fault)
{
        size_t length = strlen(step->args[1]);
        _cleanup_fd_ int file = -1;
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s", step->args[0]);
        name_to_path(path);
        file = open_parameter(path, O_WRONLY);
        if (file < 0)
                return fault_refused(fault, "open", step->args[0], step->args[1]);
        if (write(file, step->args[1], length) != (ssize_t)length)
                return fault_refused(fault, "write", step->args[0], step->args[1]);
        return read_back(path, step, fault);
}

/* ipc_namespaces(7); what the pid namespaces' own checkpointing has beside them is not for a definition. */
static bool is_ipc(const char *path)
{
        static const char *const patterns[] = {"kernel/msg*", "kernel/sem", "kernel/shm*",
                                               "kernel/auto_msgmni", "fs/mqueue/*"};

        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
                if (fnmatch(patterns[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
                        return true;
        return false;
}

/* The kernel looks at the effective user, not at capabilities. */
static int set_as(uid_t id, const struct step *step, struct fault *fault)
{
        int result;

        if (seteuid(id) < 0)
                return fault_errno(fault, "seteuid", NULL);
        result = sysctl_set(step, fault);
        if (seteuid(0) < 0)
                return fault_errno(fault, "seteuid", NULL);
        /* A change of credentials has cleared it. */
        return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? fault_errno(fault, "prctl PR_SET_PDEATHSIG", NULL)
                                                    : result;
}

int sysctl_set_ipc(const struct step *step, uid_t id_base, struct fault *fault)
{
        char path[PATH_MAX];
        int result;

        (void)snprintf(path, sizeof(path), "%s", step->args[0]);
        name_to_path(path);
        if (!is_ipc(path))
                return fault_set(fault, EPERM, "plan", step->args[0]);
        result = sysctl_set(step, fault);
        if (result == 0 || fault->error != EACCES)
                return result;
        fault->error = 0;
        return set_as(id_base, step, fault);
}
