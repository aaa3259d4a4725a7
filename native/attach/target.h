/* The server we attach to: its init, held by a pidfd so that a pid used again can't fool us. */
#ifndef VPS_ATTACH_TARGET_H
#define VPS_ATTACH_TARGET_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct target {
        pid_t init;
        int pidfd;
        struct rlimit limits[RLIM_NLIMITS];
        char oom_score[16]; /* init's, as text; empty when it could not be read */
};

/* Opens init and makes sure that it is the process that was meant. 0, or a negative errno: ESRCH when it is
 * not. */
int target_open(struct target *target, pid_t init, long long start);

/* Has init ended, or is it on its way? Killing a server kills its init and our command together, in no order.
 */
bool target_ends(const struct target *target, int patience_ms);

#endif
