/* What a server has used per month of UTC, for a bill: var/lib/vps/servers/NAME/months/YYYY-MM, lines
 * `NAME VALUE`. Never reset. Behind these are lines of traffic, `CLASS_in4_bytes VALUE` (traffic.h). */
#ifndef VPS_MONTHS_H
#define VPS_MONTHS_H

#include "traffic.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum month_item {
        MONTH_SECONDS, /* in which it ran */
        MONTH_CPU_USEC,
        MONTH_MEMORY, /* byte seconds */
        MONTH_IO_RBYTES,
        MONTH_IO_WBYTES,
        MONTH_ITEMS,
};

struct months {
        int64_t items[MONTH_ITEMS]; /* of the present month, not yet saved */
        bool known[MONTH_ITEMS];    /* this kernel offers it */
        int64_t rest_us;            /* less than a second that it ran */
        time_t month;               /* its first second; 0: nothing has been added */
};

/* What was used in the last `elapsed_us`; of `items` all but the seconds, and -1 for what is not known here;
 * of `traffic` what has grown. Where a month ended in that time, each gets its part. */
void months_add(struct months *months, struct traffic *traffic, int storage_dir,
                const int64_t items[MONTH_ITEMS], int64_t elapsed_us);
/* 0, or -1 with errno: then it is tried again with what comes. */
int months_save(struct months *months, struct traffic *traffic, int storage_dir);

#endif
