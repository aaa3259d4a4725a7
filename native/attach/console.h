/* The server's console, as the supervisor gives it out. */
#ifndef VPS_ATTACH_CONSOLE_H
#define VPS_ATTACH_CONSOLE_H

#include "request.h"

/* Relays it until the escape byte, the end of our input or of the server; what vps-attach shall exit with. */
int console_attach(const struct request *request);

#endif
