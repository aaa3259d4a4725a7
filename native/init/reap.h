#ifndef VPS_INIT_REAP_H
#define VPS_INIT_REAP_H

#include <stdbool.h>
#include <sys/types.h>

/* Collects every child that has ended, orphans of others included. True when `watched` (0: nobody) was among
 * them; then *status is its wait status. */
bool reap_all(pid_t watched, int *status);

#endif
