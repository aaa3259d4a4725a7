/* Limits that were hit, as events of the host: per resource one every ten seconds at most, and when it goes
 * on less and less often, at last one an hour. Every refusal is in the server's own log (refusals.h). */
#ifndef VPS_LIMIT_EVENTS_H
#define VPS_LIMIT_EVENTS_H

#include "sample.h"
#include "server.h"

#include <stdbool.h>
#include <stdint.h>

enum { LIMITED_RESOURCES = 4 + HUGE_SIZES, LIMIT_BYTES = 32 };

struct limit_event {
        const char *resource; /* NULL: a free place */
        const char *kind;     /* the gravest since the last event */
        int gravity;
        int64_t count; /* of hits since then; 0: none */
        char limit[LIMIT_BYTES];
        int64_t next_us;  /* of now_us(): before that nothing is told */
        int64_t pause_us; /* from one event to the next */
};

struct limit_events {
        struct limit_event resources[LIMITED_RESOURCES];
};

void limit_note(struct limit_events *events, const char *resource, const char *kind, int gravity,
                int64_t count, const char *limit);
/* When something is to be told, of now_us(); 0: nothing is. */
int64_t limit_due(const struct limit_events *events);
/* Tells what is due, or all there is. */
void limit_tell(struct limit_events *events, const struct server *server, bool all);

#endif
