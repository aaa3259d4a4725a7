/* The builder: makes the server's file tree, mount by mount, from the plan. */
#ifndef VPS_BUILDER_H
#define VPS_BUILDER_H

#include "server.h"

/* What the builder hands to the supervisor when it is done. */
struct built {
        int root; /* O_PATH of the finished root */
        int console_master;
        int console_slave;
        int notify;
        int usage;
};

enum { BUILT_FDS = 5 };

struct builder {
        const struct server *server;
        int scratch; /* a tmpfs of the supervisor's own mount namespace: layers below it are only seen while
                        building */
        int root;    /* scratch/root */
        int layers;  /* how many lower layers were attached, at scratch/0, scratch/1, … */
        struct built built;
};

/* Runs every builder step of the plan. Situation: see boot.c. */
int build_root(struct builder *builder, struct fault *fault);

/* One file per kind of step; each returns 0, or -1 with the fault filled. */
int step_layer(struct builder *builder, const struct step *step, struct fault *fault);
int step_overlay(struct builder *builder, const struct step *step, struct fault *fault);
int step_bind(struct builder *builder, const struct step *step, struct fault *fault);
int step_tmpfs(struct builder *builder, const struct step *step, struct fault *fault);
int step_kernel_fs(struct builder *builder, const struct step *step, struct fault *fault);
int step_devpts(struct builder *builder, const struct step *step, struct fault *fault);
int step_mask(struct builder *builder, const struct step *step, struct fault *fault);
int step_readonly(struct builder *builder, const struct step *step, struct fault *fault);
int step_directory(struct builder *builder, const struct step *step, struct fault *fault);
int step_symlink(struct builder *builder, const struct step *step, struct fault *fault);
int step_device(struct builder *builder, const struct step *step, struct fault *fault);
int step_console(struct builder *builder, const struct step *step, struct fault *fault);
int step_notify(struct builder *builder, const struct step *step, struct fault *fault);
int step_usage(struct builder *builder, const struct step *step, struct fault *fault);

/* Mount attributes of a comma separated list: readonly nosuid nodev noexec noatime. */
unsigned long mount_attributes(const char *flags);

#endif
