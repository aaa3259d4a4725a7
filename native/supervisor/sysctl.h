/* Kernel parameters of the server's own namespaces. */
#ifndef VPS_SYSCTL_H
#define VPS_SYSCTL_H

#include "fault.h"
#include "plan.h"

#include <sys/types.h>

/* sysctl NAME VALUE, by the server's root in its namespaces: the kernel refuses what is not theirs. */
int sysctl_set(const struct step *step, struct fault *fault);

/* ipc-sysctl NAME VALUE, in the server's ipc namespace with the host's privileges: until Linux 6.9 what
 * belongs to that namespace may be set by the host's root only, since then by the server's root only. Any
 * other name is refused here. */
int sysctl_set_ipc(const struct step *step, uid_t id_base, struct fault *fault);

#endif
