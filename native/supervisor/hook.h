/* The hook of failures, a program of the host: the plan's settings `hook-failure.N` (its words),
 * `hook-timeout` (milliseconds) and `hook-env.N` (NAME=VALUE). It is run when init ended by itself and not
 * well (`failed`), when the restart policy has no more restarts (`gave-up`), and when the server becomes
 * `unhealthy`. What a guest asks for itself, a reboot or a poweroff, runs nothing.
 *
 * It runs beside the supervisor and never holds it up, in the host's root cgroup, one at a time per server.
 * It has the facts in its environment (VPS_EVENT and others, see hook.c) and as one line of JSON at its
 * standard input; what it says goes to the log directory, into `hooks.log`. */
#ifndef VPS_HOOK_H
#define VPS_HOOK_H

#include <stdbool.h>
#include <sys/types.h>

struct supervisor;

enum { MOST_MINDERS = 3 };

/* Those who look after a hook each: one runs, the others wait for it. */
struct hooks {
        pid_t minders[MOST_MINDERS]; /* 0: a free place */
};

/* `reason`: how init ended, or why the server is unhealthy. */
void hook_run(struct supervisor *supervisor, const char *event, const char *reason);
/* A child has ended; false when it was no hook's. */
bool hook_reaped(struct supervisor *supervisor, pid_t pid);

#endif
