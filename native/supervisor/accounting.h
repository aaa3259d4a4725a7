/* The account of one server: what it uses and what it is refused, kept over runs (ledger.h), what it sends
 * and receives (traffic.h), by month (months.h), by refusal (refusals.h), and shown to the server (tenant.h).
 *
 * Samples are taken while it runs: when the kernel tells of a refusal, every `accounting-interval` seconds,
 * when asked, and at the end of each run. In between nothing is looked at. */
#ifndef VPS_ACCOUNTING_H
#define VPS_ACCOUNTING_H

#include "months.h"
#include "refusals.h"
#include "sample.h"
#include "server.h"
#include "traffic.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct accounting {
        bool begun;   /* init has run: before that nothing is written */
        bool running; /* time counts */
        struct ledger ledger;
        struct months months;
        struct traffic traffic;
        struct refusals refusals;
        struct watch watch;
        struct held held; /* at the last sample */
        int64_t sampled_us;
        int64_t saved_us;
        int64_t interval_us;   /* 0: none */
        int64_t deaf_until_us; /* after an event: a storm wakes the supervisor once a second */
        ino_t group;
};

/* Before the first process of the server. */
void accounting_open(struct accounting *accounting, const struct server *server);
/* Init runs. */
void accounting_started(struct accounting *accounting, const struct server *server, int log_dir);
/* Init has ended: the run's last sample. */
void accounting_ended(struct accounting *accounting, const struct server *server);
/* Nothing is left that runs, and nothing will: the last sample of all, before the group goes. */
void accounting_close(struct accounting *accounting, const struct server *server);

/* A sample now, with all refusals recorded and everything saved. 0, or -1 with errno. */
int accounting_save(struct accounting *accounting, const struct server *server);
/* Counts and peaks begin anew; months stay. 0, or -1 with errno. */
int accounting_reset(struct accounting *accounting, const struct server *server);
/* So do counts of traffic. 0, or -1 with errno. */
int accounting_reset_traffic(struct accounting *accounting, const struct server *server);

/* What to poll for events, WATCHED of them, and what came of it. */
void accounting_watch(const struct accounting *accounting, struct pollfd *polled);
void accounting_events(struct accounting *accounting, const struct server *server,
                       const struct pollfd *polled);
/* When something is due, of now_us(); 0: nothing is. */
int64_t accounting_due(const struct accounting *accounting);
void accounting_tick(struct accounting *accounting, const struct server *server);

#endif
