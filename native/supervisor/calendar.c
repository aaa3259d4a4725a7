/* Days are counted from 1 March of the year 0, so that the leap day is the last of its year; an era is the
 * 400 years after which the calendar repeats itself. */
#include "calendar.h"

enum {
        DAY_SECONDS = 86400,
        ERA_DAYS = 146097,
        CENTURY_DAYS = 36524,
        FOUR_YEARS_DAYS = 1461,
        EPOCH_DAYS = 719468, /* from 1 March 0000 to 1 January 1970 */
};

struct date calendar_date(time_t when)
{
        long long days = when / DAY_SECONDS + EPOCH_DAYS;
        int era = (int)(days / ERA_DAYS), day = (int)(days % ERA_DAYS);
        int year = (day - day / (FOUR_YEARS_DAYS - 1) + day / CENTURY_DAYS - day / (ERA_DAYS - 1)) / 365;
        int of_year = day - (365 * year + year / 4 - year / 100);
        int month = (5 * of_year + 2) / 153; /* 0: March; five months in a row have 153 days */
        struct date date = {.year = era * 400 + year + (month >= 10),
                            .month = month < 10 ? month + 3 : month - 9,
                            .day = of_year - (153 * month + 2) / 5 + 1};

        return date;
}

time_t calendar_month_begin(struct date date)
{
        int year = date.month > 2 ? date.year : date.year - 1;
        int month = date.month > 2 ? date.month - 3 : date.month + 9;
        long long days = (long long)(year / 400) * ERA_DAYS + year % 400 * 365 + year % 400 / 4 -
                         year % 400 / 100 + (153 * month + 2) / 5;

        return (time_t)(days - EPOCH_DAYS) * DAY_SECONDS;
}
