/* The log of what happens on the host, one for all servers: the directory of the plan's setting `events`. The
 * file `log` has a line of JSON per event; whoever finds it full makes it `log.1`, under a lock on `lock`.
 * src/host/events.ts writes the same lines and has their types.
 *
 *   {"time":"2026-11-30T19:28:00.123Z","type":"stopped","server":"web1","detail":{"exit":"exited 1"}}
 *
 * A guest that reboots in a loop must not push out what others have done: after a hundred events a server has
 * one every six seconds, and the next that is written says in `missed` how many there were.
 *
 * Here is written what only a supervisor sees: stopped, restarting, gave-up, failed, ready, healthy,
 * unhealthy, limit, hook-failed. A plan without the setting: nothing is. */
#ifndef VPS_EVENTS_H
#define VPS_EVENTS_H

#include "server.h"

/* `format` makes the inside of `detail`: pairs of JSON, of texts without quotes and control characters. An
 * event that can't be written is lost. */
void event_write(const struct server *server, const char *type, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif
