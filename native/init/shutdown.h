/* The clean end of a server without services. */
#ifndef VPS_INIT_SHUTDOWN_H
#define VPS_INIT_SHUTDOWN_H

/* Asks every process of the server to end, waits at most 5 s, kills what is left. Returns when no process is
 * left but ourselves. */
void shutdown_all(void);

#endif
