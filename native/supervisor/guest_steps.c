#include "guest_steps.h"

#include "cleanup.h"
#include "confine.h"
#include "own_file.h"
#include "syscalls.h"
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct guest {
        struct server *server;
        char **environment; /* NULL-terminated */
        size_t environment_count;
};

static int step_hostname(struct guest *guest, const struct step *step, struct fault *fault)
{
        (void)guest;
        return sethostname(step->args[0], strlen(step->args[0])) < 0
                       ? fault_errno(fault, "sethostname", step->args[0])
                       : 0;
}

static int step_loopback(struct guest *guest, const struct step *step, struct fault *fault)
{
        (void)guest;
        (void)step;
        return loopback_up(fault);
}

/* Before the root is let go: the server's own /proc/sys is read-only, the host's shows each reader its own
 * namespaces. */
static int step_sysctl(struct guest *guest, const struct step *step, struct fault *fault)
{
        (void)guest;
        return sysctl_set(step, fault);
}

/* root: the present directory becomes /, and the host's tree is let go. The mounts came with a copy of the
 * mount namespace of a more privileged user namespace: the kernel has locked them, so the guest's root can't
 * take a mask away (and pivot_root(2) would refuse a locked root: hence the clone). mount_namespaces(7). */
static int step_root(struct guest *guest, const struct step *step, struct fault *fault)
{
        _cleanup_fd_ int tree = -1;

        (void)guest;
        (void)step;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return fault_errno(fault, "mount MS_PRIVATE", "/");
        tree = sys_open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (tree < 0)
                return fault_errno(fault, "open_tree", "root");
        if (sys_move_mount(tree, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return fault_errno(fault, "move_mount", "root");
        if (fchdir(tree) < 0)
                return fault_errno(fault, "fchdir", "root");
        if (sys_pivot_root(".", ".") < 0)
                return fault_errno(fault, "pivot_root", "root");
        if (umount2(".", MNT_DETACH) < 0)
                return fault_errno(fault, "umount2", "the host's tree");
        return chdir("/") < 0 ? fault_errno(fault, "chdir", "/") : 0;
}

static bool holds(int file, const char *text)
{
        char present[4096];
        ssize_t got = pread(file, present, sizeof(present), 0);

        return got >= 0 && (size_t)got == strlen(text) && memcmp(present, text, (size_t)got) == 0;
}

/* file PATH MODE TEXT: a file of the server's root shall hold TEXT. Written as the guest's root inside the
 * guest's root: whatever links lie there lead nowhere else. Nothing is written when it holds the text
 * already. */
static int step_file(struct guest *guest, const struct step *step, struct fault *fault)
{
        const char *path = step->args[0], *text = step->args[2];
        mode_t mode = (mode_t)strtol(step->args[1], NULL, 8);
        _cleanup_fd_ int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
        struct stat st;

        (void)guest;
        if (file < 0)
                return fault_errno(fault, "open", path);
        if (fstat(file, &st) < 0)
                return fault_errno(fault, "stat", path);
        if (!S_ISREG(st.st_mode))
                return fault_set(fault, EINVAL, "open", path);
        if (holds(file, text))
                return 0;
        if (ftruncate(file, 0) < 0 || pwrite(file, text, strlen(text), 0) != (ssize_t)strlen(text))
                return fault_errno(fault, "write", path);
        return 0;
}

static int step_own_file(struct guest *guest, const struct step *step, struct fault *fault)
{
        (void)guest;
        return own_file(step, fault);
}

static int step_keyring(struct guest *guest, const struct step *step, struct fault *fault)
{
        int error = confine_keyring();

        (void)guest;
        (void)step;
        return error ? fault_set(fault, -error, "keyctl KEYCTL_JOIN_SESSION_KEYRING", NULL) : 0;
}

/* capabilities LIST: the numbers that stay in the bounding set, comma separated; exec(2) then gives root
 * these. */
static int step_capabilities(struct guest *guest, const struct step *step, struct fault *fault)
{
        int error = confine_capabilities(step->args[0]);

        (void)guest;
        return error ? fault_set(fault, -error, "prctl PR_CAPBSET_DROP", step->args[0]) : 0;
}

/* seccomp HEX: an array of struct sock_filter. Without no_new_privs, as set-user-ID programs must go on
 * working: the process is privileged in its user namespace, which seccomp(2) accepts instead. */
static int step_seccomp(struct guest *guest, const struct step *step, struct fault *fault)
{
        int error = confine_system_calls(step->args[0]);

        (void)guest;
        return error ? fault_set(fault, -error, "seccomp", NULL) : 0;
}

static int step_environment(struct guest *guest, const struct step *step, struct fault *fault)
{
        (void)fault;
        guest->environment[guest->environment_count++] = step->args[0];
        return 0;
}

/* Standard input, output and error are the server's console, or /dev/null where the root has none. */
static int open_stdio(struct fault *fault)
{
        int console = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (console < 0)
                console = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (console < 0)
                return fault_errno(fault, "open", "/dev/console");
        for (int fd = 0; fd < 3; fd++)
                if (dup2(console, fd) < 0)
                        return fault_errno(fault, "dup2", "/dev/console");
        return 0;
}

static int exec_init(struct guest *guest, const struct step *step, struct fault *fault)
{
        bool ours = step_is(step, "exec-vps-init");
        _cleanup_free_ char **argv = calloc((size_t)step->count + 1, sizeof(*argv));

        if (!argv)
                return fault_errno(fault, "calloc", NULL);
        memcpy(argv, step->args, (size_t)step->count * sizeof(*argv));
        if (open_stdio(fault) < 0)
                return -1;
        if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return fault_errno(fault, "close_range", NULL);
        if (ours)
                (void)syscall(SYS_execveat, guest->server->init_program, "", argv, guest->environment,
                              AT_EMPTY_PATH);
        else
                (void)execve(argv[0], argv, guest->environment);
        return fault_errno(fault, "execve", argv[0]);
}

static const struct {
        const char *op;
        int (*run)(struct guest *guest, const struct step *step, struct fault *fault);
} actions[] = {
        {"hostname", step_hostname}, {"loopback", step_loopback},
        {"sysctl", step_sysctl},     {"root", step_root},
        {"file", step_file},         {"own-file", step_own_file},
        {"keyring", step_keyring},   {"capabilities", step_capabilities},
        {"seccomp", step_seccomp},   {"environment", step_environment},
        {"exec", exec_init},         {"exec-vps-init", exec_init},
};

static int run_step(struct guest *guest, const struct step *step, struct fault *fault)
{
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (step_is(step, actions[i].op))
                        return actions[i].run(guest, step, fault);
        return fault_set(fault, ENOSYS, "plan", step->op->name);
}

int guest_run_steps(struct server *server, struct fault *fault)
{
        const struct plan *plan = &server->plan;
        struct guest guest = {.server = server, .environment = calloc(plan->count + 1, sizeof(char *))};

        if (!guest.environment)
                return fault_errno(fault, "calloc", NULL);
        for (size_t i = 0; i < plan->count; i++) {
                if (plan->steps[i].op->role != ROLE_GUEST)
                        continue;
                fault->step = (int)i;
                if (run_step(&guest, &plan->steps[i], fault) < 0)
                        break;
        }
        free(guest.environment);
        return fault->error ? -1 : fault_set(fault, EINVAL, "plan", "no step executes an init");
}
