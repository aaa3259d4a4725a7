/* Which devices a server may open: a BPF program on its payload cgroup. */
#ifndef VPS_DEVICES_H
#define VPS_DEVICES_H

#include "server.h"

/* devices RULE…: see devices.c. */
int step_devices(const struct server *server, const struct step *step, struct fault *fault);

/* An exit status: 0 when this kernel takes such a program from us. */
int devices_probe(void);

#endif
