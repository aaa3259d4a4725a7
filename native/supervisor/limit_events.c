#include "limit_events.h"

#include "events.h"

#include <stdio.h>
#include <string.h>

static const int64_t SHORTEST_US = 10 * 1000000LL, LONGEST_US = 3600 * 1000000LL;

static struct limit_event *event_of(struct limit_events *events, const char *resource)
{
        for (int i = 0; i < LIMITED_RESOURCES; i++) {
                struct limit_event *event = &events->resources[i];

                if (!event->resource)
                        event->resource = resource;
                if (strcmp(event->resource, resource) == 0)
                        return event;
        }
        return NULL;
}

void limit_note(struct limit_events *events, const char *resource, const char *kind, int gravity,
                int64_t count, const char *limit)
{
        struct limit_event *event = event_of(events, resource);
        int64_t now = now_us();

        if (!event)
                return;
        if (event->count == 0 && now >= event->next_us) {
                if (now - event->next_us >= event->pause_us) /* nothing for a whole pause: it was over */
                        event->pause_us = 0;
                event->next_us = now;
        }
        if (event->count == 0 || gravity > event->gravity) {
                event->kind = kind;
                event->gravity = gravity;
        }
        event->count += count;
        (void)snprintf(event->limit, sizeof(event->limit), "%s", limit);
}

int64_t limit_due(const struct limit_events *events)
{
        int64_t due = 0;

        for (int i = 0; i < LIMITED_RESOURCES; i++)
                if (events->resources[i].count > 0)
                        due = sooner(due, events->resources[i].next_us);
        return due;
}

static void tell(const struct limit_event *event, const struct server *server)
{
        bool is_number = *event->limit && strspn(event->limit, "0123456789") == strlen(event->limit);
        const char *quote = is_number ? "" : "\"";

        event_write(server, "limit", "\"resource\":\"%s\",\"kind\":\"%s\",\"count\":%lld,\"value\":%s%s%s",
                    event->resource, event->kind, (long long)event->count, quote, event->limit, quote);
}

void limit_tell(struct limit_events *events, const struct server *server, bool all)
{
        int64_t now = now_us();

        for (int i = 0; i < LIMITED_RESOURCES; i++) {
                struct limit_event *event = &events->resources[i];

                if (event->count == 0 || (!all && now < event->next_us))
                        continue;
                tell(event, server);
                event->pause_us = event->pause_us ? event->pause_us * 2 : SHORTEST_US;
                if (event->pause_us > LONGEST_US)
                        event->pause_us = LONGEST_US;
                event->next_us = now + event->pause_us;
                event->count = 0;
        }
}
