/* Routes inside, and the host's routes to the server. */
#include "steps.h"
#include "text.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

struct route {
        struct address destination;
        struct address gateway, source; /* family 0: none */
};

static int parse_optional(struct run *run, const char *text, struct address *address)
{
        *address = (struct address){0};
        return *text && text_address(text, address) < 0 ? run_malformed(run, text) : 0;
}

/* 0.0.0.0/0 and ::/0 are the default routes. */
static int parse_route(struct run *run, const char *destination, const char *gateway, const char *source,
                       struct route *route)
{
        if (text_address(destination, &route->destination) < 0)
                return run_malformed(run, destination);
        if (parse_optional(run, gateway, &route->gateway) < 0 ||
            parse_optional(run, source, &route->source) < 0)
                return -1;
        if (route->source.size && route->source.family != route->destination.family)
                return run_malformed(run, source);
        if (route->gateway.size && route->gateway.family != route->destination.family)
                return run_malformed(run, gateway);
        return 0;
}

/* The gateway need not be in a network of the link's (RTNH_F_ONLINK). Two routes to one place are refused:
 * the other one is somebody else's. rtnetlink(7). */
static void put_route(struct run *run, bool inside, int index, const struct route *route, bool remove)
{
        struct netlink *netlink = run_netlink(run, inside);
        const struct address *destination = &route->destination;
        bool direct = route->gateway.size == 0;
        struct rtmsg header = {
                .rtm_family = (unsigned char)destination->family,
                .rtm_dst_len = (unsigned char)destination->length,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = direct && destination->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
                .rtm_flags = direct ? 0 : RTNH_F_ONLINK,
        };

        netlink_begin(netlink, remove ? RTM_DELROUTE : RTM_NEWROUTE, remove ? 0 : NLM_F_CREATE | NLM_F_EXCL,
                      (uint32_t)run->step, &header, sizeof(header));
        netlink_put(netlink, RTA_DST, destination->bytes, destination->size);
        netlink_put_u32(netlink, RTA_OIF, (uint32_t)index);
        if (!direct)
                netlink_put(netlink, RTA_GATEWAY, route->gateway.bytes, route->gateway.size);
        if (route->source.size)
                netlink_put(netlink, RTA_PREFSRC, route->source.bytes, route->source.size);
}

static int add_route(struct run *run, bool inside, const struct step *step, const char *gateway,
                     const char *source, bool remove)
{
        struct route route;
        int index = run_link(run, inside, step->args[0], !remove);

        if (index < 0 || parse_route(run, step->args[1], gateway, source, &route) < 0)
                return -1;
        put_route(run, inside, index, &route, remove);
        return 0;
}

/* link-route NAME DESTINATION GATEWAY SOURCE; either of the last two may be empty. */
int step_link_route(struct run *run, const struct step *step, bool remove)
{
        return add_route(run, true, step, step->args[2], step->args[3], remove);
}

/* host-route HOST DESTINATION */
int step_host_route(struct run *run, const struct step *step, bool remove)
{
        return add_route(run, false, step, "", "", remove);
}

/* host-localhost HOST: what comes from the link for ::1 is the host's. Only answers to what was masqueraded
 * are that: nothing with ::1 in it is taken from a link as it came. IPv6 looks for ::1 at the link itself,
 * where it cannot be an address; a route of the table "local" does, and each link's has a metric of its own,
 * behind that of lo. */
int step_host_localhost(struct run *run, const struct step *step, bool remove)
{
        enum { BEHIND_LO = 4096 };
        struct netlink *netlink = run_netlink(run, false);
        int index = run_link(run, false, step->args[0], !remove);
        struct rtmsg header = {
                .rtm_family = AF_INET6,
                .rtm_dst_len = 128,
                .rtm_table = RT_TABLE_LOCAL,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_LOCAL,
        };

        if (index < 0)
                return -1;
        netlink_begin(netlink, remove ? RTM_DELROUTE : RTM_NEWROUTE, remove ? 0 : NLM_F_CREATE | NLM_F_EXCL,
                      (uint32_t)run->step, &header, sizeof(header));
        netlink_put(netlink, RTA_DST, &in6addr_loopback, sizeof(in6addr_loopback));
        netlink_put_u32(netlink, RTA_OIF, (uint32_t)index);
        netlink_put_u32(netlink, RTA_PRIORITY, (uint32_t)(BEHIND_LO + index));
        return 0;
}
