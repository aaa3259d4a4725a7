/* What is mounted inside the root: host directories, memory, and the kernel's own file systems. */
#include "builder.h"
#include "cleanup.h"
#include "idmap.h"
#include "inroot.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* Sources are the admin's own paths: opened as the host's root, not as the server's. */
static int open_source(struct builder *builder, const char *path, struct fault *fault)
{
        int source;

        if (act_as_host_root(fault) < 0)
                return -1;
        source = open(path, O_PATH | O_CLOEXEC);
        if (source < 0)
                (void)fault_errno(fault, "open", path);
        if (act_as_server_root(builder->server->id_base, fault) < 0) {
                close_fd(&source);
                return -1;
        }
        return source;
}

static int make_target(struct builder *builder, int source, const char *target, struct fault *fault)
{
        struct stat st;

        if (fstat(source, &st) < 0)
                return fault_errno(fault, "stat", target);
        if (S_ISDIR(st.st_mode))
                return make_directory_in_root(builder->root, target, 0755, fault);
        return make_file_in_root(builder->root, target, 0644, fault);
}

/* bind SOURCE TARGET FLAGS: readonly nosuid nodev noexec noatime; recursive; noidmap; optional. */
int step_bind(struct builder *builder, const struct step *step, struct fault *fault)
{
        const char *path = step->args[0], *target = step->args[1], *flags = step->args[2];
        int user_ns = list_has(flags, "noidmap") ? -1 : builder->server->user_ns;
        _cleanup_fd_ int source = open_source(builder, path, fault);
        _cleanup_fd_ int mount = -1;

        if (source < 0)
                return fault->error == ENOENT && list_has(flags, "optional") ? 0 : -1;
        if (make_target(builder, source, target, fault) < 0)
                return -1;
        mount = clone_mount(source, "", user_ns, mount_attributes(flags), list_has(flags, "recursive"),
                            fault);
        if (mount < 0) {
                (void)snprintf(fault->path, sizeof(fault->path), "%s", path);
                return -1;
        }
        return attach_in_root(mount, builder->root, target, fault);
}

static int configure(int fs, const char *options, struct fault *fault)
{
        char copy[512], *rest = copy, *option;

        (void)snprintf(copy, sizeof(copy), "%s", options);
        while ((option = strsep(&rest, ","))) {
                char *value = strchr(option, '=');
                int result;

                if (!*option)
                        continue;
                if (value)
                        *value++ = '\0';
                result = value ? sys_fsconfig(fs, FSCONFIG_SET_STRING, option, value, 0)
                               : sys_fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
                if (result < 0)
                        return fault_errno(fault, "fsconfig", option);
        }
        return 0;
}

/* A new file system of a type, mounted at a path of the root, which is made where missing. */
static int mount_new(struct builder *builder, const char *type, const char *options, const char *target,
                     unsigned long attributes, struct fault *fault)
{
        _cleanup_fd_ int fs = sys_fsopen(type);
        _cleanup_fd_ int mount = -1;

        if (fs < 0)
                return fault_errno(fault, "fsopen", type);
        if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
                return fault_errno(fault, "fsconfig", "source");
        if (configure(fs, options, fault) < 0)
                return -1;
        if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return fault_errno(fault, "fsconfig", type);
        mount = sys_fsmount(fs, (unsigned)attributes);
        if (mount < 0)
                return fault_errno(fault, "fsmount", type);
        if (make_directory_in_root(builder->root, target, 0755, fault) < 0)
                return -1;
        return attach_in_root(mount, builder->root, target, fault);
}

static int give_to_server(struct builder *builder, const char *path, struct fault *fault)
{
        uid_t base = builder->server->id_base;
        _cleanup_fd_ int target = open_in_root(builder->root, path);

        if (target < 0)
                return fault_errno(fault, "openat2", path);
        return fchownat(target, "", base, base, AT_EMPTY_PATH) < 0 ? fault_errno(fault, "chown", path) : 0;
}

/* tmpfs TARGET FLAGS OPTIONS: memory that belongs to the server's root. */
int step_tmpfs(struct builder *builder, const struct step *step, struct fault *fault)
{
        char options[512];
        unsigned base = builder->server->id_base;

        (void)snprintf(options, sizeof(options), "uid=%u,gid=%u,%s", base, base, step->args[2]);
        return mount_new(builder, "tmpfs", options, step->args[0], mount_attributes(step->args[1]), fault);
}

/* proc|sysfs|cgroup2|mqueue TARGET FLAGS: each shows the namespace of its kind that the builder is in. */
int step_kernel_fs(struct builder *builder, const struct step *step, struct fault *fault)
{
        return mount_new(builder, step->op->name, "", step->args[0], mount_attributes(step->args[1]), fault);
}

/* devpts TARGET FLAGS: gid 5 is `tty` in every distribution. The kernel gives the directory to the host's
 * root. */
int step_devpts(struct builder *builder, const struct step *step, struct fault *fault)
{
        uid_t base = builder->server->id_base;
        char options[64];

        (void)snprintf(options, sizeof(options), "ptmxmode=666,mode=620,gid=%u", base + 5);
        if (mount_new(builder, "devpts", options, step->args[0], mount_attributes(step->args[1]), fault) < 0)
                return -1;
        return give_to_server(builder, step->args[0], fault);
}

static int is_directory(int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* mask PATH: what is there is hidden, if it is there: a file by /dev/null, a directory by an empty one, the
 * same for all: a file system for each would cost more than all the rest of it. */
int step_mask(struct builder *builder, const struct step *step, struct fault *fault)
{
        const unsigned long attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
        _cleanup_fd_ int target = open_in_root(builder->root, step->args[0]);
        _cleanup_fd_ int mount = -1;

        if (target < 0)
                return errno == ENOENT ? 0 : fault_errno(fault, "openat2", step->args[0]);
        if (is_directory(target)) {
                if (mkdirat(builder->scratch, "empty", 0555) < 0 && errno != EEXIST)
                        return fault_errno(fault, "mkdir", "empty");
                mount = clone_mount(builder->scratch, "empty", -1, attributes, 0, fault);
        } else {
                mount = clone_mount(builder->root, "dev/null", -1, attributes, 0, fault);
        }
        return mount < 0 ? -1 : attach_in_root(mount, builder->root, step->args[0], fault);
}

/* readonly PATH: what is there stays in sight and can't be written, if it is there. */
int step_readonly(struct builder *builder, const struct step *step, struct fault *fault)
{
        _cleanup_fd_ int target = open_in_root(builder->root, step->args[0]);
        _cleanup_fd_ int mount = -1;

        if (target < 0)
                return errno == ENOENT ? 0 : fault_errno(fault, "openat2", step->args[0]);
        mount = clone_mount(target, "", -1, MOUNT_ATTR_RDONLY, 1, fault);
        return mount < 0 ? -1 : attach_in_root(mount, builder->root, step->args[0], fault);
}
