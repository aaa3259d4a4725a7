/* Links that are made for a server. */
#include "steps.h"
#include "text.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

enum { LAST_VLAN = 4094 };
enum { LEAST_MTU = 68, MOST_MTU = 65535 }; /* RFC 791; <linux/if_ether.h> ETH_MAX_MTU */

static int parse_mtu(struct run *run, const char *text, uint32_t *mtu)
{
        uint64_t number;

        if (text_number(text, MOST_MTU, &number) < 0 || number < LEAST_MTU)
                return run_malformed(run, text);
        *mtu = (uint32_t)number;
        return 0;
}

static int check_name(struct run *run, const char *name)
{
        return *name && strlen(name) < IFNAMSIZ ? 0 : run_malformed(run, name);
}

static void put_common(struct netlink *netlink, const char *name, uint32_t mtu, const unsigned char *mac)
{
        netlink_put_text(netlink, IFLA_IFNAME, name);
        netlink_put_u32(netlink, IFLA_MTU, mtu);
        netlink_put(netlink, IFLA_ADDRESS, mac, ETHER_ADDR_LEN);
}

static size_t begin_kind(struct netlink *netlink, const char *kind)
{
        size_t nest = netlink_nest(netlink, IFLA_LINKINFO);

        netlink_put_text(netlink, IFLA_INFO_KIND, kind);
        return nest;
}

/* The server's end is made where it shall be, with its last name: it never has another one on the host.
 * VETH_INFO_PEER holds a header of its own. <linux/veth.h> */
static void put_veth(struct run *run, const char *name, uint32_t mtu, const unsigned char *mac)
{
        struct ifinfomsg header = {0};
        struct netlink *host = &run->host;
        size_t info = begin_kind(host, "veth");
        size_t data = netlink_nest(host, IFLA_INFO_DATA);
        size_t peer = netlink_nest_of(host, VETH_INFO_PEER, &header, sizeof(header));

        put_common(host, name, mtu, mac);
        netlink_put_u32(host, IFLA_NET_NS_FD, (uint32_t)run->net_ns);
        netlink_nest_end(host, peer);
        netlink_nest_end(host, data);
        netlink_nest_end(host, info);
}

/* link-veth NAME HOST MTU GUEST-MAC HOST-MAC. Only a link of that name and MAC is this server's to remove;
 * one end takes the other along. */
int step_link_veth(struct run *run, const struct step *step, bool remove)
{
        const char *name = step->args[0], *host = step->args[1];
        unsigned char mac[ETHER_ADDR_LEN], host_mac[ETHER_ADDR_LEN];
        uint32_t mtu = 0;

        if (check_name(run, host) < 0)
                return -1;
        if (text_mac(step->args[4], host_mac) < 0)
                return run_malformed(run, step->args[4]);
        if (remove) {
                if (run_has(run, host, host_mac))
                        run_link_message(&run->host, RTM_DELLINK, 0, (uint32_t)run->step,
                                         run_find(run, host));
                return 0;
        }
        if (check_name(run, name) < 0 || parse_mtu(run, step->args[2], &mtu) < 0)
                return -1;
        if (text_mac(step->args[3], mac) < 0)
                return run_malformed(run, step->args[3]);
        if (run->net_ns < 0)
                return run_malformed(run, "a link of a server that has no network of its own");
        run_link_message(&run->host, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, (uint32_t)run->step, 0);
        put_common(&run->host, host, mtu, host_mac);
        put_veth(run, name, mtu, mac);
        return 0;
}

static void put_macvlan(struct run *run, const char *name, int parent, uint32_t mtu, const unsigned char *mac)
{
        struct netlink *host = &run->host;
        size_t info, data;

        run_link_message(host, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, (uint32_t)run->step, 0);
        put_common(host, name, mtu, mac);
        netlink_put_u32(host, IFLA_LINK, (uint32_t)parent);
        netlink_put_u32(host, IFLA_NET_NS_FD, (uint32_t)run->net_ns);
        info = begin_kind(host, "macvlan");
        data = netlink_nest(host, IFLA_INFO_DATA);
        netlink_put_u32(host, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
        netlink_nest_end(host, data);
        netlink_nest_end(host, info);
}

/* Before another one with its MAC can be up, it has to be gone; its namespace takes its time to go. */
static void remove_macvlan(struct run *run)
{
        const struct inside *link = run_held(run);

        if (link)
                run_link_message(&run->inside, RTM_DELLINK, 0, (uint32_t)run->step, link->index);
}

/* link-macvlan NAME PARENT MTU MAC: in its mode `bridge`, servers on the same parent reach each other. */
int step_link_macvlan(struct run *run, const struct step *step, bool remove)
{
        const char *name = step->args[0];
        unsigned char mac[ETHER_ADDR_LEN];
        uint32_t mtu = 0;
        int parent;

        if (remove) {
                remove_macvlan(run);
                return 0;
        }
        if (check_name(run, name) < 0 || parse_mtu(run, step->args[2], &mtu) < 0)
                return -1;
        if (text_mac(step->args[3], mac) < 0)
                return run_malformed(run, step->args[3]);
        parent = run_link(run, false, step->args[1], false);
        if (parent < 0)
                return -1;
        put_macvlan(run, name, parent, mtu, mac);
        return run_hold(run, run_link(run, true, name, false)) ? 0 : -1;
}

/* A message of the bridge about one of its ports. <linux/if_bridge.h> */
static void begin_port(struct run *run, int type, int port)
{
        struct ifinfomsg header = {.ifi_family = AF_BRIDGE, .ifi_index = port};

        netlink_begin(&run->host, type, 0, (uint32_t)run->step, &header, sizeof(header));
}

static void put_vlan(struct run *run, uint16_t vlan, uint16_t flags)
{
        struct bridge_vlan_info info = {.flags = flags, .vid = vlan};

        netlink_put(&run->host, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
}

/* Each port is born in the VLAN that the bridge has as its default, which may be any: it leaves all of them.
 */
static void set_vlan(struct run *run, int port, uint16_t vlan)
{
        size_t nest;

        begin_port(run, RTM_DELLINK, port);
        nest = netlink_nest(&run->host, IFLA_AF_SPEC);
        put_vlan(run, 1, BRIDGE_VLAN_INFO_RANGE_BEGIN);
        put_vlan(run, LAST_VLAN, BRIDGE_VLAN_INFO_RANGE_END);
        netlink_nest_end(&run->host, nest);
        begin_port(run, RTM_SETLINK, port);
        nest = netlink_nest(&run->host, IFLA_AF_SPEC);
        put_vlan(run, vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
        netlink_nest_end(&run->host, nest);
}

/* A server is no bridge: it takes part in no spanning tree. */
static void guard_port(struct run *run, int port)
{
        size_t nest;

        begin_port(run, RTM_SETLINK, port);
        nest = netlink_nest(&run->host, IFLA_PROTINFO);
        netlink_put_u8(&run->host, IFLA_BRPORT_GUARD, 1);   /* a BPDU from it shuts it */
        netlink_put_u8(&run->host, IFLA_BRPORT_PROTECT, 1); /* it never becomes the way to the root */
        netlink_nest_end(&run->host, nest);
}

/* bridge-port HOST BRIDGE VLAN: with one (not 0), the server's packets bear its tag on the bridge, and no
 * other. */
int step_bridge_port(struct run *run, const struct step *step, bool remove)
{
        int port = run_link(run, false, step->args[0], false), bridge = 0;
        uint64_t vlan;

        if (port < 0)
                return -1;
        if (text_number(step->args[2], LAST_VLAN, &vlan) < 0)
                return run_malformed(run, step->args[2]);
        if (!remove)
                bridge = run_link(run, false, step->args[1], false);
        if (bridge < 0)
                return -1;
        run_link_message(&run->host, RTM_SETLINK, 0, (uint32_t)run->step, port);
        netlink_put_u32(&run->host, IFLA_MASTER, (uint32_t)bridge);
        if (remove)
                return 0;
        guard_port(run, port);
        if (vlan != 0)
                set_vlan(run, port, (uint16_t)vlan);
        return 0;
}
