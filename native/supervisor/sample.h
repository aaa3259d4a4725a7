/* One look at the counters of a server's payload. Files of controllers that the payload does not have are
 * passed over: their lines stay away from the ledger. */
#ifndef VPS_SAMPLE_H
#define VPS_SAMPLE_H

#include "ledger.h"

#include <stdbool.h>

/* The files that tell of events. They are held open: a kernel's file wakes those who poll it for POLLPRI
 * until they read it again, each through the descriptor it polls. */
enum { WATCH_MEMORY, WATCH_SWAP, WATCH_PIDS, WATCH_HUGE, WATCHED = WATCH_HUGE + HUGE_SIZES };

struct watch {
        int fds[WATCHED]; /* -1: not there */
};

/* What is held at this moment; -1: not known. */
struct held {
        int64_t memory;
        int64_t swap;
        int64_t pids;
};

void watch_open(struct watch *watch, int payload);
void watch_close(struct watch *watch);

/* Into the ledger, which thereby knows what has grown. */
void sample_take(const struct watch *watch, struct ledger *ledger, int payload, struct held *held);

/* What is held counts for the peaks. */
void sample_held(struct ledger *ledger, const struct held *held);

/* The figure of a line `NAME FIGURE`, or of a text that is one number (`name` is then NULL). False when there
 * is none, as with `max`. */
bool figure_in(const char *text, const char *name, int64_t *figure);
/* Of a file that is one number; -1: there is none. */
int64_t figure_of(int dir, const char *name);

#endif
