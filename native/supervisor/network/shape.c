/* Rates: what goes to the server is held back where it leaves the host's end of its link; what comes from it
 * is sent through an ifb, a link whose only use is that a queue can stand there. tc-tbf(8), tc-mirred(8),
 * <linux/pkt_sched.h>. */
#include "steps.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

static const uint64_t MOST_BITS = 1000ULL * 1000 * 1000 * 1000;
/* A packet that a sender leaves to be cut to pieces may have 64 KiB; a burst below that would make tbf do it.
 */
enum { LEAST_BURST = 128 * 1024, MOST_BURST = 1 << 30, QUEUE_MS = 50 };

struct shape {
        uint64_t in, out; /* bits a second; 0: as fast as it goes */
        uint64_t burst;   /* bytes; 0: chosen here */
        char ifb[IFNAMSIZ];
};

/* vps-web1 has vps~web1. */
static int name_ifb(const char *host, char ifb[IFNAMSIZ])
{
        size_t dash = strcspn(host, "-");

        if (strlen(host) >= IFNAMSIZ || !host[dash])
                return -1;
        strcpy(ifb, host);
        ifb[dash] = '~';
        return 0;
}

bool shape_is_new(const struct run *run, const struct step *step)
{
        char ifb[IFNAMSIZ];

        return step_is(step, "shape") && name_ifb(step->args[0], ifb) == 0 && run_find(run, ifb) == 0;
}

static int parse_shape(struct run *run, const struct step *step, struct shape *shape)
{
        if (text_number(step->args[1], MOST_BITS, &shape->in) < 0)
                return run_malformed(run, step->args[1]);
        if (text_number(step->args[2], MOST_BITS, &shape->out) < 0)
                return run_malformed(run, step->args[2]);
        if (text_number(step->args[3], MOST_BURST, &shape->burst) < 0)
                return run_malformed(run, step->args[3]);
        return name_ifb(step->args[0], shape->ifb) < 0 ? run_malformed(run, step->args[0]) : 0;
}

static void begin_tc(struct run *run, int type, int flags, int index, uint32_t parent, uint32_t handle,
                     uint32_t info)
{
        struct tcmsg header = {
                .tcm_ifindex = index, .tcm_parent = parent, .tcm_handle = handle, .tcm_info = info};

        netlink_begin(&run->host, type, flags, (uint32_t)run->step, &header, sizeof(header));
}

static uint32_t at_most(uint64_t value, uint64_t most)
{
        return (uint32_t)(value < most ? value : most);
}

/* The kernel makes no use of the rate table that tc sends when it knows the link layer. */
static void put_tbf(struct run *run, int index, uint64_t bits, uint64_t asked_burst)
{
        uint64_t rate = bits / 8 > 0 ? bits / 8 : 1, ten_ms = rate / 100;
        uint64_t least = ten_ms > LEAST_BURST ? ten_ms : LEAST_BURST;
        uint32_t burst = at_most(asked_burst ? asked_burst : least, MOST_BURST);
        struct tc_tbf_qopt options = {
                .rate = {.rate = at_most(rate, UINT32_MAX), .linklayer = TC_LINKLAYER_ETHERNET},
                .limit = at_most(rate * QUEUE_MS / 1000 + burst, UINT32_MAX),
        };
        size_t nest;

        begin_tc(run, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, TC_H_ROOT, TC_H_MAKE(1U << 16, 0),
                 0);
        netlink_put_text(&run->host, TCA_KIND, "tbf");
        nest = netlink_nest(&run->host, TCA_OPTIONS);
        netlink_put(&run->host, TCA_TBF_PARMS, &options, sizeof(options));
        netlink_put_u32(&run->host, TCA_TBF_BURST, burst);
        if (rate > UINT32_MAX)
                netlink_put(&run->host, TCA_TBF_RATE64, &rate, sizeof(rate));
        netlink_nest_end(&run->host, nest);
}

static void put_redirection(struct run *run, int to)
{
        struct tc_mirred redirection = {
                .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)to};
        size_t actions = netlink_nest(&run->host, TCA_U32_ACT);
        size_t first = netlink_nest(&run->host, 1);
        size_t options;

        netlink_put_text(&run->host, TCA_ACT_KIND, "mirred");
        options = netlink_nest(&run->host, TCA_ACT_OPTIONS);
        netlink_put(&run->host, TCA_MIRRED_PARMS, &redirection, sizeof(redirection));
        netlink_nest_end(&run->host, options);
        netlink_nest_end(&run->host, first);
        netlink_nest_end(&run->host, actions);
}

/* u32 with a key that fits all, as every kernel has it; matchall is missing in some. */
static void put_filter(struct run *run, int index, int to)
{
        struct {
                struct tc_u32_sel select;
                struct tc_u32_key key;
        } all = {.select = {.flags = TC_U32_TERMINAL, .nkeys = 1}};
        size_t nest;

        begin_tc(run, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, TC_H_MAKE(TC_H_INGRESS, 0), 0,
                 TC_H_MAKE(1U << 16, htons(ETH_P_ALL)));
        netlink_put_text(&run->host, TCA_KIND, "u32");
        nest = netlink_nest(&run->host, TCA_OPTIONS);
        netlink_put(&run->host, TCA_U32_SEL, &all, sizeof(all));
        put_redirection(run, to);
        netlink_nest_end(&run->host, nest);
}

static void make_ifb(struct run *run, const char *name)
{
        struct ifinfomsg header = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
        size_t nest;

        netlink_begin(&run->host, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, (uint32_t)run->step, &header,
                      sizeof(header));
        netlink_put_text(&run->host, IFLA_IFNAME, name);
        nest = netlink_nest(&run->host, IFLA_LINKINFO);
        netlink_put_text(&run->host, IFLA_INFO_KIND, "ifb");
        netlink_nest_end(&run->host, nest);
}

static int limit_out(struct run *run, int host, const struct shape *shape)
{
        int ifb;

        begin_tc(run, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, host, TC_H_INGRESS, TC_H_MAKE(TC_H_INGRESS, 0),
                 0);
        netlink_put_text(&run->host, TCA_KIND, "ingress");
        make_ifb(run, shape->ifb);
        ifb = run_link(run, false, shape->ifb, false);
        if (ifb < 0)
                return -1;
        put_tbf(run, ifb, shape->out, shape->burst);
        put_filter(run, host, ifb);
        return 0;
}

static void remove_qdisc(struct run *run, int host, uint32_t parent)
{
        begin_tc(run, RTM_DELQDISC, 0, host, parent, 0, 0);
}

/* With the whole network, the queues go with the link. */
static void remove_shape(struct run *run, const char *host_name, const struct shape *shape)
{
        int ifb = run_find(run, shape->ifb), host = run->network ? 0 : run_find(run, host_name);

        if (host > 0 && shape->in)
                remove_qdisc(run, host, TC_H_ROOT);
        if (host > 0 && ifb > 0)
                remove_qdisc(run, host, TC_H_INGRESS);
        if (ifb > 0)
                run_link_message(&run->host, RTM_DELLINK, 0, (uint32_t)run->step, ifb);
}

/* shape HOST IN-BITS OUT-BITS BURST-BYTES, each 0 for none. Over one that is there, it changes the rates. */
int step_shape(struct run *run, const struct step *step, bool remove)
{
        struct shape shape = {0};
        int host, ifb;

        if (parse_shape(run, step, &shape) < 0)
                return -1;
        if (remove) {
                remove_shape(run, step->args[0], &shape);
                return 0;
        }
        host = run_link(run, false, step->args[0], false);
        if (host < 0)
                return -1;
        if (shape.in)
                put_tbf(run, host, shape.in, shape.burst);
        if (!shape.out)
                return 0;
        ifb = run_find(run, shape.ifb);
        if (ifb == 0)
                return limit_out(run, host, &shape);
        put_tbf(run, ifb, shape.out, shape.burst);
        return 0;
}
