/* What a server has used and what it was refused, over all its runs: var/lib/vps/servers/NAME/usage.
 *
 *   vps-usage 1
 *   since UNIX             when the counts begin
 *   saved UNIX
 *   NAME BASE RUN          one line per counter that this host's kernel has offered
 *
 * BASE is what the runs before this one came to, RUN what this one has; a counter's total is their sum, a
 * peak's the larger one. A run that ends without its supervisor thus loses what came after the last save.
 */
#ifndef VPS_LEDGER_H
#define VPS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The sizes of huge pages that x86_64 and aarch64 have, as the kernel spells them. */
enum { HUGE_SIZES = 6 };
extern const char *const huge_sizes[HUGE_SIZES];

enum counter {
        CPU_USEC,
        CPU_PERIODS,
        CPU_THROTTLED,
        CPU_THROTTLED_USEC,
        MEMORY_MAX,
        MEMORY_HIGH,
        MEMORY_LOW,
        MEMORY_OOM,
        MEMORY_OOM_KILL,
        SWAP_MAX,
        SWAP_FAIL,
        PIDS_MAX,
        IO_RBYTES,
        IO_WBYTES,
        IO_RIOS,
        IO_WIOS,
        HUGE_MAX, /* and one more for each further size of huge pages */
        MEMORY_PEAK = HUGE_MAX + HUGE_SIZES,
        SWAP_PEAK,
        PIDS_PEAK,
        COUNTERS,
        FIRST_PEAK = MEMORY_PEAK,
};

struct entry {
        bool known; /* this kernel offers it, or an earlier one did */
        int64_t base;
        int64_t run;
        int64_t last;  /* the kernel's figure at the last sample; of a peak: one that no longer counts */
        int64_t grown; /* between the last two samples */
};

struct ledger {
        time_t since;
        struct entry entries[COUNTERS];
};

/* Reads the old ledger and takes its runs together, before what this run has come to. One that makes no sense
 * is kept as usage.damaged. */
void ledger_load(struct ledger *ledger, int storage_dir);
/* 0, or -1 with errno. */
int ledger_save(const struct ledger *ledger, int storage_dir);

/* The kernel's present figure. A count that shrinks has lost a part (a group that was removed, a disk that
 * was taken out) and has not grown. */
void ledger_count(struct ledger *ledger, enum counter counter, int64_t figure);
/* A value that was held. */
void ledger_held(struct ledger *ledger, enum counter peak, int64_t held);
/* The kernel's own peak, -1: it keeps none. False: it tells nothing of the time since the ledger was begun
 * anew, in which no more was held than before. */
bool ledger_peak(struct ledger *ledger, enum counter peak, int64_t figure);
/* What the kernel shows begins at 0 again. */
void ledger_new_group(struct ledger *ledger);

int64_t ledger_total(const struct ledger *ledger, enum counter counter);
/* What the run has come to so far is somebody else's. */
void ledger_disown(struct ledger *ledger);
/* All counts begin anew; peaks at what is held from now on. */
void ledger_reset(struct ledger *ledger, time_t now);

#endif
