#include "tenant.h"

#include "calendar.h"
#include "files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TABLE_BYTES = 2048, CELL_BYTES = 40, NOT_OFFERED = -1, NO_SUCH_THING = -2 };

struct table {
        char text[TABLE_BYTES];
        size_t used;
};

struct row {
        const char *resource;
        int64_t held; /* NOT_OFFERED: there is no row */
        int64_t most;
        int64_t refused;
        const char *guarantee, *high, *limit; /* files; NULL: there is none */
};

/* A limit as the kernel says it, in one word. */
static void cell(char *text, int payload, const char *file)
{
        if (!file || file_read(payload, file, text, CELL_BYTES) <= 0) {
                (void)snprintf(text, CELL_BYTES, "-");
                return;
        }
        text[strcspn(text, "\n")] = '\0';
        for (char *blank = text; (blank = strchr(blank, ' '));)
                *blank = '/';
}

static void number(char *text, size_t size, int64_t value)
{
        if (value < 0)
                (void)snprintf(text, size, "-");
        else
                (void)snprintf(text, size, "%lld", (long long)value);
}

static void add(struct table *table, const char *resource, const char *cells[5], const char *refused)
{
        size_t room = sizeof(table->text) - table->used;
        int length = snprintf(table->text + table->used, room, "%-14s %20s %20s %20s %20s %20s %12s\n",
                              resource, cells[0], cells[1], cells[2], cells[3], cells[4], refused);

        if (length > 0 && (size_t)length < room)
                table->used += (size_t)length;
}

static void add_row(struct table *table, int payload, const struct row *row)
{
        char held[24], most[24], refused[24], guarantee[CELL_BYTES], high[CELL_BYTES], limit[CELL_BYTES];

        if (row->held == NOT_OFFERED)
                return;
        number(held, sizeof(held), row->held);
        number(most, sizeof(most), row->most);
        number(refused, sizeof(refused), row->refused);
        cell(guarantee, payload, row->guarantee);
        cell(high, payload, row->high);
        cell(limit, payload, row->limit);
        add(table, row->resource, (const char *[5]){held, most, guarantee, high, limit}, refused);
}

static void add_huge_pages(struct table *table, int payload, const struct ledger *ledger)
{
        char resource[32], current[32], limit[32];

        for (int i = 0; i < HUGE_SIZES; i++) {
                if (!ledger->entries[HUGE_MAX + i].known)
                        continue;
                (void)snprintf(resource, sizeof(resource), "hugetlb_%s", huge_sizes[i]);
                (void)snprintf(current, sizeof(current), "hugetlb.%s.current", huge_sizes[i]);
                (void)snprintf(limit, sizeof(limit), "hugetlb.%s.max", huge_sizes[i]);
                add_row(table, payload,
                        &(struct row){resource, figure_of(payload, current), NO_SUCH_THING,
                                      ledger_total(ledger, HUGE_MAX + i), NULL, NULL, limit});
        }
}

static void fill(struct table *table, int payload, const struct ledger *ledger, const struct held *held)
{
        const char *header[5] = {"held", "maxheld", "guarantee", "high", "limit"};
        time_t now = time(NULL);
        struct date date = calendar_date(now);
        bool ceiling = ledger->entries[CPU_THROTTLED].known, disks = ledger->entries[IO_RBYTES].known;
        bool kills = ledger->entries[MEMORY_OOM_KILL].known;
        int seconds = (int)(now % 86400);

        table->used = (size_t)snprintf(table->text, sizeof(table->text),
                                       "Usage, written %04d-%02d-%02d %02d:%02d:%02d UTC. "
                                       "Present values are in /sys/fs/cgroup.\n",
                                       date.year, date.month, date.day, seconds / 3600, seconds / 60 % 60,
                                       seconds % 60);
        add(table, "resource", header, "failcnt");
        const struct row rows[] = {
                {"cpu_usec", ledger_total(ledger, CPU_USEC), NO_SUCH_THING,
                 ceiling ? ledger_total(ledger, CPU_THROTTLED) : NO_SUCH_THING, NULL, NULL, "cpu.max"},
                {"memory", held->memory, ledger_total(ledger, MEMORY_PEAK), ledger_total(ledger, MEMORY_MAX),
                 "memory.min", "memory.high", "memory.max"},
                {"oom_kill", kills ? NO_SUCH_THING : NOT_OFFERED, NO_SUCH_THING,
                 ledger_total(ledger, MEMORY_OOM_KILL), NULL, NULL, NULL},
                {"swap", held->swap, ledger_total(ledger, SWAP_PEAK), ledger_total(ledger, SWAP_FAIL), NULL,
                 "memory.swap.high", "memory.swap.max"},
                {"pids", held->pids, ledger_total(ledger, PIDS_PEAK), ledger_total(ledger, PIDS_MAX), NULL,
                 NULL, "pids.max"},
                {"io_rbytes", disks ? ledger_total(ledger, IO_RBYTES) : NOT_OFFERED, NO_SUCH_THING,
                 NO_SUCH_THING, NULL, NULL, NULL},
                {"io_wbytes", disks ? ledger_total(ledger, IO_WBYTES) : NOT_OFFERED, NO_SUCH_THING,
                 NO_SUCH_THING, NULL, NULL, NULL},
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                add_row(table, payload, &rows[i]);
        add_huge_pages(table, payload, ledger);
}

void tenant_write(int file, int payload, const struct ledger *ledger, const struct held *held)
{
        struct table table;

        if (file < 0)
                return;
        fill(&table, payload, ledger, held);
        if (pwrite(file, table.text, table.used, 0) == (ssize_t)table.used)
                (void)!ftruncate(file, (off_t)table.used);
}
