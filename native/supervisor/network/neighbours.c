/* Who is where on a link, said once for all: nobody has to ask, and no answer can be forged. */
#include "steps.h"
#include "text.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

/* Inside, the link need not be up yet: see run_flush. */
static int put_neighbour(struct run *run, bool inside, const struct step *step, bool remove)
{
        struct netlink *netlink = run_netlink(run, inside);
        int index = run_link(run, inside, step->args[0], !inside && !remove);
        unsigned char mac[ETHER_ADDR_LEN];
        struct address address;
        struct ndmsg header;

        if (index < 0)
                return -1;
        if (text_address(step->args[1], &address) < 0)
                return run_malformed(run, step->args[1]);
        if (text_mac(step->args[2], mac) < 0)
                return run_malformed(run, step->args[2]);
        header = (struct ndmsg){.ndm_family = (uint8_t)address.family,
                                .ndm_ifindex = index,
                                .ndm_state = NUD_PERMANENT,
                                .ndm_type = RTN_UNICAST};
        netlink_begin(netlink, remove ? RTM_DELNEIGH : RTM_NEWNEIGH,
                      remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE, (uint32_t)run->step, &header,
                      sizeof(header));
        netlink_put(netlink, NDA_DST, address.bytes, address.size);
        netlink_put(netlink, NDA_LLADDR, mac, sizeof(mac));
        return 0;
}

/* link-neighbour NAME ADDRESS MAC */
int step_link_neighbour(struct run *run, const struct step *step, bool remove)
{
        return put_neighbour(run, true, step, remove);
}

/* host-neighbour HOST ADDRESS MAC */
int step_host_neighbour(struct run *run, const struct step *step, bool remove)
{
        return put_neighbour(run, false, step, remove);
}
