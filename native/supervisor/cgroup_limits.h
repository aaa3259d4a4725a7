/* The steps of the plan that are about the server's cgroup: controllers, limits, devices. */
#ifndef VPS_CGROUP_LIMITS_H
#define VPS_CGROUP_LIMITS_H

#include "server.h"

/* Runs them all, in order, before anything lives in payload: no process is ever moved into a limit. They hold
 * over restarts, as payload stays. */
int cgroup_limits_apply(const struct server *server, struct fault *fault);

/* On a systemd host the process that asked for the scope sits in its root, where no controller can be handed
 * down, until it has left. */
int cgroup_await_empty(const struct server *server, struct fault *fault);

#endif
