/* Telling the supervisor that the server is up, in systemd's way. */
#ifndef VPS_INIT_NOTIFY_H
#define VPS_INIT_NOTIFY_H

/* Sends READY=1 to the socket that NOTIFY_SOCKET names, if any, and removes the variable. */
void notify_ready(void);

#endif
