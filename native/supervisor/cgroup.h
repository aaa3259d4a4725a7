/* The server's cgroup: CGROUP/{supervisor,payload}. `payload` is delegated to the server; attached commands
 * are in groups of their own below it. */
#ifndef VPS_CGROUP_H
#define VPS_CGROUP_H

#include "server.h"

/* Makes the directories and opens them into the server; `supervisor_dir` receives the one to be born in. */
int cgroup_make(struct server *server, const struct step *step, int *supervisor_dir, struct fault *fault);

/* A fresh payload for a restart: whatever sub-groups the last init made are gone. */
int cgroup_renew_payload(struct server *server, struct fault *fault);

/* SIGKILL to everything of the server, its attached commands included: cgroup.kill. */
int cgroup_kill_guests(const struct server *server);

/* Writes a file of a group: 0, or a negative errno. */
int cgroup_write_file(int dir, const char *name, const char *text);

/* Removes what can be removed of the tree; the supervisor's own directory goes when it has left: ending.c. */
void cgroup_remove(struct server *server);

#endif
