/* A terminal in the server's own devpts. */
#ifndef VPS_ATTACH_PTY_H
#define VPS_ATTACH_PTY_H

#include "terminal.h"

/* Opens a pair with the modes and the size of the admin's terminal. Only inside the server. 0, or a negative
 * errno: ENOTTY when what lies at /dev/pts is no devpts. */
int pty_open(const struct terminal *like, int *master, int *slave);

#endif
