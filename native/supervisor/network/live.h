/* The network of a server from outside of its supervisor: a change while it runs, and what one that died has
 * left. */
#ifndef VPS_NETWORK_LIVE_H
#define VPS_NETWORK_LIVE_H

/* vps-supervisor network-apply: the steps of the plan at the descriptor are done, or removed when written
 * `-OP`; all, or none. Settings: netns-pid PID, a process of the server's network (needed by steps that work
 * inside), netns-start, its start as in field 22 of /proc/PID/stat, so that no other process is taken for it.
 * Steps of links that are made inside (link-veth and the like) are not for this.
 *
 * vps-supervisor network-undo: removes what the steps of a launch plan have left on the host. Nothing left is
 * no fault.
 *
 * Both return the exit status: 0, or 1 with a line `fault…` as of report.h on standard output. */
int network_apply(int plan_fd);
int network_undo(int plan_fd);

#endif
