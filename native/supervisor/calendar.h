/* UTC, without the C library's time zones: these read files and keep memory. */
#ifndef VPS_CALENDAR_H
#define VPS_CALENDAR_H

#include <stddef.h>
#include <time.h>

struct date {
        int year;
        int month; /* 1 to 12 */
        int day;   /* 1 to 31 */
};

struct date calendar_date(time_t when);
/* The first second of the date's month. */
time_t calendar_month_begin(struct date date);

#endif
