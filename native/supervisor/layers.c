/* The root: read-only layers below, the server's own layer on top, joined by overlayfs. */
#include "builder.h"
#include "cleanup.h"
#include "idmap.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Attaches a shifted clone of a host directory at scratch/NAME. */
static int attach_layer(struct builder *builder, const char *source, const char *name,
                        unsigned long attributes, struct fault *fault)
{
        _cleanup_fd_ int mount =
                clone_mount(AT_FDCWD, source, builder->server->user_ns, attributes, 0, fault);

        if (mount < 0)
                return -1;
        if (mkdirat(builder->scratch, name, 0755) < 0)
                return fault_errno(fault, "mkdir", name);
        if (sys_move_mount(mount, "", builder->scratch, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return fault_errno(fault, "move_mount", source);
        return 0;
}

/* layer SOURCE: one read-only layer; the first named is the lowest. */
int step_layer(struct builder *builder, const struct step *step, struct fault *fault)
{
        char name[16];

        (void)snprintf(name, sizeof(name), "%d", builder->layers++);
        return attach_layer(builder, step->args[0], name, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, fault);
}

/* An overlayfs that can't write to its work directory comes up read-only, and tells only the kernel's log. */
static int refuse_readonly(const struct builder *builder, const char *layer, struct fault *fault)
{
        struct statvfs root;

        if (fstatvfs(builder->root, &root) < 0)
                return fault_errno(fault, "fstatvfs", "root");
        if (!(root.f_flag & ST_RDONLY))
                return 0;
        if (mkdirat(builder->scratch, "own/work/try", 0700) < 0)
                return fault_errno_in(fault, "mkdir", layer, "work/try");
        (void)unlinkat(builder->scratch, "own/work/try", AT_REMOVEDIR);
        return fault_set(fault, EROFS, "mount", layer);
}

/* overlay DIR: DIR holds `upper` and `work`. Both must be seen through one mount, or overlayfs refuses them;
 * and the mounter's fsuid must be an id that the shifted layer can store, or overlayfs silently comes up
 * read-only. */
int step_overlay(struct builder *builder, const struct step *step, struct fault *fault)
{
        char options[2048] = "upperdir=own/upper,workdir=own/work,redirect_dir=on,xino=auto,lowerdir=";
        size_t length = strlen(options);

        if (attach_layer(builder, step->args[0], "own", MOUNT_ATTR_NODEV, fault) < 0)
                return -1;
        for (int layer = builder->layers - 1; layer >= 0; layer--) {
                length += (size_t)snprintf(options + length, sizeof(options) - length, layer ? "%d:" : "%d",
                                           layer);
                if (length >= sizeof(options))
                        return fault_set(fault, E2BIG, "mount", "overlay: too many layers");
        }
        if (mkdirat(builder->scratch, "root", 0755) < 0)
                return fault_errno(fault, "mkdir", "root");
        if (fchdir(builder->scratch) < 0)
                return fault_errno(fault, "fchdir", "scratch");
        if (act_as_server_root(builder->server->id_base, fault) < 0)
                return -1;
        if (mount("vps", "root", "overlay", MS_NODEV, options) < 0)
                return fault_errno(fault, "mount", step->args[0]);
        if (chdir("/") < 0)
                return fault_errno(fault, "chdir", "/");
        builder->root = openat(builder->scratch, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (builder->root < 0)
                return fault_errno(fault, "open", "root");
        return refuse_readonly(builder, step->args[0], fault);
}
