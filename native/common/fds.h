#ifndef VPS_FDS_H
#define VPS_FDS_H

#include <stddef.h>

/* Closes every descriptor that is not in the list (which gets sorted). 0, or a negative errno. */
int close_all_but(int *keep, size_t count);

#endif
