#include "counters.h"

#include "netlink.h"
#include "text.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

enum {
        AT_ONCE = 32, /* requests in a send: a socket has room for more answers than that */
        ANSWER_BYTES = 4096,
        OF_NFTABLES = NFNL_SUBSYS_NFTABLES << 8,
};

static const char prefix[] = "traffic_";

const char *counters_kind(const struct step *step)
{
        size_t length = sizeof(prefix) - 1;

        return step_is(step, "nft-element") && strcmp(step->args[0], "inet") == 0 &&
                               strncmp(step->args[2], prefix, length) == 0
                       ? step->args[2] + length
                       : NULL;
}

/* The attributes of a message, or within one. */
struct attributes {
        const unsigned char *at;
        size_t size;
};

/* An attribute's content, nothing when there is none of that type. */
static struct attributes find(struct attributes in, int type)
{
        while (in.at && in.size >= NLA_HDRLEN) {
                const struct nlattr *attribute = (const struct nlattr *)in.at;
                size_t aligned = NLA_ALIGN(attribute->nla_len);

                if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > in.size)
                        break;
                if ((attribute->nla_type & NLA_TYPE_MASK) == type)
                        return (struct attributes){in.at + NLA_HDRLEN, attribute->nla_len - NLA_HDRLEN};
                if (aligned > in.size)
                        break;
                in.at += aligned;
                in.size -= aligned;
        }
        return (struct attributes){0};
}

static uint64_t number_in(struct attributes in, int type)
{
        struct attributes value = find(in, type);
        uint64_t number = 0;

        if (value.size == sizeof(number))
                memcpy(&number, value.at, sizeof(number));
        return be64toh(number);
}

static struct attributes attributes_of(const struct nlmsghdr *answer)
{
        size_t header = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));

        if (answer->nlmsg_len < header)
                return (struct attributes){0};
        return (struct attributes){(const unsigned char *)answer + header, answer->nlmsg_len - header};
}

static void begin(struct netlink *nft, int type, uint32_t tag)
{
        struct nfgenmsg header = {.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0};

        netlink_begin(nft, OF_NFTABLES | type, 0, tag, &header, sizeof(header));
}

typedef void answer_listener(void *context, const struct nlmsghdr *answer);

/* Sends what has been put together. The kernel has answered it all when send(2) returns. */
static void exchange(struct netlink *nft, answer_listener *listen, void *context)
{
        _Alignas(struct nlmsghdr) unsigned char data[ANSWER_BYTES];
        bool sent = !nft->problem && send(nft->socket, nft->data, nft->used, 0) == (ssize_t)nft->used;
        ssize_t got;

        netlink_discard(nft);
        while (sent && (got = recv(nft->socket, data, sizeof(data), MSG_DONTWAIT)) > 0) {
                size_t left = (size_t)got;

                for (const struct nlmsghdr *answer = (const struct nlmsghdr *)data; NLMSG_OK(answer, left);
                     answer = NLMSG_NEXT(answer, left))
                        listen(context, answer);
        }
}

static void take_table(void *context, const struct nlmsghdr *answer)
{
        uint64_t *number = context;

        if (answer->nlmsg_type == (OF_NFTABLES | NFT_MSG_NEWTABLE))
                *number = number_in(attributes_of(answer), NFTA_TABLE_HANDLE);
}

static const struct step *first_counted(const struct plan *plan)
{
        for (size_t i = 0; i < plan->count; i++)
                if (counters_kind(&plan->steps[i]))
                        return &plan->steps[i];
        return NULL;
}

static uint64_t ask_table(struct netlink *nft, const char *name)
{
        uint64_t number = 0;

        begin(nft, NFT_MSG_GETTABLE, 0);
        netlink_put_text(nft, NFTA_TABLE_NAME, name);
        exchange(nft, take_table, &number);
        return number;
}

struct reading {
        const struct plan *plan;
        uint64_t table;
        counters_listener *listen;
        void *context;
};

static void take_element(void *context, const struct nlmsghdr *answer)
{
        const struct reading *reading = context;
        const struct nlmsgerr *error = NLMSG_DATA(answer);
        struct counted counted = {0};
        struct attributes counter;

        if (answer->nlmsg_seq >= reading->plan->count)
                return;
        counted.step = &reading->plan->steps[answer->nlmsg_seq];
        counted.table = reading->table;
        if (answer->nlmsg_type == (OF_NFTABLES | NFT_MSG_NEWSETELEM)) {
                counter = find(attributes_of(answer), NFTA_SET_ELEM_LIST_ELEMENTS);
                counter = find(find(counter, NFTA_LIST_ELEM), NFTA_SET_ELEM_EXPR);
                counter = find(counter, NFTA_EXPR_DATA);
                counted.found = counter.size > 0;
                counted.bytes = number_in(counter, NFTA_COUNTER_BYTES);
                counted.packets = number_in(counter, NFTA_COUNTER_PACKETS);
        } else if (answer->nlmsg_type != NLMSG_ERROR || answer->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ||
                   error->error != -ENOENT) {
                return; /* nothing is known of it this time */
        }
        reading->listen(reading->context, &counted);
}

/* A plan's words were checked when the element was added. */
static void ask(struct netlink *nft, const struct step *step, uint32_t tag)
{
        unsigned char key[NFT_DATA_VALUE_MAXLEN];
        size_t size, list, element, data;

        if (text_bytes(step->args[3], key, sizeof(key), &size) < 0)
                return;
        begin(nft, NFT_MSG_GETSETELEM, tag);
        netlink_put_text(nft, NFTA_SET_ELEM_LIST_TABLE, step->args[1]);
        netlink_put_text(nft, NFTA_SET_ELEM_LIST_SET, step->args[2]);
        list = netlink_nest(nft, NFTA_SET_ELEM_LIST_ELEMENTS);
        element = netlink_nest(nft, NFTA_LIST_ELEM);
        data = netlink_nest(nft, NFTA_SET_ELEM_KEY);
        netlink_put(nft, NFTA_DATA_VALUE, key, size);
        netlink_nest_end(nft, data);
        netlink_nest_end(nft, element);
        netlink_nest_end(nft, list);
}

void counters_read(const struct plan *plan, counters_listener *listen, void *context)
{
        struct reading reading = {.plan = plan, .listen = listen, .context = context};
        const struct step *first = first_counted(plan);
        struct netlink nft;
        int asked = 0;

        if (!first || netlink_open(&nft, NETLINK_NETFILTER) < 0)
                return;
        reading.table = ask_table(&nft, first->args[1]);
        for (size_t i = 0; i < plan->count; i++) {
                if (!counters_kind(&plan->steps[i]))
                        continue;
                ask(&nft, &plan->steps[i], (uint32_t)i);
                if (++asked % AT_ONCE == 0)
                        exchange(&nft, take_element, &reading);
        }
        if (!netlink_is_empty(&nft))
                exchange(&nft, take_element, &reading);
        netlink_close(&nft);
}
