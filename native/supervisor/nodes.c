/* What is made inside the root rather than mounted: directories, links, device nodes. */
#include "builder.h"
#include "cleanup.h"
#include "inroot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* directory PATH MODE */
int step_directory(struct builder *builder, const struct step *step, struct fault *fault)
{
        return make_directory_in_root(builder->root, step->args[0], (mode_t)strtol(step->args[1], NULL, 8),
                                      fault);
}

/* symlink TEXT PATH */
int step_symlink(struct builder *builder, const struct step *step, struct fault *fault)
{
        const char *last;
        _cleanup_fd_ int parent = open_parent_in_root(builder->root, step->args[1], &last, fault);

        if (parent < 0)
                return -1;
        if (symlinkat(step->args[0], parent, last) < 0 && errno != EEXIST)
                return fault_errno(fault, "symlink", step->args[1]);
        return 0;
}

/* device PATH MAJOR MINOR MODE: a character device. The tmpfs below belongs to the host's user namespace:
 * only there does a node open a device, and only here can one be made; a guest's own mknod(2) fails. */
int step_device(struct builder *builder, const struct step *step, struct fault *fault)
{
        const char *last;
        mode_t mode = (mode_t)strtol(step->args[3], NULL, 8);
        dev_t device = makedev((unsigned)atoi(step->args[1]), (unsigned)atoi(step->args[2]));
        _cleanup_fd_ int parent = open_parent_in_root(builder->root, step->args[0], &last, fault);

        if (parent < 0)
                return -1;
        if (mknodat(parent, last, S_IFCHR | mode, device) < 0)
                return fault_errno(fault, "mknod", step->args[0]);
        if (fchmodat(parent, last, mode, 0) < 0)
                return fault_errno(fault, "chmod", step->args[0]);
        return 0;
}
