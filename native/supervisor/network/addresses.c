/* Addresses of links, inside and on the host. */
#include "steps.h"
#include "text.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* Without duplicate address detection: the address is there at once, and nobody else can have it. IFA_FLAGS,
 * as IFA_F_NODAD of the header would do as well, is for IPv6; IPv4 has no such detection. */
static int put_address(struct run *run, bool inside, const struct step *step, bool remove)
{
        struct netlink *netlink = run_netlink(run, inside);
        int index = run_link(run, inside, step->args[0], !remove);
        struct ifaddrmsg header = {0};
        struct address address;

        if (index < 0)
                return -1;
        if (text_address(step->args[1], &address) < 0)
                return run_malformed(run, step->args[1]);
        header = (struct ifaddrmsg){.ifa_family = (unsigned char)address.family,
                                    .ifa_prefixlen = (unsigned char)address.length,
                                    .ifa_index = (unsigned)index};
        netlink_begin(netlink, remove ? RTM_DELADDR : RTM_NEWADDR, remove ? 0 : NLM_F_CREATE | NLM_F_EXCL,
                      (uint32_t)run->step, &header, sizeof(header));
        netlink_put(netlink, IFA_LOCAL, address.bytes, address.size);
        netlink_put(netlink, IFA_ADDRESS, address.bytes, address.size);
        if (address.family == AF_INET6) {
                netlink_put_u32(netlink, IFA_FLAGS, IFA_F_NODAD);
                if (!inside)
                        netlink_put_u32(netlink, IFA_RT_PRIORITY, run_front_metric(index));
        }
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
