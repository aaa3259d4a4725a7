#include "idmap.h"

#include "cleanup.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

/* setfsuid(2) reports nothing; asking again with an invalid id tells whether it took effect. */
static int set_fs_ids(uid_t id, struct fault *fault)
{
        (void)setfsgid(id);
        (void)setfsuid(id);
        if ((uid_t)setfsgid((gid_t)-1) != id || (uid_t)setfsuid((uid_t)-1) != id)
                return fault_set(fault, EPERM, "setfsuid", NULL);
        return 0;
}

int act_as_server_root(uid_t id_base, struct fault *fault)
{
        /* Otherwise the kernel takes CAP_DAC_OVERRIDE and its kin away with fsuid 0: capabilities(7). */
        if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
                return fault_errno(fault, "prctl PR_SET_SECUREBITS", NULL);
        return set_fs_ids(id_base, fault);
}

int act_as_host_root(struct fault *fault)
{
        return set_fs_ids(0, fault);
}

int clone_mount(int dir, const char *path, int user_ns, unsigned long attributes, int recursive,
                struct fault *fault)
{
        unsigned deep = recursive ? AT_RECURSIVE : 0;
        unsigned empty = *path ? 0 : AT_EMPTY_PATH;
        struct mount_attr attr = {.attr_set = attributes};
        _cleanup_fd_ int tree = sys_open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep | empty);

        if (tree < 0)
                return fault_errno(fault, "open_tree", path);
        if (user_ns >= 0) {
                attr.attr_set |= MOUNT_ATTR_IDMAP;
                attr.userns_fd = (uint64_t)user_ns;
        }
        if (attributes & MOUNT_ATTR_NOATIME) /* one of a field of bits: the whole field is replaced */
                attr.attr_clr = MOUNT_ATTR__ATIME;
        if (attr.attr_set && sys_mount_setattr(tree, "", AT_EMPTY_PATH | deep, &attr) < 0)
                return fault_errno(fault, user_ns >= 0 ? "mount_setattr MOUNT_ATTR_IDMAP" : "mount_setattr",
                                   path);
        return take_fd(&tree);
}
