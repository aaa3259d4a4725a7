/* Bytes from one descriptor to another: spliced where the kernel can, copied where not; never blocks, so that
 * signals are answered whatever the other side does; what can't be written is not read (backpressure). */
#ifndef VPS_ATTACH_FLOW_H
#define VPS_ATTACH_FLOW_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct endpoint {
        int fd;
        int original;     /* our standard stream behind it, closed along with it; -1: none, or it stays */
        bool socket;      /* recv and send know MSG_DONTWAIT, where a flag would be shared with others */
        bool nonblocking; /* else a write is made only when poll(2) promises room, and small */
};

/* One of our own standard streams. Its open file is shared with the caller's other programs, so O_NONBLOCK is
 * never set on it: pipes and terminals are opened anew. `mode` is O_RDONLY or O_WRONLY. With `keep` the
 * stream itself stays open when the flow closes. */
struct endpoint endpoint_outer(int fd, int mode, bool keep);
/* Our end of a pipe or terminal of the command; set non-blocking. */
struct endpoint endpoint_inner(int fd);

struct flow {
        struct endpoint from;
        struct endpoint to;
        bool open;
        bool full;     /* `to` takes nothing now: wait for room, not for input */
        bool copying;  /* splice(2) does not do these two */
        bool draining; /* the writer has ended: what is there, at most `budget` bytes, is all there will be */
        size_t budget;
        bool ends_line; /* at end of input send the terminal's end-of-file character instead of closing `to`
                         */
        char last;      /* last byte that went through a copy */
        char *data;
        size_t start;
        size_t end;
};

void flow_open(struct flow *flow, struct endpoint from, struct endpoint to);
/* Fills two poll entries. */
void flow_watch(const struct flow *flow, struct pollfd polls[2]);
/* Moves what can be moved now. Closes the flow, both its ends, at the end of input and when nobody reads any
 * more. */
void flow_step(struct flow *flow, const struct pollfd polls[2]);
/* The writer is gone, though others may still hold its end: finish with what it left. */
void flow_drain(struct flow *flow);
void flow_close(struct flow *flow);

#endif
