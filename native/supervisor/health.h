/* The health of a server: a check every now and then, by a short-lived child. Settings of the plan (times in
 * milliseconds):
 *
 *   health             exec, tcp or http; none: nothing is checked, and nobody is woken
 *   health-interval health-timeout health-retries health-grace health-action
 *   health-exec.N      exec: the command, run in the server by `attach-program`
 *   health-addresses   tcp, http: addresses, with commas between them; the first that takes the connection
 *   health-port        counts
 *   health-request     http: what is sent
 *
 * A server is `starting` until a check has been passed; failures within the grace don't count. After as many
 * in a row as there are retries it is `unhealthy`, until one is passed. */
#ifndef VPS_HEALTH_H
#define VPS_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct supervisor;

struct health {
        int program;   /* vps-attach, kept open so that an upgrade can't take it away; -1: none is needed */
        pid_t checker; /* 0: no check is under way */
        int said;      /* the end of a pipe: why the checker failed */
        int64_t deadline; /* of the check, of now_us() */
        int kills;        /* how often it was told to end, for that */
        bool outdated;    /* whatever it says comes too late: the server it looked at is gone */
        int64_t next;     /* check, of now_us() */
        int64_t pause_us; /* to the next check, while the server is starting */
        int64_t begun;    /* the server, of now_us() */
        int failures;     /* in a row */
};

/* The plan is new, at the start or by a reload. */
void health_configure(struct supervisor *supervisor);
/* Init runs; it has ended. */
void health_started(struct supervisor *supervisor);
void health_ended(struct supervisor *supervisor);

/* When something is to be done, of now_us(); 0: never. */
int64_t health_due(const struct supervisor *supervisor);
void health_tick(struct supervisor *supervisor);
/* A child has ended; false when it was no check. */
bool health_reaped(struct supervisor *supervisor, pid_t pid, int status);

#endif
