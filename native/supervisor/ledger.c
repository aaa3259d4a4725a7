#include "ledger.h"

#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEDGER_BYTES = 2048 };

const char *const huge_sizes[HUGE_SIZES] = {"64KB", "2MB", "32MB", "512MB", "1GB", "16GB"};

static const char *const names[COUNTERS] = {
        [CPU_USEC] = "cpu_usec",
        [CPU_PERIODS] = "cpu_periods",
        [CPU_THROTTLED] = "cpu_throttled",
        [CPU_THROTTLED_USEC] = "cpu_throttled_usec",
        [MEMORY_MAX] = "memory_max",
        [MEMORY_HIGH] = "memory_high",
        [MEMORY_LOW] = "memory_low",
        [MEMORY_OOM] = "memory_oom",
        [MEMORY_OOM_KILL] = "memory_oom_kill",
        [SWAP_MAX] = "swap_max",
        [SWAP_FAIL] = "swap_fail",
        [PIDS_MAX] = "pids_max",
        [IO_RBYTES] = "io_rbytes",
        [IO_WBYTES] = "io_wbytes",
        [IO_RIOS] = "io_rios",
        [IO_WIOS] = "io_wios",
        [HUGE_MAX] = "hugetlb_64KB_max",
        [HUGE_MAX + 1] = "hugetlb_2MB_max",
        [HUGE_MAX + 2] = "hugetlb_32MB_max",
        [HUGE_MAX + 3] = "hugetlb_512MB_max",
        [HUGE_MAX + 4] = "hugetlb_1GB_max",
        [HUGE_MAX + 5] = "hugetlb_16GB_max",
        [MEMORY_PEAK] = "memory_peak",
        [SWAP_PEAK] = "swap_peak",
        [PIDS_PEAK] = "pids_peak",
};

static int64_t larger(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

int64_t ledger_total(const struct ledger *ledger, enum counter counter)
{
        const struct entry *entry = &ledger->entries[counter];

        return counter >= FIRST_PEAK ? larger(entry->base, entry->run) : entry->base + entry->run;
}

/* -1 for a name that is none of ours. */
static int find(const char *name)
{
        for (int i = 0; i < COUNTERS; i++)
                if (strcmp(names[i], name) == 0)
                        return i;
        return -1;
}

static bool take_number(const char *text, int64_t *value)
{
        const int64_t most = INT64_MAX / 4; /* two of them can be added */
        char *end;

        errno = 0;
        *value = strtoll(text, &end, 10);
        return errno == 0 && end != text && !*end && *value <= most && *value >= -most;
}

/* A counter of a later version is left out, which is better than to have none. */
static bool take_line(struct ledger *ledger, char *line)
{
        const char *name = strsep(&line, " "), *base = strsep(&line, " ");
        int64_t first, second = 0;
        int counter;

        if (!base || !take_number(base, &first))
                return false;
        if (strcmp(name, "since") == 0)
                ledger->since = first;
        if (strcmp(name, "since") == 0 || strcmp(name, "saved") == 0)
                return !line;
        if (!line || !take_number(line, &second))
                return false;
        counter = find(name);
        if (counter < 0)
                return true;
        ledger->entries[counter].known = true;
        ledger->entries[counter].base = counter >= FIRST_PEAK ? larger(first, second) : first + second;
        return true;
}

static bool take_text(struct ledger *ledger, char *text)
{
        char *rest = text, *line = strsep(&rest, "\n");

        if (!rest || strcmp(line, "vps-usage 1") != 0)
                return false;
        while ((line = strsep(&rest, "\n")) && rest)
                if (!take_line(ledger, line))
                        return false;
        return line && !*line && ledger->since > 0; /* the last line is whole */
}

static void start_anew(struct ledger *ledger)
{
        ledger->since = time(NULL);
        for (int i = 0; i < COUNTERS; i++) {
                ledger->entries[i].known = false;
                ledger->entries[i].base = 0;
        }
}

void ledger_load(struct ledger *ledger, int storage_dir)
{
        char text[LEDGER_BYTES];
        ssize_t got = file_read(storage_dir, "usage", text, sizeof(text));

        if (got >= 0 && take_text(ledger, text))
                return;
        if (got >= 0)
                (void)renameat(storage_dir, "usage", storage_dir, "usage.damaged");
        start_anew(ledger);
}

static int put_line(const struct ledger *ledger, int counter, char *text, size_t size)
{
        const struct entry *entry = &ledger->entries[counter];

        if (!entry->known)
                return 0;
        return snprintf(text, size, "%s %lld %lld\n", names[counter], (long long)entry->base,
                        (long long)entry->run);
}

int ledger_save(const struct ledger *ledger, int storage_dir)
{
        char text[LEDGER_BYTES];
        int length = snprintf(text, sizeof(text), "vps-usage 1\nsince %lld\nsaved %lld\n",
                              (long long)ledger->since, (long long)time(NULL));

        for (int i = 0; i < COUNTERS; i++)
                length += put_line(ledger, i, text + length, sizeof(text) - (size_t)length);
        return file_renew_safely(storage_dir, "usage", text, (size_t)length);
}

void ledger_count(struct ledger *ledger, enum counter counter, int64_t figure)
{
        struct entry *entry = &ledger->entries[counter];

        entry->known = true;
        entry->grown = figure > entry->last ? figure - entry->last : 0;
        entry->run += entry->grown;
        entry->last = figure;
}

void ledger_held(struct ledger *ledger, enum counter peak, int64_t held)
{
        struct entry *entry = &ledger->entries[peak];

        entry->known = true;
        entry->run = larger(entry->run, held);
}

bool ledger_peak(struct ledger *ledger, enum counter peak, int64_t figure)
{
        struct entry *entry = &ledger->entries[peak];

        if (figure <= entry->last)
                return false;
        entry->last = 0; /* higher than at the reset: from now on the kernel's is ours */
        ledger_held(ledger, peak, figure);
        return true;
}

void ledger_new_group(struct ledger *ledger)
{
        for (int i = 0; i < COUNTERS; i++)
                ledger->entries[i].last = 0;
}

void ledger_disown(struct ledger *ledger)
{
        for (int i = 0; i < COUNTERS; i++) {
                struct entry *entry = &ledger->entries[i];

                if (i >= FIRST_PEAK)
                        entry->last = larger(entry->last, entry->run);
                entry->run = entry->grown = 0;
        }
}

void ledger_reset(struct ledger *ledger, time_t now)
{
        ledger->since = now;
        for (int i = 0; i < FIRST_PEAK; i++)
                ledger->entries[i].base = -ledger->entries[i].run;
        for (int i = FIRST_PEAK; i < COUNTERS; i++) {
                struct entry *entry = &ledger->entries[i];

                entry->last = larger(entry->last, entry->run);
                entry->base = entry->run = 0;
        }
}
