/* One run through steps of the network: the sockets, the links by name, and what failed. */
#ifndef VPS_NETWORK_RUN_H
#define VPS_NETWORK_RUN_H

#include "netlink.h"
#include "network.h"

#include <net/ethernet.h>
#include <net/if.h>

/* A link that a step has asked for. */
struct known {
        char name[IFNAMSIZ];
        bool inside; /* the server's namespace; else the host's */
        bool up;
        int index;
};

struct run {
        const struct plan *plan;
        int net_ns;
        struct network *network; /* NULL: of a server that has a supervisor of its own */
        struct netlink host;     /* rtnetlink of the host's namespace */
        struct netlink inside;   /* and of the server's; not open when there is none */
        struct known *known;
        int known_count;
        int step;        /* the present one: the tag of messages */
        bool removing;   /* what is not there is no fault */
        bool overlooked; /* that has been so */
        struct fault *fault;
};

int run_open(struct run *run, struct network *network, const struct plan *plan, int net_ns,
             struct fault *fault);
void run_close(struct run *run);

/* Sends what has been put together: the host's first. Once the end inside is up as well, the link has its
 * carrier, and whatever else needs the kernel's lock of networks waits until that has been spread: for IPv6
 * a walk over all routes of the host. */
int run_flush(struct run *run);

/* Forgets what has been put together since: it belongs to something that has failed. */
void run_discard(struct run *run);

/* The index of a link, -1 when there is none: that is a fault. Sends what could be about to make it, first.
 * With `up`, the link is up for the messages that follow. */
int run_link(struct run *run, bool inside, const char *name, bool up);
/* For a route of IPv6 to a place that every link has a route to: the kernel walks all of them with a lower or
 * the same metric to add one, so each newer link's goes in front of the others. */
uint32_t run_front_metric(int index);

/* The index of a link of the host, 0 when there is none; no fault. */
int run_find(const struct run *run, const char *name);
/* Whether the host has a link of this name and this MAC: those of servers are their own. */
bool run_has(const struct run *run, const char *name, const unsigned char mac[ETHER_ADDR_LEN]);

/* Remembers that the present step has a link of this index inside; NULL when the index is -1, a fault
 * already. */
struct inside *run_hold(struct run *run, int index);
/* What the present step has inside, or NULL. */
const struct inside *run_held(const struct run *run);

/* The socket for one of the two sides. */
struct netlink *run_netlink(struct run *run, bool inside);

/* Faults that name the step's words; -1. */
int run_refused(struct run *run, const struct refusal *refusal);
int run_errno(struct run *run, const char *call);
int run_malformed(struct run *run, const char *word);

/* A message about a link: struct ifinfomsg, by index, or by an attribute when that is 0. */
void run_link_message(struct netlink *netlink, int type, int flags, uint32_t tag, int index);

#endif
