#include "run.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* A socket stays in the namespace that it was made in. */
static int open_inside(struct netlink *netlink, int net_ns)
{
        _cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        int result, error;

        if (own < 0 || setns(net_ns, CLONE_NEWNET) < 0)
                return -1;
        result = netlink_open(netlink, NETLINK_ROUTE);
        error = errno;
        if (setns(own, CLONE_NEWNET) < 0)
                abort(); /* whatever followed would be done to the wrong network */
        errno = error;
        return result;
}

int run_open(struct run *run, struct network *network, const struct plan *plan, int net_ns,
             struct fault *fault)
{
        *run = (struct run){.plan = plan,
                            .net_ns = net_ns,
                            .network = network,
                            .host = {.socket = -1},
                            .inside = {.socket = -1},
                            .step = -1,
                            .fault = fault};
        if (netlink_open(&run->host, NETLINK_ROUTE) < 0)
                return fault_errno(fault, "socket", "rtnetlink");
        return net_ns >= 0 && open_inside(&run->inside, net_ns) < 0
                       ? fault_errno(fault, "setns", "network namespace")
                       : 0;
}

void run_close(struct run *run)
{
        netlink_close(&run->host);
        netlink_close(&run->inside);
        free(run->known);
        run->known = NULL;
        run->known_count = 0;
}

static const char *message_name(int type)
{
        static const struct {
                int type;
                const char *name;
        } names[] = {
                {RTM_NEWLINK, "RTM_NEWLINK"},
                {RTM_SETLINK, "RTM_SETLINK"},
                {RTM_DELLINK, "RTM_DELLINK"},
                {RTM_NEWLINKPROP, "RTM_NEWLINKPROP"},
                {RTM_NEWADDR, "RTM_NEWADDR"},
                {RTM_DELADDR, "RTM_DELADDR"},
                {RTM_NEWNEIGH, "RTM_NEWNEIGH"},
                {RTM_DELNEIGH, "RTM_DELNEIGH"},
                {RTM_NEWROUTE, "RTM_NEWROUTE"},
                {RTM_DELROUTE, "RTM_DELROUTE"},
                {RTM_NEWRULE, "RTM_NEWRULE"},
                {RTM_DELRULE, "RTM_DELRULE"},
                {RTM_NEWQDISC, "RTM_NEWQDISC"},
                {RTM_DELQDISC, "RTM_DELQDISC"},
                {RTM_NEWTFILTER, "RTM_NEWTFILTER"},
                {NFNL_MSG_BATCH_BEGIN, "nftables"},
                {NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM, "NFT_MSG_NEWSETELEM"},
                {NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM, "NFT_MSG_DELSETELEM"},
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (names[i].type == type)
                        return names[i].name;
        return "netlink";
}

/* The words of the step that say what it is about, without long ones that nobody can read, and what the
 * kernel says. */
static void describe(struct run *run, const char *text)
{
        const struct step *step = run->fault->step >= 0 ? &run->plan->steps[run->fault->step] : NULL;
        size_t used = 0, size = sizeof(run->fault->path);

        run->fault->path[0] = '\0';
        for (int i = 0; step && i < step->count && used < size; i++)
                if (*step->args[i] && !(step_is(step, "nft-element") && i > 2))
                        used += (size_t)snprintf(run->fault->path + used, size - used, "%s%s",
                                                 used ? " " : "", step->args[i]);
        if (*text && used < size)
                (void)snprintf(run->fault->path + used, size - used, "%s%s", used ? ": " : "", text);
}

int run_refused(struct run *run, const struct refusal *refusal)
{
        (void)fault_set(run->fault, refusal->error, message_name(refusal->type), NULL);
        run->fault->step = (int)refusal->tag < (int)run->plan->count ? (int)refusal->tag : -1;
        describe(run, refusal->text);
        return -1;
}

int run_errno(struct run *run, const char *call)
{
        (void)fault_set(run->fault, errno, call, NULL);
        run->fault->step = run->step;
        describe(run, "");
        return -1;
}

int run_malformed(struct run *run, const char *word)
{
        run->fault->step = run->step;
        return fault_set(run->fault, EINVAL, "plan", word);
}

static bool says_not_there(int error)
{
        return error == ENODEV || error == ENOENT || error == ESRCH || error == EADDRNOTAVAIL;
}

static void take_refusal(void *context, const struct refusal *refusal)
{
        struct run *run = context;

        if (run->removing && says_not_there(refusal->error))
                run->overlooked = true;
        else if (!run->fault->error)
                (void)run_refused(run, refusal);
}

static int flush_one(struct run *run, struct netlink *netlink)
{
        bool before = run->overlooked;
        int result;

        run->overlooked = false;
        netlink_acknowledge(netlink);
        result = netlink_send(netlink, take_refusal, run);
        if (result < 0 && !run->fault->error && !run->overlooked)
                (void)run_errno(run, "rtnetlink");
        run->overlooked |= before;
        return run->fault->error ? -1 : 0;
}

int run_flush(struct run *run)
{
        if (flush_one(run, &run->host) < 0)
                return -1;
        return run->inside.socket >= 0 ? flush_one(run, &run->inside) : 0;
}

void run_discard(struct run *run)
{
        netlink_discard(&run->inside);
        netlink_discard(&run->host);
}

struct inside *run_hold(struct run *run, int index)
{
        struct network *network = run->network;
        struct inside *more = NULL;

        if (index < 0 || !network)
                return NULL;
        more = reallocarray(network->inside, (size_t)network->count + 1, sizeof(*more));
        if (!more) {
                (void)run_errno(run, "realloc");
                return NULL;
        }
        network->inside = more;
        more += network->count++;
        *more = (struct inside){.index = index};
        (void)snprintf(more->name, sizeof(more->name), "%s", run->plan->steps[run->step].args[0]);
        return more;
}

const struct inside *run_held(const struct run *run)
{
        for (int i = 0; run->network && i < run->network->count; i++)
                if (strcmp(run->network->inside[i].name, run->plan->steps[run->step].args[0]) == 0)
                        return &run->network->inside[i];
        return NULL;
}

struct netlink *run_netlink(struct run *run, bool inside)
{
        return inside ? &run->inside : &run->host;
}

void run_link_message(struct netlink *netlink, int type, int flags, uint32_t tag, int index)
{
        struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = index};

        netlink_begin(netlink, type, flags, tag, &header, sizeof(header));
}

static void set_name(struct ifreq *request, const char *name)
{
        *request = (struct ifreq){0};
        (void)snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
}

/* netdevice(7); any socket of the namespace will do. */
static int find_index(const struct netlink *netlink, const char *name)
{
        struct ifreq request;

        set_name(&request, name);
        return ioctl(netlink->socket, SIOCGIFINDEX, &request) < 0 ? 0 : request.ifr_ifindex;
}

int run_find(const struct run *run, const char *name)
{
        return strlen(name) < IFNAMSIZ ? find_index(&run->host, name) : 0;
}

bool run_has(const struct run *run, const char *name, const unsigned char mac[ETHER_ADDR_LEN])
{
        struct ifreq request;

        set_name(&request, name);
        return strlen(name) < IFNAMSIZ && ioctl(run->host.socket, SIOCGIFHWADDR, &request) == 0 &&
               memcmp(request.ifr_hwaddr.sa_data, mac, ETHER_ADDR_LEN) == 0;
}

static struct known *look_up(struct run *run, bool inside, const char *name)
{
        for (int i = 0; i < run->known_count; i++)
                if (run->known[i].inside == inside && strcmp(run->known[i].name, name) == 0)
                        return &run->known[i];
        return NULL;
}

static struct known *get_to_know(struct run *run, bool inside, const char *name)
{
        struct known *more;
        int index;

        if (run_flush(run) < 0)
                return NULL;
        index = find_index(run_netlink(run, inside), name);
        if (index == 0) {
                (void)run_errno(run, "SIOCGIFINDEX");
                return NULL;
        }
        more = reallocarray(run->known, (size_t)run->known_count + 1, sizeof(*more));
        if (!more) {
                (void)run_errno(run, "realloc");
                return NULL;
        }
        run->known = more;
        more += run->known_count++;
        *more = (struct known){.inside = inside, .index = index};
        (void)snprintf(more->name, sizeof(more->name), "%s", name);
        return more;
}

static void bring_up(struct run *run, struct known *link)
{
        struct ifinfomsg header = {.ifi_index = link->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

        netlink_begin(run_netlink(run, link->inside), RTM_SETLINK, 0, (uint32_t)run->step, &header,
                      sizeof(header));
        link->up = true;
}

uint32_t run_front_metric(int index)
{
        return (uint32_t)INT32_MAX - (uint32_t)index;
}

int run_link(struct run *run, bool inside, const char *name, bool up)
{
        struct known *link;

        if (inside && run->inside.socket < 0)
                return run_malformed(run, "a link inside a server that has no network of its own");
        if (!*name || strlen(name) >= IFNAMSIZ)
                return run_malformed(run, name);
        link = look_up(run, inside, name);
        if (!link)
                link = get_to_know(run, inside, name);
        if (!link)
                return -1;
        if (up && !link->up)
                bring_up(run, link);
        return link->index;
}
