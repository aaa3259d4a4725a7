/* Another plan for a running server. */
#ifndef VPS_RELOAD_H
#define VPS_RELOAD_H

#include "server.h"

/* Takes the run directory's file `plan`, which whoever has changed the running server has replaced: the next
 * boot and the end go by it. Only a whole plan of this very server is taken. 0; -1 with errno, and why. */
int plan_reload(struct server *server, const char **why);

#endif
