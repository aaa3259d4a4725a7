#include "accounting.h"

#include "cleanup.h"
#include "files.h"
#include "tenant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SECOND_US = 1000000, LAST_BREATH_MS = 200, LONGEST_INTERVAL = 31 * 24 * 3600 };

static ino_t inode_of(int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* The group is kept over a restart from inside; where it could not be, its counts begin at 0 again. */
static void follow_group(struct accounting *accounting, const struct server *server)
{
        ino_t group = inode_of(server->payload);

        if (group == accounting->group)
                return;
        accounting->group = group;
        watch_close(&accounting->watch);
        watch_open(&accounting->watch, server->payload);
        ledger_new_group(&accounting->ledger);
}

/* Memory as if it had changed evenly since the last sample. */
static void add_to_month(struct accounting *accounting, const struct server *server, int64_t held_before)
{
        const struct entry *entries = accounting->ledger.entries;
        int64_t now = now_us(), elapsed_us = accounting->running ? now - accounting->sampled_us : 0;
        int64_t items[MONTH_ITEMS] = {
                [MONTH_CPU_USEC] = entries[CPU_USEC].grown,
                [MONTH_MEMORY] = -1,
                [MONTH_IO_RBYTES] = entries[IO_RBYTES].known ? entries[IO_RBYTES].grown : -1,
                [MONTH_IO_WBYTES] = entries[IO_WBYTES].known ? entries[IO_WBYTES].grown : -1,
        };

        if (held_before >= 0 && accounting->held.memory >= 0)
                items[MONTH_MEMORY] = (int64_t)((__int128)(held_before + accounting->held.memory) / 2 *
                                                elapsed_us / SECOND_US);
        months_add(&accounting->months, &accounting->traffic, server->storage_dir, items, elapsed_us);
        accounting->sampled_us = now;
}

static void sample(struct accounting *accounting, const struct server *server)
{
        int64_t held_before = accounting->held.memory;

        follow_group(accounting, server);
        sample_take(&accounting->watch, &accounting->ledger, server->payload, &accounting->held);
        traffic_sample(&accounting->traffic, &server->plan);
        add_to_month(accounting, server, held_before);
        refusals_note(&accounting->refusals, &accounting->ledger, &accounting->held, server->payload);
}

static void show(const struct accounting *accounting, const struct server *server)
{
        tenant_write(server->usage, server->payload, &accounting->ledger, &accounting->held);
}

/* Each by itself; the first that can't be saved is what is said. */
static int save(struct accounting *accounting, const struct server *server)
{
        int error = ledger_save(&accounting->ledger, server->storage_dir) < 0 ? errno : 0;

        accounting->saved_us = now_us();
        show(accounting, server);
        if (traffic_save(&accounting->traffic, server->storage_dir) < 0 && !error)
                error = errno;
        if (months_save(&accounting->months, &accounting->traffic, server->storage_dir) < 0 && !error)
                error = errno;
        errno = error;
        return error ? -1 : 0;
}

static bool record(struct accounting *accounting, const struct server *server, bool all)
{
        return refusals_write(&accounting->refusals, server, all);
}

int accounting_save(struct accounting *accounting, const struct server *server)
{
        sample(accounting, server);
        (void)record(accounting, server, true);
        return save(accounting, server);
}

int accounting_reset(struct accounting *accounting, const struct server *server)
{
        sample(accounting, server);
        (void)record(accounting, server, true);
        ledger_reset(&accounting->ledger, time(NULL));
        sample_held(&accounting->ledger, &accounting->held);
        return save(accounting, server);
}

int accounting_reset_traffic(struct accounting *accounting, const struct server *server)
{
        sample(accounting, server);
        traffic_reset(&accounting->traffic);
        return save(accounting, server);
}

static int64_t interval_us(const struct plan *plan)
{
        long seconds = plan_number(plan, "accounting-interval", 300);

        return seconds < 0 || seconds > LONGEST_INTERVAL ? 0 : (int64_t)seconds * SECOND_US;
}

void accounting_open(struct accounting *accounting, const struct server *server)
{
        char text[512];
        int64_t used;

        *accounting = (struct accounting){.interval_us = interval_us(&server->plan)};
        for (int i = 0; i < WATCHED; i++)
                accounting->watch.fds[i] = -1;
        traffic_open(&accounting->traffic, &server->plan);
        if (file_read(server->payload, "cpu.stat", text, sizeof(text)) <= 0 ||
            !figure_in(text, "usage_usec", &used) || used == 0)
                return;
        /* A group that could not be removed after an earlier run. */
        follow_group(accounting, server);
        sample_take(&accounting->watch, &accounting->ledger, server->payload, &accounting->held);
        ledger_disown(&accounting->ledger);
}

static void begin(struct accounting *accounting, const struct server *server, int log_dir)
{
        accounting->begun = true;
        accounting->saved_us = now_us();
        ledger_load(&accounting->ledger, server->storage_dir);
        traffic_load(&accounting->traffic, server->storage_dir);
        refusals_open(&accounting->refusals, log_dir);
}

/* The first run's account is only shown: nothing is lost yet that would have to be saved. */
void accounting_started(struct accounting *accounting, const struct server *server, int log_dir)
{
        if (!accounting->begun)
                begin(accounting, server, log_dir);
        sample(accounting, server);
        accounting->running = true;
        (void)record(accounting, server, false);
        show(accounting, server);
}

void accounting_ended(struct accounting *accounting, const struct server *server)
{
        if (!accounting->begun)
                return;
        (void)accounting_save(accounting, server);
        accounting->running = false;
}

/* All that init was the parent of is dead when init can be reaped. A command run from outside, which has just
 * been killed, may take a moment longer. */
static void await_empty(const struct server *server)
{
        _cleanup_fd_ int events = openat(server->payload, "cgroup.events", O_RDONLY | O_CLOEXEC);
        struct pollfd changed = {.fd = events, .events = POLLPRI};
        int64_t until = now_us() + LAST_BREATH_MS * 1000, populated, left_ms;
        char text[128];
        ssize_t got;

        while ((left_ms = (until - now_us()) / 1000) > 0) {
                got = events < 0 ? -1 : pread(events, text, sizeof(text) - 1, 0);
                if (got <= 0)
                        return;
                text[got] = '\0';
                if (!figure_in(text, "populated", &populated) || populated == 0)
                        return;
                (void)poll(&changed, 1, (int)left_ms);
        }
}

void accounting_close(struct accounting *accounting, const struct server *server)
{
        if (!accounting->begun)
                return;
        await_empty(server);
        (void)accounting_save(accounting, server);
        watch_close(&accounting->watch);
        refusals_close(&accounting->refusals, server);
        accounting->begun = false;
}

void accounting_watch(const struct accounting *accounting, struct pollfd *polled)
{
        bool hears = accounting->begun && now_us() >= accounting->deaf_until_us;

        for (int i = 0; i < WATCHED; i++)
                polled[i] = (struct pollfd){.fd = hears ? accounting->watch.fds[i] : -1, .events = POLLPRI};
}

void accounting_events(struct accounting *accounting, const struct server *server,
                       const struct pollfd *polled)
{
        bool any = false;

        for (int i = 0; i < WATCHED; i++)
                any = any || polled[i].revents != 0;
        if (!any)
                return;
        accounting->deaf_until_us = now_us() + SECOND_US;
        sample(accounting, server);
}

int64_t accounting_due(const struct accounting *accounting)
{
        int64_t due;

        if (!accounting->begun)
                return 0;
        due = refusals_due(&accounting->refusals);
        if (accounting->interval_us > 0)
                due = sooner(due, accounting->saved_us + accounting->interval_us);
        if (accounting->deaf_until_us > 0)
                due = sooner(due, accounting->deaf_until_us);
        return due;
}

void accounting_tick(struct accounting *accounting, const struct server *server)
{
        int64_t now = now_us();

        if (!accounting->begun)
                return;
        if (accounting->deaf_until_us > 0 && now >= accounting->deaf_until_us)
                accounting->deaf_until_us = 0;
        if (accounting->interval_us > 0 && now >= accounting->saved_us + accounting->interval_us)
                (void)accounting_save(accounting, server);
        else if (record(accounting, server, false))
                (void)save(accounting, server);
}
