/* The steps of the plan that init's process runs itself. */
#ifndef VPS_GUEST_STEPS_H
#define VPS_GUEST_STEPS_H

#include "server.h"

/* Runs every guest step in order; the last one execs and does not come back. Always returns -1 with the
 * fault. */
int guest_run_steps(struct server *server, struct fault *fault);

/* Brings `lo` of the present network namespace up. */
int loopback_up(struct fault *fault);

#endif
