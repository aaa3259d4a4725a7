/* The cgroup of one attached command, CGROUP/payload/vps-attach-PID-RANDOM: what it starts is found and
 * killed through it. It is inside of what is delegated to the server, so that the server's logind can move a
 * login into a session; and it is the host's, so that the server can't freeze it. */
#ifndef VPS_ATTACH_GROUP_H
#define VPS_ATTACH_GROUP_H

#include <limits.h>

struct command_group {
        int dir;    /* -1: no cgroup */
        int parent; /* CGROUP/payload */
        char id[NAME_MAX];
};

/* Makes the group, and removes empty ones that earlier commands left. 0, or a negative errno. An empty
 * `cgroup` makes none. */
int group_make(struct command_group *group, const char *cgroup);

/* SIGKILL to every process in it, now and at once. */
void group_kill(const struct command_group *group);

/* Removes it unless something still lives in it: a daemon that the command started stays. */
void group_remove(const struct command_group *group);

/* Waits, at most 2 s, until it could be removed. */
void group_remove_patiently(const struct command_group *group);

#endif
