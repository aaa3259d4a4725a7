/* Requests to the kernel by netlink: messages are put together in one buffer, which goes out with one send.
 * netlink(7), rtnetlink(7), <linux/netlink.h>.
 *
 * A message has a tag, which is its sequence number: an answer names its request by that. The kernel works on
 * a request before send(2) returns, so that all answers are there by then; success says nothing, but for the
 * last message. */
#ifndef VPS_NETLINK_H
#define VPS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
        int socket;          /* -1: not open. Bound to the network namespace that it was opened in */
        unsigned char *data; /* the messages that have not been sent */
        size_t used, size;
        size_t message; /* where the one being made begins */
        int problem;    /* errno of the first thing that could not be put in; send says so */
};

/* One that the kernel refused. */
struct refusal {
        uint32_t tag;
        int type; /* of the message */
        int error;
        const char *text; /* what the kernel says about it, or empty; netlink(7) has it as extended ack */
};

typedef void refusal_listener(void *context, const struct refusal *refusal);

/* 0, or -1 with errno. */
int netlink_open(struct netlink *netlink, int protocol);
void netlink_close(struct netlink *netlink);

/* Begins a message: its family's own header, then attributes. */
void netlink_begin(struct netlink *netlink, int type, int flags, uint32_t tag, const void *header,
                   size_t size);
void netlink_put(struct netlink *netlink, int type, const void *value, size_t size);
void netlink_put_u8(struct netlink *netlink, int type, uint8_t value);
void netlink_put_u16(struct netlink *netlink, int type, uint16_t value);
void netlink_put_u32(struct netlink *netlink, int type, uint32_t value);
/* With its NUL. */
void netlink_put_text(struct netlink *netlink, int type, const char *text);
/* Attributes within an attribute: what is put until netlink_nest_end of what this returned. */
size_t netlink_nest(struct netlink *netlink, int type);
/* Where the attributes follow a header. */
size_t netlink_nest_of(struct netlink *netlink, int type, const void *header, size_t size);
void netlink_nest_end(struct netlink *netlink, size_t nest);

/* Forgets the messages that have not been sent. */
void netlink_discard(struct netlink *netlink);
bool netlink_is_empty(const struct netlink *netlink);

/* The kernel answers the present message also when it was done. The last one of a send needs it: no answer at
 * all is then known as such. Of a transaction of nftables, the last before its end (which Linux 6.1 does not
 * answer). */
void netlink_acknowledge(struct netlink *netlink);

/* Sends all messages and calls `refused` for each that was refused: the others are done. 0 when none was;
 * else -1 with errno, that of the first, or EMSGSIZE and the like when nothing could be sent. */
int netlink_send(struct netlink *netlink, refusal_listener *refused, void *context);

#endif
