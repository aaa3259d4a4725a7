#include "refusals.h"

#include "cleanup.h"
#include "files.h"
#include "server.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
        SECOND_US = 1000000,
        LONGEST_PAUSE_US = 60 * SECOND_US,
        LOG_BYTES = 256 * 1024,
        /* The kernel counts a victim before it prints its name. */
        NAME_DELAY_US = 200000,
};

struct kind {
        const char *resource, *name;
        enum counter counter;
        const char *controller; /* of CONTROLLER.current and CONTROLLER.max */
};

static const struct kind kinds[REFUSAL_KINDS] = {
        [REFUSED_MEMORY_MAX] = {"memory", "max", MEMORY_MAX, "memory"},
        [REFUSED_MEMORY_OOM] = {"memory", "oom", MEMORY_OOM, "memory"},
        [REFUSED_MEMORY_OOM_KILL] = {"memory", "oom_kill", MEMORY_OOM_KILL, "memory"},
        [REFUSED_SWAP_MAX] = {"swap", "max", SWAP_MAX, "memory.swap"},
        [REFUSED_SWAP_FAIL] = {"swap", "fail", SWAP_FAIL, "memory.swap"},
        [REFUSED_PIDS] = {"pids", "max", PIDS_MAX, "pids"},
        [REFUSED_CPU] = {"cpu", "throttled", CPU_THROTTLED, "cpu"},
        [REFUSED_HUGE] = {"hugetlb_64KB", "max", HUGE_MAX, "hugetlb.64KB"},
        [REFUSED_HUGE + 1] = {"hugetlb_2MB", "max", HUGE_MAX + 1, "hugetlb.2MB"},
        [REFUSED_HUGE + 2] = {"hugetlb_32MB", "max", HUGE_MAX + 2, "hugetlb.32MB"},
        [REFUSED_HUGE + 3] = {"hugetlb_512MB", "max", HUGE_MAX + 3, "hugetlb.512MB"},
        [REFUSED_HUGE + 4] = {"hugetlb_1GB", "max", HUGE_MAX + 4, "hugetlb.1GB"},
        [REFUSED_HUGE + 5] = {"hugetlb_16GB", "max", HUGE_MAX + 5, "hugetlb.16GB"},
};

static int64_t unix_ms(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void refusals_open(struct refusals *refusals, int log_dir)
{
        *refusals = (struct refusals){.log_dir = log_dir};
        kmsg_open(&refusals->kmsg);
}

static int64_t held_of(enum refusal_kind kind, const struct held *held, int payload)
{
        char name[32];

        switch (kind) {
        case REFUSED_MEMORY_MAX:
        case REFUSED_MEMORY_OOM:
        case REFUSED_MEMORY_OOM_KILL:
                return held->memory;
        case REFUSED_SWAP_MAX:
        case REFUSED_SWAP_FAIL:
                return held->swap;
        case REFUSED_PIDS:
                return held->pids;
        default:
                (void)snprintf(name, sizeof(name), "%s.current", kinds[kind].controller);
                return figure_of(payload, name);
        }
}

static void note(struct refusal *refusal, int64_t count, int64_t delay_us)
{
        int64_t now = now_us();

        if (refusal->count == 0 && now >= refusal->next_us) {
                if (now - refusal->next_us >= refusal->pause_us) /* nothing for a whole pause: it was over */
                        refusal->pause_us = 0;
                refusal->next_us = now + delay_us;
        }
        refusal->count += count;
        refusal->unix_ms = unix_ms();
}

void refusals_note(struct refusals *refusals, const struct ledger *ledger, const struct held *held,
                   int payload)
{
        for (int i = 0; i < REFUSAL_KINDS; i++) {
                struct refusal *refusal = &refusals->kinds[i];
                int64_t grown = ledger->entries[kinds[i].counter].grown;

                if (grown == 0)
                        continue;
                if (i == REFUSED_CPU)
                        refusal->held += ledger->entries[CPU_THROTTLED_USEC].grown;
                else
                        refusal->held = held_of(i, held, payload);
                note(refusal, grown, i == REFUSED_MEMORY_OOM_KILL ? NAME_DELAY_US : 0);
        }
}

int64_t refusals_due(const struct refusals *refusals)
{
        int64_t due = 0;

        for (int i = 0; i < REFUSAL_KINDS; i++) {
                const struct refusal *refusal = &refusals->kinds[i];

                if (refusal->count > 0 && (due == 0 || refusal->next_us < due))
                        due = refusal->next_us;
        }
        return sooner(due, limit_due(&refusals->events));
}

/* cpu.max is `QUOTA PERIOD`. */
static void limit_text(const struct kind *kind, int payload, char *limit, size_t size)
{
        char name[32], text[64] = "";
        long long quota, period;

        (void)snprintf(name, sizeof(name), "%s.max", kind->controller);
        if (file_read(payload, name, text, sizeof(text)) < 0)
                text[0] = '\0';
        if (kind->counter == CPU_THROTTLED && sscanf(text, "%lld %lld", &quota, &period) == 2 && period > 0)
                (void)snprintf(limit, size, "%lld", (long long)((__int128)quota * SECOND_US / period));
        else
                (void)snprintf(limit, size, "%.*s", (int)strcspn(text, " \n"), text);
}

static int open_present(int log_dir, off_t *size)
{
        int file = openat(log_dir, "refusals", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        struct stat st;

        *size = file >= 0 && fstat(file, &st) == 0 ? st.st_size : 0;
        return file;
}

static int open_log(int log_dir, off_t *size)
{
        int file = open_present(log_dir, size);

        if (file < 0 || *size < LOG_BYTES)
                return file;
        close_fd(&file);
        (void)renameat(log_dir, "refusals", log_dir, "refusals.1");
        return open_present(log_dir, size);
}

static int write_line(const struct refusals *refusals, const struct kind *kind, const struct refusal *refusal,
                      int64_t count, int payload, const char *process)
{
        off_t size;
        _cleanup_fd_ int log = open_log(refusals->log_dir, &size);
        char line[256], held[24] = "", limit[32];
        int length;

        if (refusal->held >= 0)
                (void)snprintf(held, sizeof(held), "%lld", (long long)refusal->held);
        limit_text(kind, payload, limit, sizeof(limit));
        length = snprintf(line, sizeof(line), "%lld\t%s\t%s\t%lld\t%s\t%s\t%s\n", (long long)refusal->unix_ms,
                          kind->resource, kind->name, (long long)count, held, limit, process);
        if (log < 0)
                return -1;
        if (file_write_all(log, line, (size_t)length) == 0)
                return 0;
        (void)!ftruncate(log, size); /* half a line of a full disk */
        return -1;
}

/* A line for each victim that the kernel has named. */
static bool write_victims(struct refusals *refusals, int payload, uid_t id_base)
{
        struct refusal *refusal = &refusals->kinds[REFUSED_MEMORY_OOM_KILL];
        struct kmsg *kmsg = &refusals->kmsg;
        char process[48];

        kmsg_read(kmsg, id_base);
        while (refusal->count > 0 && kmsg->count > 0) {
                (void)snprintf(process, sizeof(process), "%d %s", kmsg->victims[0].pid,
                               kmsg->victims[0].comm);
                if (write_line(refusals, &kinds[REFUSED_MEMORY_OOM_KILL], refusal, 1, payload, process) < 0)
                        return false;
                refusal->count--;
                kmsg_forget(kmsg, 1);
        }
        return true;
}

static void write_kind(struct refusals *refusals, enum refusal_kind kind, int payload, uid_t id_base)
{
        struct refusal *refusal = &refusals->kinds[kind];
        int64_t count = refusal->count;
        char limit[LIMIT_BYTES];

        refusal->pause_us = refusal->pause_us ? refusal->pause_us * 2 : SECOND_US;
        if (refusal->pause_us > LONGEST_PAUSE_US)
                refusal->pause_us = LONGEST_PAUSE_US;
        refusal->next_us = now_us() + refusal->pause_us;
        if (kind == REFUSED_MEMORY_OOM_KILL && !write_victims(refusals, payload, id_base))
                return; /* a full disk: what is left is tried again */
        if (refusal->count > 0 &&
            write_line(refusals, &kinds[kind], refusal, refusal->count, payload, "") < 0)
                return;
        refusal->count = refusal->held = 0;
        limit_text(&kinds[kind], payload, limit, sizeof(limit));
        limit_note(&refusals->events, kinds[kind].resource, kinds[kind].name, kind, count, limit);
}

bool refusals_write(struct refusals *refusals, const struct server *server, bool all)
{
        int64_t now = now_us();
        bool any = false;

        for (int i = 0; i < REFUSAL_KINDS; i++) {
                const struct refusal *refusal = &refusals->kinds[i];

                if (refusal->count == 0 || (!all && now < refusal->next_us))
                        continue;
                write_kind(refusals, i, server->payload, server->id_base);
                any = true;
        }
        limit_tell(&refusals->events, server, false);
        return any;
}

void refusals_close(struct refusals *refusals, const struct server *server)
{
        limit_tell(&refusals->events, server, true);
        close_fd(&refusals->kmsg.file);
}
