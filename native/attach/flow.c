#include "flow.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum {
        SPLICE_BYTES = 1024 * 1024,
        COPY_BYTES = 64 * 1024,
        BLOCKING_BYTES = 4096, /* what a pipe that polls writable takes without blocking: one page */
        ROUNDS = 16,           /* then the other flows and signals have their turn */
        DRAIN_BYTES = 1024 * 1024,
};

enum result { MOVED, NO_INPUT, NO_ROOM, ENDED, BROKEN };

/* Opening a terminal anew is harmless, opening the master's device would make another pair. */
static bool can_reopen(int fd, const struct stat *st)
{
        int number;

        return S_ISFIFO(st->st_mode) || (isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0);
}

static int reopen(int fd, int mode, const struct stat *st)
{
        char path[32];

        if (!can_reopen(fd, st))
                return -1;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct endpoint endpoint_outer(int fd, int mode, bool keep)
{
        struct stat st = {0};
        int again = fstat(fd, &st) < 0 ? -1 : reopen(fd, mode, &st);
        struct endpoint endpoint = {
                .fd = again,
                .original = keep ? -1 : fd,
                .socket = S_ISSOCK(st.st_mode),
                /* A write to a file or a block device does not wait for anybody. */
                .nonblocking =
                        again >= 0 || S_ISSOCK(st.st_mode) || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode),
        };

        if (again < 0)
                endpoint.fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return endpoint;
}

struct endpoint endpoint_inner(int fd)
{
        int flags = fcntl(fd, F_GETFL);

        return (struct endpoint){
                .fd = fd,
                .original = -1,
                .nonblocking = flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0,
        };
}

void flow_open(struct flow *flow, struct endpoint from, struct endpoint to)
{
        *flow = (struct flow){.from = from, .to = to, .open = true, .last = '\n'};
        flow->data = malloc(COPY_BYTES);
        if (!flow->data)
                flow_close(flow);
}

static void endpoint_close(struct endpoint *endpoint)
{
        close_fd(&endpoint->fd);
        close_fd(&endpoint->original);
}

void flow_close(struct flow *flow)
{
        if (!flow->open)
                return;
        endpoint_close(&flow->from);
        endpoint_close(&flow->to);
        free(flow->data);
        flow->data = NULL;
        flow->open = false;
}

void flow_watch(const struct flow *flow, struct pollfd polls[2])
{
        polls[0] = (struct pollfd){.fd = flow->open && !flow->full ? flow->from.fd : -1, .events = POLLIN};
        /* Without an event asked for, poll still tells that nobody reads any more. */
        polls[1] = (struct pollfd){.fd = flow->open ? flow->to.fd : -1, .events = flow->full ? POLLOUT : 0};
}

static bool is_ready(int fd, short events)
{
        struct pollfd one = {.fd = fd, .events = events};

        return poll(&one, 1, 0) > 0;
}

static bool would_block(int error)
{
        return error == EAGAIN || error == EWOULDBLOCK;
}

static size_t limit(const struct flow *flow, size_t size)
{
        return flow->draining && flow->budget < size ? flow->budget : size;
}

static enum result splice_once(struct flow *flow)
{
        size_t size = limit(flow, SPLICE_BYTES);
        ssize_t moved;

        if (size == 0)
                return ENDED;
        moved = splice(flow->from.fd, NULL, flow->to.fd, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (moved == 0)
                return ENDED;
        if (moved > 0) {
                flow->budget -= flow->draining ? (size_t)moved : 0;
                return MOVED;
        }
        if (errno == EINTR)
                return MOVED;
        if (errno == EPIPE)
                return BROKEN;
        if (would_block(errno) && !is_ready(flow->to.fd, POLLOUT))
                return NO_ROOM;
        if (would_block(errno) && !is_ready(flow->from.fd, POLLIN))
                return NO_INPUT;
        flow->copying = true; /* not a pair for splice: two sockets, a file to append to, a terminal */
        return MOVED;
}

static enum result fill(struct flow *flow)
{
        size_t size = limit(flow, COPY_BYTES);
        ssize_t got;

        if (size == 0)
                return ENDED;
        if (!flow->from.nonblocking && !is_ready(flow->from.fd, POLLIN))
                return NO_INPUT;
        got = flow->from.socket ? recv(flow->from.fd, flow->data, size, MSG_DONTWAIT)
                                : read(flow->from.fd, flow->data, size);
        if (got < 0 && errno == EINTR)
                return MOVED;
        if (got < 0)
                return would_block(errno) ? NO_INPUT : ENDED; /* EIO: the terminal was hung up */
        if (got == 0)
                return ENDED;
        flow->budget -= flow->draining ? (size_t)got : 0;
        flow->start = 0;
        flow->end = (size_t)got;
        flow->last = flow->data[got - 1];
        return MOVED;
}

static enum result empty(struct flow *flow)
{
        size_t size = flow->end - flow->start;
        ssize_t written;

        if (!flow->to.nonblocking) {
                if (!is_ready(flow->to.fd, POLLOUT))
                        return NO_ROOM;
                size = size < BLOCKING_BYTES ? size : BLOCKING_BYTES;
        }
        written = flow->to.socket
                          ? send(flow->to.fd, flow->data + flow->start, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                          : write(flow->to.fd, flow->data + flow->start, size);
        if (written < 0 && errno == EINTR)
                return MOVED;
        if (written < 0)
                return would_block(errno) ? NO_ROOM : BROKEN;
        flow->start += (size_t)written;
        return MOVED;
}

/* The line discipline takes VEOF for an end only at the start of a line; after a part of one, the first just
 * passes that on. */
static bool type_end_of_file(struct flow *flow)
{
        struct termios modes;
        size_t count = flow->last == '\n' ? 1 : 2;

        if (!flow->ends_line || tcgetattr(flow->to.fd, &modes) < 0)
                return false;
        flow->ends_line = false;
        for (size_t i = 0; i < count; i++)
                flow->data[i] = (char)modes.c_cc[VEOF];
        flow->start = 0;
        flow->end = count;
        flow->draining = true; /* that was all */
        flow->budget = 0;
        return true;
}

static enum result move_once(struct flow *flow)
{
        enum result result;

        if (flow->start < flow->end)
                return empty(flow);
        result = flow->copying ? fill(flow) : splice_once(flow);
        return result == ENDED && type_end_of_file(flow) ? MOVED : result;
}

void flow_step(struct flow *flow, const struct pollfd polls[2])
{
        enum result result = MOVED;

        if (!flow->open)
                return;
        if (polls[1].revents & (POLLERR | POLLHUP | POLLNVAL)) {
                flow_close(flow);
                return;
        }
        if (!polls[0].revents && !polls[1].revents && !flow->draining)
                return;
        for (int round = 0; round < ROUNDS && result == MOVED; round++)
                result = move_once(flow);
        flow->full = result == NO_ROOM;
        if (result == ENDED || result == BROKEN || (flow->draining && result == NO_INPUT))
                flow_close(flow);
}

void flow_drain(struct flow *flow)
{
        int present = 0;

        if (!flow->open)
                return;
        flow->draining = true;
        /* A background child may go on writing for ever: count what is there now. */
        flow->budget = ioctl(flow->from.fd, FIONREAD, &present) == 0 && present > 0 && !isatty(flow->from.fd)
                               ? (size_t)present
                               : DRAIN_BYTES;
}
