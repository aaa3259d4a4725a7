/* What others may read without asking the supervisor: the state file and the exit file, each replaced as a
 * whole. */
#ifndef VPS_STATE_H
#define VPS_STATE_H

#include "server.h"

/* The state as KEY=VALUE lines; returns its length. */
int state_text(const struct server *server, char *text, size_t size);
/* run/vps/servers/NAME/state */
void state_write(const struct server *server);
/* var/lib/vps/servers/NAME/exit: how init ended, ` gave-up RESTARTS` if the policy had no more of these, a
 * space, seconds since the epoch. `gave_up` 0: it did not give up. */
void state_write_exit(const struct server *server, const char *how, int gave_up);

/* The first state of all. A server that has none would be taken for dead, so this one has to find its room.
 */
int state_begin(struct server *server, struct fault *fault);
void state_change(struct server *server, enum state state);

/* Copies the plan to run/vps/servers/NAME/plan, so that it can be looked at and replayed. */
int state_store_plan(const struct server *server, struct fault *fault);

/* Field 22 of /proc/PID/stat, clock ticks since boot: with the pid it names a process for good. */
long long process_start(pid_t pid);

#endif
