/* The launch plan as C sees it. The words:
 *
 *   vps-plan 1
 *   set KEY VALUE                        settings: see docs/decisions/0002-launch-plan.md
 *   step OP ORIGIN NARGS ARG…            steps, in order; ORIGIN is the place in the YAML, or empty. For a
 *                                        change of a running server's network: `-OP` removes, `+OP` is OP
 *   end
 */
#ifndef VPS_PLAN_H
#define VPS_PLAN_H

#include "words.h"

#include <stdbool.h>
#include <sys/types.h>

/* Who runs a step. The order of the plan holds within a role; the supervisor's procedure (boot.c) orders the
 * roles. */
enum role {
        ROLE_SUPERVISOR, /* the supervisor itself, in the host's namespaces */
        ROLE_CGROUP,  /* the supervisor, on the server's cgroup, once in its life: before anything is born in
                         payload */
        ROLE_LIMITS,  /* the process that will be init, while it still has the host's privileges */
        ROLE_NETWORK, /* the supervisor, before each boot, in the host's namespaces; undone at the end */
        ROLE_BUILDER, /* a helper with the host's privileges inside the server's pid, net, ipc and cgroup
                         namespaces */
        ROLE_GUEST,   /* the process that becomes init, root of the server's user namespace */
};

struct op {
        const char *name;
        enum role role;
        int least, most; /* number of arguments; most -1: any */
};

struct step {
        const struct op *op;
        const char *origin;
        char **args;
        int count;
        bool removes; /* OP was written `-OP`: what it would make is to go. Of the network only */
};

struct plan {
        struct words words;
        struct step *steps;
        size_t count;
        char **settings; /* key, value, key, value, …, NULL */
        size_t setting_count;
};

/* 0, or a negative errno with `problem` pointing at what is wrong: a word of the plan or a fixed text. The
 * caller frees the plan in either case. */
int plan_read(int fd, struct plan *plan, const char **problem);
void plan_free(struct plan *plan);

/* A setting's value; NULL, or the fallback, when the plan does not have it. */
const char *plan_setting(const struct plan *plan, const char *key);
long plan_number(const struct plan *plan, const char *key, long fallback);
/* The settings KEY.0, KEY.1 … as a list that ends with NULL, to be freed; NULL when there are none, or no
 * memory. */
char **plan_list(const struct plan *plan, const char *key);

bool step_is(const struct step *step, const char *op);
/* Looks for a word in a comma separated list. */
bool list_has(const char *list, const char *word);

#endif
