/* A server's network: links, addresses, routes, shaping and elements of nftables, as steps of the plan
 * (ROLE_NETWORK), made before its init and undone after it. */
#ifndef VPS_NETWORK_H
#define VPS_NETWORK_H

#include "fault.h"
#include "plan.h"

/* A link that is wholly in the server's namespace, where its root may give it other names: by its index it is
 * known. */
struct inside {
        char name[16]; /* as its step has it: a changed plan may have other numbers for steps */
        int index;
        unsigned char permanent[6]; /* the hardware's own address, of a physical one */
};

/* What must be known to undo, beyond the plan. */
struct network {
        struct inside *inside;
        int count;
        bool up; /* network_raise has made it all */
};

/* Makes everything anew. On a fault nothing of the attempt is left. `net_ns`: the server's, -1 when it uses
 * the host's. */
int network_raise(struct network *network, const struct plan *plan, int net_ns, struct fault *fault);

/* Removes what the plan's steps have made on the host. Goes on over what it can't remove; the first such
 * thing is the fault. `net_ns` may be -1 when there is none any more. */
int network_lower(struct network *network, const struct plan *plan, int net_ns, struct fault *fault);

/* Before another boot: links go, elements stay, so that no packet of anybody passes by them meanwhile. */
int network_lower_links(struct network *network, const struct plan *plan, int net_ns, struct fault *fault);

#endif
