/* What a check does: each is a short-lived child of the supervisor, which kills it when its time is over.
 * None returns. Exit status 0: passed; else it has said why not, in a few words, to `say`, unless the status
 * itself tells (health_exec). */
#ifndef VPS_HEALTH_CHECK_H
#define VPS_HEALTH_CHECK_H

#include "server.h"

/* Situation of all: forked from the supervisor, all it has inherited, signals blocked. */

/* Becomes vps-attach, which runs the command as `vps exec` does. */
_Noreturn void health_exec(const struct server *server, int program, int say);
/* Connects from within the server's network, and asks if there is something to ask. */
_Noreturn void health_connect(const struct server *server, int say);

/* Says why, and ends. */
_Noreturn void health_fail(int say, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
