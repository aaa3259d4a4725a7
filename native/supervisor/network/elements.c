#include "elements.h"

#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        BATCH_TAG = UINT32_MAX >> 1,            /* of the messages around a transaction: no step's */
        MOST_KEY_BYTES = NFT_DATA_VALUE_MAXLEN, /* <linux/netfilter/nf_tables.h> */
};

struct bytes {
        unsigned char at[MOST_KEY_BYTES];
        size_t size;
};

struct element {
        uint8_t family;
        struct bytes key, end, value;
        bool until;        /* `end` is the first key behind the interval: an element of its own */
        int32_t verdict;   /* 0: none */
        const char *chain; /* of the verdict */
};

static int parse_family(const char *name)
{
        static const struct {
                const char *name;
                int number;
        } families[] = {
                {"inet", NFPROTO_INET},     {"ip", NFPROTO_IPV4},       {"ip6", NFPROTO_IPV6},
                {"bridge", NFPROTO_BRIDGE}, {"netdev", NFPROTO_NETDEV}, {"arp", NFPROTO_ARP},
        };

        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
                if (strcmp(families[i].name, name) == 0)
                        return families[i].number;
        return -1;
}

static const char *after(const char *text, const char *prefix)
{
        size_t length = strlen(prefix);

        return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static int parse_bytes(struct run *run, const char *text, struct bytes *bytes)
{
        return text_bytes(text, bytes->at, sizeof(bytes->at), &bytes->size) < 0 ? run_malformed(run, text)
                                                                                : 0;
}

static int parse_data(struct run *run, const char *text, struct element *element)
{
        const char *hex = after(text, "value:");

        if (hex)
                return parse_bytes(run, hex, &element->value);
        element->chain = after(text, "jump:");
        element->verdict = element->chain ? NFT_JUMP : 0;
        return *text && !element->chain ? run_malformed(run, text) : 0;
}

/* nft-element FAMILY TABLE SET KEY KEY-END DATA. KEY-END: empty; HEX, the last key of the interval (of a
 * concatenation, part by part); until:HEX, the first one behind it, which is how sets that are no
 * concatenation hold an interval. DATA: empty, value:HEX, jump:CHAIN. */
static int parse_element(struct run *run, const struct step *step, struct element *element)
{
        const char *until = after(step->args[4], "until:");
        int family = parse_family(step->args[0]);

        *element = (struct element){.family = (uint8_t)family, .until = until != NULL};
        if (family < 0)
                return run_malformed(run, step->args[0]);
        if (parse_bytes(run, step->args[3], &element->key) < 0 || element->key.size == 0)
                return run_malformed(run, step->args[3]);
        if (parse_bytes(run, until ? until : step->args[4], &element->end) < 0)
                return -1;
        return parse_data(run, step->args[5], element);
}

/* A message of nfnetlink: <linux/netfilter/nfnetlink.h>. */
static void begin(struct netlink *nft, int type, int flags, uint32_t tag, uint8_t family, uint16_t resource)
{
        struct nfgenmsg header = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};

        netlink_begin(nft, type, flags, tag, &header, sizeof(header));
}

static void put_bytes(struct netlink *nft, int type, const struct bytes *bytes)
{
        size_t nest = netlink_nest(nft, type);

        netlink_put(nft, NFTA_DATA_VALUE, bytes->at, bytes->size);
        netlink_nest_end(nft, nest);
}

static void put_verdict(struct netlink *nft, int32_t code, const char *chain)
{
        size_t data = netlink_nest(nft, NFTA_SET_ELEM_DATA);
        size_t verdict = netlink_nest(nft, NFTA_DATA_VERDICT);

        netlink_put_u32(nft, NFTA_VERDICT_CODE, htonl((uint32_t)code));
        netlink_put_text(nft, NFTA_VERDICT_CHAIN, chain);
        netlink_nest_end(nft, verdict);
        netlink_nest_end(nft, data);
}

static void put_element(struct netlink *nft, const struct element *element, bool with_data)
{
        size_t nest = netlink_nest(nft, NFTA_LIST_ELEM);

        put_bytes(nft, NFTA_SET_ELEM_KEY, &element->key);
        if (element->end.size > 0 && !element->until)
                put_bytes(nft, NFTA_SET_ELEM_KEY_END, &element->end);
        if (with_data && element->value.size > 0)
                put_bytes(nft, NFTA_SET_ELEM_DATA, &element->value);
        if (with_data && element->verdict)
                put_verdict(nft, element->verdict, element->chain);
        netlink_nest_end(nft, nest);
}

static void put_interval_end(struct netlink *nft, const struct element *element)
{
        size_t nest = netlink_nest(nft, NFTA_LIST_ELEM);

        put_bytes(nft, NFTA_SET_ELEM_KEY, &element->end);
        netlink_put_u32(nft, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
        netlink_nest_end(nft, nest);
}

bool is_element_step(const struct step *step)
{
        return step_is(step, "nft-element") || step_is(step, "nft-chain");
}

/* nft-chain FAMILY TABLE CHAIN: its rules, then the chain. */
static int put_chain_removal(struct run *run, struct netlink *nft, const struct step *step)
{
        static const struct {
                int message, table, chain;
        } removals[] = {
                {NFT_MSG_DELRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN},
                {NFT_MSG_DELCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME},
        };
        int family = parse_family(step->args[0]);

        if (family < 0)
                return run_malformed(run, step->args[0]);
        for (size_t i = 0; i < sizeof(removals) / sizeof(removals[0]); i++) {
                begin(nft, NFNL_SUBSYS_NFTABLES << 8 | removals[i].message, 0, (uint32_t)run->step,
                      (uint8_t)family, 0);
                netlink_put_text(nft, removals[i].table, step->args[1]);
                netlink_put_text(nft, removals[i].chain, step->args[2]);
        }
        return 0;
}

/* An element that is there already, with the same data, is as good as a new one. */
static int put_step(struct run *run, struct netlink *nft, const struct step *step, enum element_change change)
{
        bool add = change == ELEMENT_ADDED;
        struct element element;
        size_t list;

        if (step_is(step, "nft-chain"))
                return put_chain_removal(run, nft, step);
        if (parse_element(run, step, &element) < 0)
                return -1;
        begin(nft, NFNL_SUBSYS_NFTABLES << 8 | (add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM),
              add ? NLM_F_CREATE : 0, (uint32_t)run->step, element.family, 0);
        netlink_put_text(nft, NFTA_SET_ELEM_LIST_TABLE, step->args[1]);
        netlink_put_text(nft, NFTA_SET_ELEM_LIST_SET, step->args[2]);
        list = netlink_nest(nft, NFTA_SET_ELEM_LIST_ELEMENTS);
        put_element(nft, &element, add);
        if (element.until)
                put_interval_end(nft, &element);
        netlink_nest_end(nft, list);
        return 0;
}

struct changes {
        struct run *run;
        unsigned char *of; /* enum element_change of each step */
        bool forgotten;    /* some are left out in another try */
};

static int put_all(struct changes *changes, struct netlink *nft, bool *any)
{
        struct run *run = changes->run;

        *any = false;
        begin(nft, NFNL_MSG_BATCH_BEGIN, 0, BATCH_TAG, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        for (size_t i = 0; i < run->plan->count; i++) {
                if (changes->of[i] == ELEMENT_STAYS)
                        continue;
                *any = true;
                run->step = (int)i;
                if (put_step(run, nft, &run->plan->steps[i], changes->of[i]) < 0)
                        return -1;
        }
        netlink_acknowledge(nft);
        begin(nft, NFNL_MSG_BATCH_END, 0, BATCH_TAG, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        return 0;
}

/* The kernel goes through the whole transaction and names all that it refuses. What is to be removed and is
 * not there is left out of a second one. */
static void take_refusal(void *context, const struct refusal *refusal)
{
        struct changes *changes = context;
        bool known = refusal->tag < changes->run->plan->count;

        if (known && refusal->error == ENOENT && changes->of[refusal->tag] == ELEMENT_REMOVED) {
                changes->of[refusal->tag] = ELEMENT_STAYS;
                changes->forgotten = true;
        } else if (!changes->run->fault->error) {
                (void)run_refused(changes->run, refusal);
        }
}

static int try_all(struct changes *changes, struct netlink *nft, bool *again)
{
        struct run *run = changes->run;
        bool any;

        changes->forgotten = false;
        *again = false;
        if (put_all(changes, nft, &any) < 0)
                return -1;
        if (!any || netlink_send(nft, take_refusal, changes) == 0)
                return 0;
        if (run->fault->error)
                return -1;
        *again = changes->forgotten;
        return *again ? 0 : run_errno(run, "nftables");
}

static int change_all(struct changes *changes)
{
        struct netlink nft;
        bool again = true;
        int result = 0;

        if (netlink_open(&nft, NETLINK_NETFILTER) < 0)
                return run_errno(changes->run, "socket nfnetlink");
        while (again && result == 0)
                result = try_all(changes, &nft, &again);
        netlink_close(&nft);
        return result;
}

int elements_change(struct run *run, element_choice *choose)
{
        struct changes changes = {.run = run, .of = calloc(run->plan->count + 1, 1)};
        bool any = false;
        int result;

        if (!changes.of)
                return run_errno(run, "calloc");
        for (size_t i = 0; i < run->plan->count; i++) {
                const struct step *step = &run->plan->steps[i];

                if (is_element_step(step))
                        changes.of[i] = (unsigned char)choose(step);
                if (step_is(step, "nft-chain") && changes.of[i] == ELEMENT_ADDED)
                        changes.of[i] = ELEMENT_STAYS;
                any |= changes.of[i] != ELEMENT_STAYS;
        }
        result = any ? change_all(&changes) : 0;
        free(changes.of);
        return result;
}
