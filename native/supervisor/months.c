#include "months.h"

#include "calendar.h"
#include "cleanup.h"
#include "files.h"
#include "sample.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SECOND_US = 1000000 };

static const char *const names[MONTH_ITEMS] = {
        [MONTH_SECONDS] = "seconds",
        [MONTH_CPU_USEC] = "cpu_usec",
        [MONTH_MEMORY] = "memory_byte_seconds",
        [MONTH_IO_RBYTES] = "io_rbytes",
        [MONTH_IO_WBYTES] = "io_wbytes",
};

static int64_t part_of(int64_t amount, int64_t part, int64_t whole)
{
        return whole > 0 ? (int64_t)((__int128)amount * part / whole) : 0;
}

static void add(struct months *months, const int64_t items[MONTH_ITEMS], int64_t elapsed_us)
{
        months->known[MONTH_SECONDS] = true;
        months->rest_us += elapsed_us;
        months->items[MONTH_SECONDS] += months->rest_us / SECOND_US;
        months->rest_us %= SECOND_US;
        for (int i = MONTH_SECONDS + 1; i < MONTH_ITEMS; i++)
                if (items[i] >= 0) {
                        months->known[i] = true;
                        months->items[i] += items[i];
                }
}

void months_add(struct months *months, struct traffic *traffic, int storage_dir,
                const int64_t items[MONTH_ITEMS], int64_t elapsed_us)
{
        time_t now = time(NULL), month = calendar_month_begin(calendar_date(now));
        int64_t before_us = elapsed_us - (int64_t)(now - month) * SECOND_US;
        int64_t rest[MONTH_ITEMS], before[MONTH_ITEMS];

        if (months->month == 0)
                months->month = month;
        if (before_us < 0 || months->month == month)
                before_us = 0;
        for (int i = 0; i < MONTH_ITEMS; i++) {
                before[i] = items[i] < 0 ? -1 : part_of(items[i], before_us, elapsed_us);
                rest[i] = items[i] < 0 ? -1 : items[i] - before[i];
        }
        add(months, before, before_us);
        traffic_to_month(traffic, before_us, elapsed_us);
        if (months->month != month) {
                (void)months_save(months, traffic,
                                  storage_dir); /* a disk that is full makes it this month's */
                months->month = month;
        }
        add(months, rest, elapsed_us - before_us);
        traffic_to_month(traffic, 1, 1);
}

static int open_months(int storage_dir)
{
        if (mkdirat(storage_dir, "months", 0700) < 0 && errno != EEXIST)
                return -1;
        return openat(storage_dir, "months", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int put_items(const struct months *months, const char *old, struct scratch *text)
{
        for (int i = 0; i < MONTH_ITEMS; i++) {
                int64_t sum = 0;

                if (!figure_in(old, names[i], &sum) && !months->known[i])
                        continue;
                if (sum < 0 || sum > INT64_MAX / 2)
                        sum = 0;
                if (scratch_put(text, "%s %lld\n", names[i], (long long)(sum + months->items[i])) < 0)
                        return -1;
        }
        return 0;
}

int months_save(struct months *months, struct traffic *traffic, int storage_dir)
{
        _cleanup_scratch_ struct scratch old = {0}, text = {0};
        _cleanup_fd_ int dir = open_months(storage_dir);
        struct date date = calendar_date(months->month);
        char name[32];

        if (dir < 0 || scratch_open(&old) < 0 || scratch_open(&text) < 0)
                return -1;
        (void)snprintf(name, sizeof(name), "%04d-%02d", date.year, date.month);
        if (file_read(dir, name, old.text, SCRATCH_BYTES) < 0 && errno != ENOENT)
                return -1;
        if (put_items(months, old.text, &text) < 0 || traffic_put_month(traffic, old.text, &text) < 0 ||
            file_renew_safely(dir, name, text.text, text.used) < 0)
                return -1;
        memset(months->items, 0, sizeof(months->items));
        traffic_month_saved(traffic);
        return 0;
}
