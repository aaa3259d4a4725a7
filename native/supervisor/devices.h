/* Which devices a server may open: a BPF program on its payload cgroup. */
#ifndef VPS_DEVICES_H
#define VPS_DEVICES_H

#include "server.h"

/* devices RULE…: see devices.c. */
int step_devices(const struct server *server, const struct step *step, struct fault *fault);

#endif
