/* Kernel parameters of the server's own namespaces. */
#ifndef VPS_SYSCTL_H
#define VPS_SYSCTL_H

#include "fault.h"
#include "plan.h"

/* sysctl NAME VALUE, by the server's root in its namespaces: the kernel refuses what is not theirs. */
int sysctl_set(const struct step *step, struct fault *fault);

/* ipc-sysctl NAME VALUE, by the host's root in the server's ipc namespace: before Linux 6.9 nobody else may
 * set what belongs to that namespace. Any other name is refused here. */
int sysctl_set_ipc(const struct step *step, struct fault *fault);

#endif
