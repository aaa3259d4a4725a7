#include "traffic.h"

#include "files.h"
#include "network/counters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char heading[] = "vps-traffic 1";
static const char *const units[UNITS] = {[UNIT_BYTES] = "bytes", [UNIT_PACKETS] = "packets"};

static const int64_t MOST = INT64_MAX / 4; /* two of them can be added */

/* Room for one more, some at a time: what grows by turns leaves holes. NULL: there is no memory. */
static void *room(void *items, int count, size_t size)
{
        const int at_once = 8;

        return count % at_once ? items : reallocarray(items, (size_t)(count + at_once), size);
}

/* NULL: no memory for it. */
static struct flow *flow_named(struct traffic *traffic, const char *name)
{
        struct flow *more;

        for (int i = 0; i < traffic->flow_count; i++)
                if (strcmp(traffic->flows[i].name, name) == 0)
                        return &traffic->flows[i];
        more = room(traffic->flows, traffic->flow_count, sizeof(*more));
        if (!more)
                return NULL;
        traffic->flows = more;
        more += traffic->flow_count++;
        *more = (struct flow){0};
        (void)snprintf(more->name, sizeof(more->name), "%s", name);
        return more;
}

/* FNV-1a; a server has some dozens of elements. */
static uint64_t identify(const struct step *step)
{
        uint64_t hash = 0xcbf29ce484222325;

        for (int i = 2; i <= 3; i++)
                for (const char *at = step->args[i]; *at; at++)
                        hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
        return hash;
}

/* Of the set's name behind its prefix, `in4_CLASS`, comes `CLASS_in4`. */
static struct flow *flow_of(struct traffic *traffic, const struct step *step)
{
        const char *kind = counters_kind(step), *class = kind ? strchr(kind, '_') : NULL;
        char name[sizeof(traffic->flows->name)];
        int length =
                class ? snprintf(name, sizeof(name), "%s_%.*s", class + 1, (int)(class - kind), kind) : -1;

        return length < 0 || (size_t)length >= sizeof(name) ? NULL : flow_named(traffic, name);
}

static struct meter *meter_of(struct traffic *traffic, const struct step *step)
{
        uint64_t id = identify(step);
        struct meter *more;
        struct flow *flow;

        for (int i = 0; i < traffic->meter_count; i++)
                if (traffic->meters[i].id == id)
                        return &traffic->meters[i];
        flow = flow_of(traffic, step);
        more = flow ? room(traffic->meters, traffic->meter_count, sizeof(*more)) : NULL;
        if (!more)
                return NULL;
        traffic->meters = more;
        more += traffic->meter_count++;
        *more = (struct meter){.id = id, .flow = (int)(flow - traffic->flows)};
        return more;
}

static int64_t figure(uint64_t counter)
{
        return counter > (uint64_t)MOST ? MOST : (int64_t)counter;
}

/* All elements of a table begin at 0 with it. */
static void follow_table(struct traffic *traffic, uint64_t table)
{
        if (traffic->table == table)
                return;
        traffic->table = table;
        for (int i = 0; i < traffic->meter_count; i++)
                memset(traffic->meters[i].last, 0, sizeof(traffic->meters[i].last));
}

/* One that shrank is another element by the same name. */
static void take(void *context, const struct counted *counted)
{
        struct traffic *traffic = context;
        int64_t now[UNITS] = {figure(counted->bytes), figure(counted->packets)};
        struct meter *meter;

        follow_table(traffic, counted->table);
        meter = meter_of(traffic, counted->step);
        if (!meter)
                return;
        if (!counted->found || now[UNIT_BYTES] < meter->last[UNIT_BYTES] ||
            now[UNIT_PACKETS] < meter->last[UNIT_PACKETS])
                memset(meter->last, 0, sizeof(meter->last));
        for (int i = 0; i < UNITS && counted->found; i++) {
                struct flow *flow = &traffic->flows[meter->flow];
                int64_t grown = now[i] - meter->last[i];

                flow->grown[i] += grown;
                flow->run[i] += grown;
                traffic->changed |= grown > 0;
                meter->last[i] = now[i];
        }
}

void traffic_sample(struct traffic *traffic, const struct plan *plan)
{
        counters_read(plan, take, traffic);
}

void traffic_open(struct traffic *traffic, const struct plan *plan)
{
        *traffic = (struct traffic){0};
        traffic_sample(traffic, plan);
        for (int i = 0; i < traffic->flow_count; i++) {
                memset(traffic->flows[i].grown, 0, sizeof(traffic->flows[i].grown));
                memset(traffic->flows[i].run, 0, sizeof(traffic->flows[i].run));
        }
        traffic->changed = false;
}

static bool take_number(const char *text, int64_t *value)
{
        char *end;

        errno = 0;
        *value = text ? strtoll(text, &end, 10) : 0;
        return text && errno == 0 && end != text && !*end && *value <= MOST && *value >= -MOST;
}

/* Cuts `_bytes` or `_packets` off; UNITS for a name that ends otherwise. */
static enum unit take_unit(char *name)
{
        char *last = strrchr(name, '_');

        for (enum unit i = 0; last && i < UNITS; i++)
                if (strcmp(last + 1, units[i]) == 0) {
                        *last = '\0';
                        return i;
                }
        return UNITS;
}

/* A line of a later version is left out, which is better than to have none. */
static bool take_line(struct traffic *traffic, char *line)
{
        char *name = strsep(&line, " ");
        const char *base = strsep(&line, " "), *run = strsep(&line, " ");
        int64_t first, second = 0;
        struct flow *flow;
        enum unit unit;

        if (!take_number(base, &first) || (run && !take_number(run, &second)))
                return false;
        if (strcmp(name, "since") == 0)
                traffic->since = first;
        unit = take_unit(name);
        if (!run || unit == UNITS || strlen(name) >= sizeof(flow->name))
                return true;
        flow = flow_named(traffic, name);
        if (flow)
                flow->base[unit] = first + second;
        return flow != NULL;
}

static bool take_text(struct traffic *traffic, char *text)
{
        char *rest = text, *line = strsep(&rest, "\n");

        if (!rest || strcmp(line, heading) != 0)
                return false;
        while ((line = strsep(&rest, "\n")) && rest)
                if (!take_line(traffic, line))
                        return false;
        return line && !*line && traffic->since > 0; /* the last line is whole */
}

static void start_anew(struct traffic *traffic)
{
        traffic->since = time(NULL);
        for (int i = 0; i < traffic->flow_count; i++)
                memset(traffic->flows[i].base, 0, sizeof(traffic->flows[i].base));
}

void traffic_load(struct traffic *traffic, int storage_dir)
{
        _cleanup_scratch_ struct scratch scratch;
        ssize_t got;

        if (scratch_open(&scratch) < 0) {
                start_anew(traffic);
                return;
        }
        got = file_read(storage_dir, "traffic", scratch.text, SCRATCH_BYTES);
        if (got >= 0 && take_text(traffic, scratch.text))
                return;
        if (got >= 0)
                (void)renameat(storage_dir, "traffic", storage_dir, "traffic.damaged");
        start_anew(traffic);
}

static int put_flow(const struct flow *flow, struct scratch *text)
{
        for (int i = 0; i < UNITS; i++)
                if (scratch_put(text, "%s_%s %lld %lld\n", flow->name, units[i], (long long)flow->base[i],
                                (long long)flow->run[i]) < 0)
                        return -1;
        return 0;
}

int traffic_save(struct traffic *traffic, int storage_dir)
{
        _cleanup_scratch_ struct scratch text = {0};

        if (!traffic->changed)
                return 0;
        if (scratch_open(&text) < 0 || scratch_put(&text, "%s\nsince %lld\nsaved %lld\n", heading,
                                                   (long long)traffic->since, (long long)time(NULL)) < 0)
                return -1;
        for (int i = 0; i < traffic->flow_count; i++)
                if (put_flow(&traffic->flows[i], &text) < 0)
                        return -1;
        if (file_renew_safely(storage_dir, "traffic", text.text, text.used) < 0)
                return -1;
        traffic->changed = false;
        return 0;
}

void traffic_reset(struct traffic *traffic)
{
        traffic->since = time(NULL);
        traffic->changed |= traffic->flow_count > 0;
        for (int i = 0; i < traffic->flow_count; i++)
                for (int unit = 0; unit < UNITS; unit++)
                        traffic->flows[i].base[unit] = -traffic->flows[i].run[unit];
}

void traffic_to_month(struct traffic *traffic, int64_t part, int64_t whole)
{
        for (int i = 0; i < traffic->flow_count; i++)
                for (int unit = 0; unit < UNITS; unit++) {
                        struct flow *flow = &traffic->flows[i];
                        int64_t share = whole > 0 ? (int64_t)((__int128)flow->grown[unit] * part / whole) : 0;

                        flow->month[unit] += share;
                        flow->grown[unit] -= share;
                }
}

/* The figure of a line of the month's file, `NAME_UNIT FIGURE`; 0 when there is none. */
static int64_t figure_before(const char *old, const char *name, const char *unit)
{
        size_t length = strlen(name), rest = strlen(unit);

        for (const char *line = old; line; line = strchr(line, '\n')) {
                int64_t found;

                line += *line == '\n';
                if (strncmp(line, name, length) != 0 || line[length] != '_' ||
                    strncmp(line + length + 1, unit, rest) != 0 || line[length + 1 + rest] != ' ')
                        continue;
                found = strtoll(line + length + 2 + rest, NULL, 10);
                return found < 0 || found > MOST ? 0 : found;
        }
        return 0;
}

/* `office_in4` */
static bool names_flow(const char *name)
{
        const char *last = strrchr(name, '_');
        size_t length = last ? strlen(last + 1) : 0;

        return last > name && length > 1 && (last[length] == '4' || last[length] == '6') &&
               (strncmp(last + 1, "in", length - 1) == 0 || strncmp(last + 1, "out", length - 1) == 0);
}

/* Flows that only the month's file still knows. */
static void learn(struct traffic *traffic, const char *old)
{
        for (const char *line = old; line && *line; line = strchr(line, '\n')) {
                char name[sizeof(traffic->flows->name) + 16];
                size_t length;

                line += *line == '\n';
                length = strcspn(line, " \n");
                if (length >= sizeof(name))
                        continue;
                memcpy(name, line, length);
                name[length] = '\0';
                if (take_unit(name) < UNITS && names_flow(name) &&
                    strlen(name) < sizeof(traffic->flows->name))
                        (void)flow_named(traffic, name);
        }
}

int traffic_put_month(struct traffic *traffic, const char *old, struct scratch *text)
{
        learn(traffic, old);
        for (int i = 0; i < traffic->flow_count; i++)
                for (int unit = 0; unit < UNITS; unit++) {
                        const struct flow *flow = &traffic->flows[i];
                        int64_t sum = figure_before(old, flow->name, units[unit]) + flow->month[unit];

                        if (sum > 0 &&
                            scratch_put(text, "%s_%s %lld\n", flow->name, units[unit], (long long)sum) < 0)
                                return -1;
                }
        return 0;
}

void traffic_month_saved(struct traffic *traffic)
{
        for (int i = 0; i < traffic->flow_count; i++)
                memset(traffic->flows[i].month, 0, sizeof(traffic->flows[i].month));
}
