/* Room for a text, for a moment. It is mapped and given back: what the heap or the stack once took, a
 * supervisor would keep for life. */
#ifndef VPS_SCRATCH_H
#define VPS_SCRATCH_H

#include <stddef.h>

enum { SCRATCH_BYTES = 256 * 1024 }; /* of which only pages that are used count */

struct scratch {
        char *text; /* SCRATCH_BYTES; NULL: not open */
        size_t used;
};

/* An empty text. 0, or -1 with errno. */
int scratch_open(struct scratch *scratch);
void scratch_close(struct scratch *scratch);
#define _cleanup_scratch_ __attribute__((cleanup(scratch_close)))

/* Appends; 0, or -1 with errno when there is no room for it. */
__attribute__((format(printf, 2, 3))) int scratch_put(struct scratch *scratch, const char *format, ...);

#endif
