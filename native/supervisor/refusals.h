/* Who hit what, when: var/lib/vps/servers/NAME/log/refusals, and refusals.1 before it. A line per refusal,
 * its fields separated by tabs:
 *
 *   UNIX_MS RESOURCE KIND COUNT HELD LIMIT PROCESS
 *
 * COUNT is since the last line of that kind. HELD and LIMIT are bytes or numbers, LIMIT is `max` where there
 * is none; of the CPU they are the microseconds it was kept waiting and those that it may have in a second.
 * PROCESS is `PID COMM` with the host's pid, or empty. A storm is a line a second at first, then less and
 * less often, at last one a minute; nothing is lost from COUNT.
 */
#ifndef VPS_REFUSALS_H
#define VPS_REFUSALS_H

#include "kmsg.h"
#include "limit_events.h"
#include "sample.h"
#include "server.h"

enum refusal_kind {
        REFUSED_MEMORY_MAX,
        REFUSED_MEMORY_OOM,
        REFUSED_MEMORY_OOM_KILL,
        REFUSED_SWAP_MAX,
        REFUSED_SWAP_FAIL,
        REFUSED_PIDS,
        REFUSED_CPU,
        REFUSED_HUGE, /* and one more for each further size of huge pages */
        REFUSAL_KINDS = REFUSED_HUGE + HUGE_SIZES,
};

struct refusal {
        int64_t count; /* not yet recorded */
        int64_t held;
        int64_t unix_ms;  /* of the latest */
        int64_t next_us;  /* of now_us(): before that no line is written */
        int64_t pause_us; /* from one line to the next */
};

struct refusals {
        int log_dir;
        struct kmsg kmsg;
        struct refusal kinds[REFUSAL_KINDS];
        struct limit_events events;
};

void refusals_open(struct refusals *refusals, int log_dir);
/* Takes note of what has grown in the ledger. */
void refusals_note(struct refusals *refusals, const struct ledger *ledger, const struct held *held,
                   int payload);
/* When the next line is due, of now_us(); 0: none is. */
int64_t refusals_due(const struct refusals *refusals);
/* Writes the lines that are due, or all there are. False when there was nothing to write. */
bool refusals_write(struct refusals *refusals, const struct server *server, bool all);
/* What the host has not been told yet, at the end. */
void refusals_close(struct refusals *refusals, const struct server *server);

#endif
