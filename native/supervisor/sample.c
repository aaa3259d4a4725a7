#include "sample.h"

#include "cleanup.h"
#include "disks.h"
#include "files.h"
#include "forks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1024 };

bool figure_in(const char *text, const char *name, int64_t *figure)
{
        size_t length = name ? strlen(name) : 0;
        char *end;

        while (name && (strncmp(text, name, length) != 0 || text[length] != ' ')) {
                text = strchr(text, '\n');
                if (!text++)
                        return false;
        }
        *figure = strtoll(text + length, &end, 10);
        return end != text + length;
}

int64_t figure_of(int dir, const char *name)
{
        char text[64];
        int64_t figure;

        return file_read(dir, name, text, sizeof(text)) > 0 && figure_in(text, NULL, &figure) ? figure : -1;
}

void watch_open(struct watch *watch, int payload)
{
        static const char *const files[WATCH_HUGE] = {
                [WATCH_MEMORY] = "memory.events",
                [WATCH_SWAP] = "memory.swap.events",
                [WATCH_PIDS] = "pids.events",
        };
        char name[32];

        for (int i = 0; i < WATCH_HUGE; i++)
                watch->fds[i] = openat(payload, files[i], O_RDONLY | O_CLOEXEC);
        for (int i = 0; i < HUGE_SIZES; i++) {
                (void)snprintf(name, sizeof(name), "hugetlb.%s.events", huge_sizes[i]);
                watch->fds[WATCH_HUGE + i] = openat(payload, name, O_RDONLY | O_CLOEXEC);
        }
}

void watch_close(struct watch *watch)
{
        for (int i = 0; i < WATCHED; i++)
                close_fd(&watch->fds[i]);
}

struct field {
        const char *name;
        enum counter counter;
};

static void count_fields(struct ledger *ledger, const char *text, const struct field *fields, size_t count)
{
        int64_t figure;

        for (size_t i = 0; i < count; i++)
                if (figure_in(text, fields[i].name, &figure))
                        ledger_count(ledger, fields[i].counter, figure);
}

static void take_events(const struct watch *watch, struct ledger *ledger, int payload)
{
        static const struct field memory[] = {{"max", MEMORY_MAX},
                                              {"high", MEMORY_HIGH},
                                              {"low", MEMORY_LOW},
                                              {"oom", MEMORY_OOM},
                                              {"oom_kill", MEMORY_OOM_KILL}};
        static const struct field swap[] = {{"max", SWAP_MAX}, {"fail", SWAP_FAIL}};
        char text[TEXT_BYTES];

        for (int i = 0; i < WATCHED; i++) {
                ssize_t got = watch->fds[i] < 0 ? -1 : pread(watch->fds[i], text, sizeof(text) - 1, 0);

                if (got <= 0)
                        continue;
                text[got] = '\0';
                if (i == WATCH_MEMORY)
                        count_fields(ledger, text, memory, sizeof(memory) / sizeof(memory[0]));
                else if (i == WATCH_SWAP)
                        count_fields(ledger, text, swap, sizeof(swap) / sizeof(swap[0]));
                else if (i == WATCH_PIDS)
                        ledger_count(ledger, PIDS_MAX, forks_refused(payload, text));
                else
                        count_fields(ledger, text, &(struct field){"max", HUGE_MAX + i - WATCH_HUGE}, 1);
        }
}

static void take_cpu(struct ledger *ledger, int payload)
{
        static const struct field cpu[] = {{"usage_usec", CPU_USEC},
                                           {"nr_periods", CPU_PERIODS},
                                           {"nr_throttled", CPU_THROTTLED},
                                           {"throttled_usec", CPU_THROTTLED_USEC}};
        char text[TEXT_BYTES];

        if (file_read(payload, "cpu.stat", text, sizeof(text)) > 0)
                count_fields(ledger, text, cpu, sizeof(cpu) / sizeof(cpu[0]));
}

/* The kernel's peak, where it has one (memory since 5.19, swap 6.5, pids 6.11) and it is news. Else the most
 * that was held at a sample, and the limit, if it was hit since the last one. */
static int64_t take_held(struct ledger *ledger, int payload, enum counter peak, enum counter hits,
                         const char *controller)
{
        char name[32];
        int64_t held, figure;

        (void)snprintf(name, sizeof(name), "%s.current", controller);
        held = figure_of(payload, name);
        if (held < 0)
                return -1;
        (void)snprintf(name, sizeof(name), "%s.peak", controller);
        figure = figure_of(payload, name);
        if (!ledger_peak(ledger, peak, figure) && ledger->entries[hits].grown > 0) {
                (void)snprintf(name, sizeof(name), "%s.max", controller);
                ledger_held(ledger, peak, figure_of(payload, name));
        }
        return held;
}

void sample_held(struct ledger *ledger, const struct held *held)
{
        if (held->memory >= 0)
                ledger_held(ledger, MEMORY_PEAK, held->memory);
        if (held->swap >= 0)
                ledger_held(ledger, SWAP_PEAK, held->swap);
        if (held->pids >= 0)
                ledger_held(ledger, PIDS_PEAK, held->pids);
}

void sample_take(const struct watch *watch, struct ledger *ledger, int payload, struct held *held)
{
        for (int i = 0; i < COUNTERS; i++)
                ledger->entries[i].grown = 0;
        take_cpu(ledger, payload);
        take_events(watch, ledger, payload);
        disks_take(ledger, payload);
        held->memory = take_held(ledger, payload, MEMORY_PEAK, MEMORY_MAX, "memory");
        held->swap = take_held(ledger, payload, SWAP_PEAK, SWAP_MAX, "memory.swap");
        held->pids = take_held(ledger, payload, PIDS_PEAK, PIDS_MAX, "pids");
        sample_held(ledger, held);
}
