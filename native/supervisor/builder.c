#include "builder.h"

#include "syscalls.h"
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int step_ipc_sysctl(struct builder *builder, const struct step *step, struct fault *fault)
{
        return sysctl_set_ipc(step, builder->server->id_base, fault);
}

static const struct {
        const char *op;
        int (*run)(struct builder *builder, const struct step *step, struct fault *fault);
} actions[] = {
        {"layer", step_layer},       {"overlay", step_overlay},   {"bind", step_bind},
        {"tmpfs", step_tmpfs},       {"proc", step_kernel_fs},    {"sysfs", step_kernel_fs},
        {"cgroup2", step_kernel_fs}, {"devpts", step_devpts},     {"mqueue", step_kernel_fs},
        {"mask", step_mask},         {"readonly", step_readonly}, {"directory", step_directory},
        {"symlink", step_symlink},   {"device", step_device},     {"console", step_console},
        {"notify", step_notify},     {"usage", step_usage},       {"ipc-sysctl", step_ipc_sysctl},
};

static int run_step(struct builder *builder, const struct step *step, struct fault *fault)
{
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (step_is(step, actions[i].op))
                        return actions[i].run(builder, step, fault);
        return fault_set(fault, ENOSYS, "plan", step->op->name);
}

int build_root(struct builder *builder, struct fault *fault)
{
        const struct plan *plan = &builder->server->plan;

        for (size_t i = 0; i < plan->count; i++) {
                if (plan->steps[i].op->role != ROLE_BUILDER)
                        continue;
                fault->step = (int)i;
                if (run_step(builder, &plan->steps[i], fault) < 0)
                        return -1;
        }
        fault->step = -1;
        if (builder->root < 0)
                return fault_set(fault, EINVAL, "plan", "no step makes the root");
        builder->built.root = openat(builder->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return builder->built.root < 0 ? fault_errno(fault, "open", "root") : 0;
}

unsigned long mount_attributes(const char *flags)
{
        unsigned long attributes = 0;

        if (list_has(flags, "readonly"))
                attributes |= MOUNT_ATTR_RDONLY;
        if (list_has(flags, "nosuid"))
                attributes |= MOUNT_ATTR_NOSUID;
        if (list_has(flags, "nodev"))
                attributes |= MOUNT_ATTR_NODEV;
        if (list_has(flags, "noexec"))
                attributes |= MOUNT_ATTR_NOEXEC;
        if (list_has(flags, "noatime"))
                attributes |= MOUNT_ATTR_NOATIME;
        return attributes;
}
