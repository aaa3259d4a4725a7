/* An interface of the host's own that a server has while it runs.
 *
 * Should the supervisor die, the kernel gives it back when the server's namespace goes, by the name that it
 * has there. So its old name stays with it, as an alternative one, by which it is found. */
#include "steps.h"

#include "cleanup.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum { PATIENCE_MS = 3000 };

static void put_other_name(struct netlink *netlink, int type, uint32_t tag, int index, const char *name)
{
        size_t nest;

        run_link_message(netlink, type,
                         type == RTM_NEWLINKPROP ? NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND : 0, tag, index);
        nest = netlink_nest(netlink, IFLA_PROP_LIST);
        netlink_put_text(netlink, IFLA_ALT_IFNAME, name);
        netlink_nest_end(netlink, nest);
}

static bool name_of(const struct netlink *netlink, int index, struct ifreq *request)
{
        *request = (struct ifreq){.ifr_ifindex = index};
        return ioctl(netlink->socket, SIOCGIFNAME, request) == 0;
}

/* The address that the hardware was born with: nobody inside can change it. */
static void permanent_address(const struct netlink *netlink, int index,
                              unsigned char permanent[ETHER_ADDR_LEN])
{
        struct {
                struct ethtool_perm_addr head;
                unsigned char data[32];
        } answer = {.head = {.cmd = ETHTOOL_GPERMADDR, .size = sizeof(answer.data)}};
        struct ifreq request;

        memset(permanent, 0, ETHER_ADDR_LEN);
        if (!name_of(netlink, index, &request))
                return;
        request.ifr_data = (char *)&answer;
        if (ioctl(netlink->socket, SIOCETHTOOL, &request) == 0)
                memcpy(permanent, answer.data, ETHER_ADDR_LEN);
}

/* To the namespace behind the descriptor, with another name there. */
static void move(struct netlink *netlink, uint32_t tag, int index, int net_ns, const char *name)
{
        run_link_message(netlink, RTM_SETLINK, 0, tag, index);
        netlink_put_u32(netlink, IFLA_NET_NS_FD, (uint32_t)net_ns);
        netlink_put_text(netlink, IFLA_IFNAME, name);
}

static int take(struct run *run, const char *name, const char *parent)
{
        int index = run_link(run, false, parent, false);
        struct inside *held;

        if (index < 0)
                return -1;
        move(&run->host, (uint32_t)run->step, index, run->net_ns, name);
        held = run_hold(run, run_link(run, true, name, false));
        if (!held)
                return -1;
        permanent_address(&run->inside, held->index, held->permanent);
        if (strcmp(name, parent) != 0)
                put_other_name(&run->inside, RTM_NEWLINKPROP, (uint32_t)run->step, held->index, parent);
        return 0;
}

/* Whatever name it has inside by now. Something else that was put in its place there is not taken for it. */
static int give_back(struct run *run, const struct inside *held, const char *parent)
{
        _cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        unsigned char permanent[ETHER_ADDR_LEN];

        if (own < 0)
                return run_errno(run, "open");
        permanent_address(&run->inside, held->index, permanent);
        if (memcmp(permanent, held->permanent, sizeof(permanent)) != 0)
                return 0;
        put_other_name(&run->inside, RTM_DELLINKPROP, (uint32_t)run->step, held->index, parent);
        move(&run->inside, (uint32_t)run->step, held->index, own, parent);
        return run_flush(run); /* while the descriptor is open */
}

/* The kernel may still be about to give it back. */
static int await(const struct run *run, const char *parent)
{
        int index = 0;

        for (int waited = 0; waited < PATIENCE_MS && (index = run_find(run, parent)) == 0; waited += 10)
                (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        return index;
}

/* Of a supervisor that died. */
static int rename_back(struct run *run, const char *parent)
{
        int index = await(run, parent);
        struct ifreq now;

        if (index == 0 || !name_of(&run->host, index, &now) || strcmp(now.ifr_name, parent) == 0)
                return 0;
        put_other_name(&run->host, RTM_DELLINKPROP, (uint32_t)run->step, index, parent);
        run_link_message(&run->host, RTM_SETLINK, 0, (uint32_t)run->step, index);
        netlink_put_text(&run->host, IFLA_IFNAME, parent);
        return 0;
}

/* link-physical NAME PARENT */
int step_link_physical(struct run *run, const struct step *step, bool remove)
{
        const char *name = step->args[0], *parent = step->args[1];
        const struct inside *held = run_held(run);

        if (!remove)
                return take(run, name, parent);
        if (held && run->inside.socket >= 0)
                return give_back(run, held, parent);
        return held ? 0 : rename_back(run, parent);
}
