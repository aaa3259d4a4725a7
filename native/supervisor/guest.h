/* The process that becomes init: its last steps, in its own namespaces, up to exec. */
#ifndef VPS_GUEST_H
#define VPS_GUEST_H

#include "server.h"

/* Runs in the forked child and never returns: execs init, or reports the fault over the channel and exits. */
_Noreturn void guest_main(struct server *server, int channel);

#endif
