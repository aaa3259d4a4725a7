/* What a server has sent and received, by class of its peer, direction and family, over all its runs:
 * var/lib/vps/servers/NAME/traffic.
 *
 *   vps-traffic 1
 *   since UNIX                       when the counts begin
 *   saved UNIX
 *   CLASS_DIRECTION+FAMILY_UNIT BASE RUN       world_in4_bytes, office_out6_packets …; as in the ledger
 *
 * The classes are those of the plan's elements (network/counters.h), and those that the file has from before.
 * The counters are the kernel's, and begin at 0 when somebody flushes the rules of the host: what was counted
 * before stays, and what came after the last sample is lost. */
#ifndef VPS_TRAFFIC_H
#define VPS_TRAFFIC_H

#include "plan.h"
#include "scratch.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum unit { UNIT_BYTES, UNIT_PACKETS, UNITS };

/* A class, a direction and a family. */
struct flow {
        char name[80]; /* world_in4 */
        int64_t base[UNITS];
        int64_t run[UNITS];
        int64_t grown[UNITS]; /* not yet any month's */
        int64_t month[UNITS]; /* of the present month, not yet saved */
};

/* An element: each link of the server has its own for a flow. */
struct meter {
        uint64_t id; /* of its set and key */
        int flow;
        int64_t last[UNITS]; /* the kernel's figures at the last sample */
};

struct traffic {
        time_t since;
        uint64_t table; /* at the last sample */
        bool changed;   /* since it was saved */
        struct flow *flows;
        int flow_count;
        struct meter *meters;
        int meter_count;
};

/* What elements of an earlier run may have come to is not this one's. */
void traffic_open(struct traffic *traffic, const struct plan *plan);
/* Reads what earlier runs came to. A file that makes no sense is kept as traffic.damaged. */
void traffic_load(struct traffic *traffic, int storage_dir);
void traffic_sample(struct traffic *traffic, const struct plan *plan);
/* Unless nothing has changed. 0, or -1 with errno. */
int traffic_save(struct traffic *traffic, int storage_dir);
/* All counts begin anew. */
void traffic_reset(struct traffic *traffic);

/* Of what has grown, the part of `whole` that `part` is belongs to the present month. */
void traffic_to_month(struct traffic *traffic, int64_t part, int64_t whole);
/* Appends the month's lines: those of `old`, the text of its file, and what has come since. 0, or -1 with
 * errno. */
int traffic_put_month(struct traffic *traffic, const char *old, struct scratch *text);
/* They are saved. */
void traffic_month_saved(struct traffic *traffic);

#endif
