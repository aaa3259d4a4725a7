/* System calls that Debian 12's glibc has no wrapper for, under their kernel names. */
#ifndef VPS_SYSCALLS_H
#define VPS_SYSCALLS_H

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline int sys_open_tree(int dir, const char *path, unsigned flags)
{
        return (int)syscall(SYS_open_tree, dir, path, flags);
}

static inline int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
        return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

static inline int sys_mount_setattr(int dir, const char *path, unsigned flags, struct mount_attr *attr)
{
        return (int)syscall(SYS_mount_setattr, dir, path, flags, attr, sizeof(*attr));
}

static inline int sys_fsopen(const char *type)
{
        return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

static inline int sys_fsconfig(int fs, unsigned command, const char *key, const void *value, int aux)
{
        return (int)syscall(SYS_fsconfig, fs, command, key, value, aux);
}

static inline int sys_fsmount(int fs, unsigned attributes)
{
        return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
}

static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
        struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

        return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
        return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_pidfd_open(pid_t pid)
{
        return (int)syscall(SYS_pidfd_open, pid, 0);
}

static inline int sys_pidfd_send_signal(int pidfd, int signal)
{
        return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* Like fork(2), with the clone3(2) flags given; the child is born in `cgroup` when that is a descriptor (>=
 * 0). */
static inline pid_t sys_clone3(uint64_t flags, int exit_signal, int cgroup)
{
        struct clone_args args = {};

        args.flags = flags;
        args.exit_signal = (uint64_t)exit_signal;
        if (cgroup >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)cgroup;
        }
        return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

#endif
