/* How often a process of the server was not allowed to fork. */
#ifndef VPS_FORKS_H
#define VPS_FORKS_H

#include <stdint.h>

/* `events` is what the payload's pids.events says. */
int64_t forks_refused(int payload, const char *events);

#endif
