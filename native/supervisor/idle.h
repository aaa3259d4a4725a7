/* Sleeping small: a supervisor that waits holds hardly more memory than what it wrote. */
#ifndef VPS_IDLE_H
#define VPS_IDLE_H

#include <poll.h>

/* poll(2). Before it, the program's own pages that a file backs are let go; they come
 * back from the page cache one fault at a time. Returns as poll(2), without errno. */
int idle_poll(struct pollfd *polled, nfds_t count, int milliseconds);

#endif
