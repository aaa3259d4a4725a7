/* What nftables counts of a server's traffic: the elements of the sets `traffic_…` that are steps of its
 * plan, src/network/traffic. */
#ifndef VPS_NETWORK_COUNTERS_H
#define VPS_NETWORK_COUNTERS_H

#include "plan.h"

#include <stdbool.h>
#include <stdint.h>

/* One element. */
struct counted {
        const struct step *step;
        uint64_t table; /* the kernel's number of its table: another one when the rules were loaded anew, and
                         * all counters with them. 0: there is no table */
        bool found;     /* else there is no such element at present */
        uint64_t bytes;
        uint64_t packets;
};

typedef void counters_listener(void *context, const struct counted *counted);

/* What a step's set counts, `in4_world`; NULL when the step is about something else. */
const char *counters_kind(const struct step *step);

/* Calls `listen` for each element of the plan that the kernel answers about. */
void counters_read(const struct plan *plan, counters_listener *listen, void *context);

#endif
