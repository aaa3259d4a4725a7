/* Scope-bound cleanup: a file descriptor or a heap block is released where its variable ends. */
#ifndef VPS_CLEANUP_H
#define VPS_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void close_fd(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

static inline void free_block(void *block)
{
        free(*(void **)block);
}

/* Hands a descriptor over: the caller's variable no longer closes it. */
static inline int take_fd(int *fd)
{
        int taken = *fd;

        *fd = -1;
        return taken;
}

#define _cleanup_fd_ __attribute__((cleanup(close_fd)))
#define _cleanup_free_ __attribute__((cleanup(free_block)))

#endif
