/* The namespaces of a server: who makes them, who owns them, how a helper is born inside. */
#ifndef VPS_NAMESPACES_H
#define VPS_NAMESPACES_H

#include "server.h"

/* The user namespace with its id maps, and, with `own_network`, a network namespace that it owns. Both are
 * held by descriptor. */
int namespaces_make(struct server *server, const struct step *ids, bool own_network, struct fault *fault);

/* Another network namespace instead of the present one, for another boot: as after a reboot of a machine,
 * nothing is left of what its root had set there. */
int namespaces_renew_network(struct server *server, struct fault *fault);

/* The supervisor's own mount namespace: what it mounts is seen nowhere else and is gone with it; what the
 * host mounts later is seen here. */
int namespaces_private_mounts(struct fault *fault);

/* Forks the process that becomes init: pid 1 of a new pid namespace, in new ipc and uts namespaces, all owned
 * by the server's user namespace, born in the payload cgroup. Returns its pid in the parent, 0 in the child.
 */
pid_t namespaces_fork_init(struct server *server, struct fault *fault);

/* Forks a helper into the pid namespace of init that keeps the host's credentials. 0 in the child. */
pid_t namespaces_fork_builder(struct server *server, struct fault *fault);

#endif
