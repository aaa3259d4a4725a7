/* Routes inside, and the host's routes to the server. */
#include "steps.h"
#include "text.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

enum { RULE_PRIORITY = 1000 }; /* before the main table's */

struct route {
        struct address destination;
        struct address gateway, source; /* family 0: none */
        uint32_t table;                 /* 0: the usual one */
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
                .rtm_table = route->table ? RT_TABLE_UNSPEC : RT_TABLE_MAIN,
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
        if (route->table)
                netlink_put_u32(netlink, RTA_TABLE, route->table);
        if (route->source.size)
                netlink_put(netlink, RTA_PREFSRC, route->source.bytes, route->source.size);
}

static int add_route(struct run *run, bool inside, const struct step *step, const char *gateway,
                     const char *source, uint32_t table, bool remove)
{
        struct route route = {.table = table};
        int index = run_link(run, inside, step->args[0], !remove);

        if (index < 0 || parse_route(run, step->args[1], gateway, source, &route) < 0)
                return -1;
        put_route(run, inside, index, &route, remove);
        return 0;
}

static int parse_table(struct run *run, const char *text, uint32_t *table)
{
        uint64_t number;

        if (text_number(text, UINT32_MAX, &number) < 0 || number == 0)
                return run_malformed(run, text);
        *table = (uint32_t)number;
        return 0;
}

/* link-route NAME DESTINATION GATEWAY SOURCE [TABLE]; GATEWAY and SOURCE may be empty. */
int step_link_route(struct run *run, const struct step *step, bool remove)
{
        uint32_t table = 0;

        if (step->count > 4 && parse_table(run, step->args[4], &table) < 0)
                return -1;
        return add_route(run, true, step, step->args[2], step->args[3], table, remove);
}

/* link-rule NAME SOURCE TABLE: what comes from an address of the link goes by the routes of a table.
 * ip-rule(8) */
int step_link_rule(struct run *run, const struct step *step, bool remove)
{
        struct netlink *netlink = run_netlink(run, true);
        struct fib_rule_hdr header = {.action = FR_ACT_TO_TBL, .table = RT_TABLE_UNSPEC};
        struct address source;
        uint32_t table = 0;

        if (run_link(run, true, step->args[0], false) < 0)
                return -1;
        if (text_address(step->args[1], &source) < 0)
                return run_malformed(run, step->args[1]);
        if (parse_table(run, step->args[2], &table) < 0)
                return -1;
        header.family = (uint8_t)source.family;
        header.src_len = (uint8_t)source.length;
        netlink_begin(netlink, remove ? RTM_DELRULE : RTM_NEWRULE, remove ? 0 : NLM_F_CREATE | NLM_F_EXCL,
                      (uint32_t)run->step, &header, sizeof(header));
        netlink_put(netlink, FRA_SRC, source.bytes, source.size);
        netlink_put_u32(netlink, FRA_TABLE, table);
        netlink_put_u32(netlink, FRA_PRIORITY, RULE_PRIORITY);
        return 0;
}

/* host-route HOST DESTINATION [GATEWAY]: by one address of the server's, so that nobody asks the link for
 * each address of a prefix. */
int step_host_route(struct run *run, const struct step *step, bool remove)
{
        return add_route(run, false, step, step->count > 2 ? step->args[2] : "", "", 0, remove);
}

/* host-localhost HOST: what comes from the link for ::1 is the host's. Only answers to what was masqueraded
 * are that: nothing with ::1 in it is taken from a link as it came. IPv6 looks for ::1 at the link itself,
 * where it cannot be an address; a route of the table "local" does, and each link's has a metric of its own,
 * behind that of lo, which is 0. */
int step_host_localhost(struct run *run, const struct step *step, bool remove)
{
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
        netlink_put_u32(netlink, RTA_PRIORITY, run_front_metric(index));
        return 0;
}
