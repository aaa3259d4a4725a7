/* What init inherits from the host: set while its process still has the host's privileges. */
#ifndef VPS_LIMITS_H
#define VPS_LIMITS_H

#include "server.h"

/* rlimits and the OOM score of the calling process: the server's own, not those of the shell that started it.
 */
int limits_apply(const struct plan *plan, struct fault *fault);

/* The supervisor's own, whatever the shell had: a file size limit would end it with the first log line
 * beyond. */
void limits_shed(void);

#endif
