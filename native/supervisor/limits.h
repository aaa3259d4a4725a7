/* What is set on init from outside, where the supervisor still has the host's privileges. */
#ifndef VPS_LIMITS_H
#define VPS_LIMITS_H

#include "server.h"

/* rlimits and the OOM score: the server's own, not those of the shell that started it. */
int limits_apply(struct server *server, struct fault *fault);

/* The supervisor's own, whatever the shell had: a file size limit would end it with the first log line
 * beyond. */
void limits_shed(void);

#endif
