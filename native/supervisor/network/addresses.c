/* Addresses of links, inside and on the host. */
#include "steps.h"
#include "text.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

enum { ALL_BITS = 128 }; /* of an address of IPv6 */

/* The host's end has its address of IPv6 alone, and the network around it as a route of its own, in front of
 * those of other links. Together with the address the kernel would add the anycast address of the network's
 * routers as well, which is the same on each link: one more walk over all of them. */
static void put_network(struct run *run, int index, const struct address *network, bool remove)
{
        struct netlink *netlink = run_netlink(run, false);
        struct rtmsg header = {
                .rtm_family = AF_INET6,
                .rtm_dst_len = (unsigned char)network->length,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
        };

        netlink_begin(netlink, remove ? RTM_DELROUTE : RTM_NEWROUTE, remove ? 0 : NLM_F_CREATE | NLM_F_EXCL,
                      (uint32_t)run->step, &header, sizeof(header));
        netlink_put(netlink, RTA_DST, network->bytes, network->size);
        netlink_put_u32(netlink, RTA_OIF, (uint32_t)index);
        netlink_put_u32(netlink, RTA_PRIORITY, run_front_metric(index));
}

/* Without duplicate address detection: the address is there at once, and nobody else can have it. IFA_FLAGS,
 * as IFA_F_NODAD of the header would do as well, is for IPv6; IPv4 has no such detection. The link need not
 * be up, and better is not: with an address of IPv6 the kernel adds the route to ff00::/8 to a link that is
 * up, which walks those of all others, and would do so once more at the carrier. */
static int put_address(struct run *run, bool inside, const struct step *step, bool remove)
{
        uint32_t flags = IFA_F_NODAD | (inside ? 0 : IFA_F_NOPREFIXROUTE);
        struct netlink *netlink = run_netlink(run, inside);
        int index = run_link(run, inside, step->args[0], false);
        struct ifaddrmsg header = {0};
        struct address address;
        int length;

        if (index < 0)
                return -1;
        if (text_address(step->args[1], &address) < 0)
                return run_malformed(run, step->args[1]);
        length = !inside && address.family == AF_INET6 ? ALL_BITS : address.length;
        header = (struct ifaddrmsg){.ifa_family = (unsigned char)address.family,
                                    .ifa_prefixlen = (unsigned char)length,
                                    .ifa_index = (unsigned)index};
        netlink_begin(netlink, remove ? RTM_DELADDR : RTM_NEWADDR, remove ? 0 : NLM_F_CREATE | NLM_F_EXCL,
                      (uint32_t)run->step, &header, sizeof(header));
        netlink_put(netlink, IFA_LOCAL, address.bytes, address.size);
        netlink_put(netlink, IFA_ADDRESS, address.bytes, address.size);
        if (address.family == AF_INET6)
                netlink_put_u32(netlink, IFA_FLAGS, flags);
        if (length == address.length)
                return 0;
        if (run_link(run, inside, step->args[0], !remove) < 0)
                return -1;
        put_network(run, index, &address, remove);
        return 0;
}

/* link-address NAME ADDRESS/LENGTH */
int step_link_address(struct run *run, const struct step *step, bool remove)
{
        return put_address(run, true, step, remove);
}

/* host-address HOST ADDRESS/LENGTH */
int step_host_address(struct run *run, const struct step *step, bool remove)
{
        return put_address(run, false, step, remove);
}
