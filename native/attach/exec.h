/* A command in a running server: vps-attach's main work. */
#ifndef VPS_ATTACH_EXEC_H
#define VPS_ATTACH_EXEC_H

#include "request.h"

/* Runs it to its end; what vps-attach shall exit with, or the negative number of the signal it shall end by.
 */
int exec_command(const struct request *request);

#endif
