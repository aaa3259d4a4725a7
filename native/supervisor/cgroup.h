/* The server's cgroup: CGROUP/{supervisor,payload}. `payload` is delegated to the server; attached commands
 * are in groups of their own below it. */
#ifndef VPS_CGROUP_H
#define VPS_CGROUP_H

#include "server.h"

/* Makes the directories and opens them into the server; `supervisor_dir` receives the one to be born in. */
int cgroup_make(struct server *server, const struct step *step, int *supervisor_dir, struct fault *fault);

/* Gives payload to the server's root, as far as it is his: the directory and the files of `cgroup_delegated`,
 * a list with NULL at its end. */
int cgroup_delegate(const struct server *server, struct fault *fault);
extern const char *const cgroup_delegated[];

/* Payload for a restart: cgroup_renew.c. */
int cgroup_renew_payload(struct server *server, struct fault *fault);

/* SIGKILL to whatever is left of a server whose init is dead: what was on its way in when the namespaces
 * went. Mostly there is nothing, and cgroup.kill leaves its mark on a group: namespaces.c. */
void cgroup_kill_guests(const struct server *server);

/* Whether a process lives in a group or below it. */
bool cgroup_populated(int dir);

/* Removes an empty group; one whose processes are about to end, or have just been reaped, may be busy for a
 * moment longer. 0, or a negative errno. */
int cgroup_remove_patiently(int parent, const char *name);

/* Writes a file of a group: 0, or a negative errno. */
int cgroup_write_file(int dir, const char *name, const char *text);

/* Removes the groups below one, however deep. 0, or a negative errno of the first that stays. */
int cgroup_remove_children(int dir);

/* Removes what can be removed of the tree; the supervisor's own directory goes when it has left: ending.c. */
void cgroup_remove(struct server *server);

#endif
