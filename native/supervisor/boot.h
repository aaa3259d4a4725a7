/* The procedure of a boot: the first one, and each restart. */
#ifndef VPS_BOOT_H
#define VPS_BOOT_H

#include "server.h"

/* Once in a supervisor's life: private mounts, user and network namespace. */
int boot_prepare(struct server *server, int report, struct fault *fault);

/* From the plan to a running init. On a fault nothing of the attempt is left; the namespaces of boot_prepare
 * stay. */
int boot(struct server *server, int report, struct fault *fault);

#endif
