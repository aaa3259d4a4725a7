/* The steps, each by its file: `remove` undoes what the step would do. They put messages together, which
 * run_flush sends, or act at once. 0, or -1 with the fault set. */
#ifndef VPS_NETWORK_STEPS_H
#define VPS_NETWORK_STEPS_H

#include "run.h"

/* Runs one step of any kind but those of elements.h. */
int network_run_step(struct run *run, int step, bool remove);
/* Brings the link up that a step has made, both ends of it, unless it is. */
int network_bring_up(struct run *run, int step);
/* Whether what the step made is gone only when it is removed by itself, not with a link. */
bool network_makes_link(const struct step *step);

typedef int network_action(struct run *run, const struct step *step, bool remove);

/* links.c */
network_action step_link_veth, step_link_macvlan, step_bridge_port;
/* physical.c */
network_action step_link_physical;
/* addresses.c */
network_action step_link_address, step_host_address;
/* neighbours.c */
network_action step_link_neighbour, step_host_neighbour;
/* routes.c */
network_action step_link_route, step_link_rule, step_host_route, step_host_localhost;
/* setting.c */
network_action step_host_setting;
/* shape.c */
network_action step_shape;
/* Whether it is a step of shape, for a link that nothing holds back yet. */
bool shape_is_new(const struct run *run, const struct step *step);

#endif
