#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Answers without the request that they are about (NETLINK_CAP_ACK) are smaller than this. */
enum {
        FIRST_BYTES = 16384,
        MOST_BYTES = 16 * 1024 * 1024,
        ANSWER_BYTES = 4096,
        USUAL_SEND_BYTES = 128 * 1024
};

int netlink_open(struct netlink *netlink, int protocol)
{
        struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        int on = 1, error;

        *netlink = (struct netlink){.socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)};
        if (netlink->socket < 0)
                return -1;
        if (setsockopt(netlink->socket, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) == 0 &&
            setsockopt(netlink->socket, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) == 0 &&
            connect(netlink->socket, (struct sockaddr *)&kernel, sizeof(kernel)) == 0)
                return 0;
        error = errno;
        netlink_close(netlink);
        errno = error;
        return -1;
}

void netlink_close(struct netlink *netlink)
{
        if (netlink->data)
                (void)munmap(netlink->data, netlink->size);
        if (netlink->socket >= 0)
                (void)close(netlink->socket);
        *netlink = (struct netlink){.socket = -1};
}

/* Mapped, and not from the heap: a supervisor lives long, and this is needed for a moment. */
static int grow(struct netlink *netlink, size_t size)
{
        size_t wanted = netlink->size ? netlink->size : FIRST_BYTES;
        void *data;

        while (wanted < size)
                wanted *= 2;
        if (wanted > MOST_BYTES) {
                errno = EMSGSIZE;
                return -1;
        }
        if (netlink->data)
                data = mremap(netlink->data, netlink->size, wanted, MREMAP_MAYMOVE);
        else
                data = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (data == MAP_FAILED)
                return -1;
        netlink->data = data;
        netlink->size = wanted;
        return 0;
}

/* Room for `size` bytes at the end, zeroed, aligned; NULL once anything did not fit. */
static unsigned char *append(struct netlink *netlink, size_t size)
{
        size_t aligned = NLMSG_ALIGN(size);
        unsigned char *room;

        if (netlink->problem)
                return NULL;
        if (netlink->used + aligned > netlink->size && grow(netlink, netlink->used + aligned) < 0) {
                netlink->problem = errno;
                return NULL;
        }
        room = netlink->data + netlink->used;
        memset(room, 0, aligned);
        netlink->used += aligned;
        return room;
}

static struct nlmsghdr *present_message(struct netlink *netlink)
{
        return (struct nlmsghdr *)(netlink->data + netlink->message);
}

static void set_message_length(struct netlink *netlink)
{
        present_message(netlink)->nlmsg_len = (uint32_t)(netlink->used - netlink->message);
}

void netlink_begin(struct netlink *netlink, int type, int flags, uint32_t tag, const void *header,
                   size_t size)
{
        size_t begin = netlink->used;
        unsigned char *room = append(netlink, NLMSG_HDRLEN + size);

        if (!room)
                return;
        netlink->message = begin;
        *(struct nlmsghdr *)room = (struct nlmsghdr){.nlmsg_type = (uint16_t)type,
                                                     .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                                                     .nlmsg_seq = tag};
        memcpy(room + NLMSG_HDRLEN, header, size);
        set_message_length(netlink);
}

void netlink_put(struct netlink *netlink, int type, const void *value, size_t size)
{
        unsigned char *room;

        if (size > UINT16_MAX - NLA_HDRLEN)
                netlink->problem = EMSGSIZE;
        room = append(netlink, NLA_HDRLEN + size);
        if (!room)
                return;
        *(struct nlattr *)room =
                (struct nlattr){.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = (uint16_t)type};
        if (size > 0)
                memcpy(room + NLA_HDRLEN, value, size);
        set_message_length(netlink);
}

void netlink_put_u8(struct netlink *netlink, int type, uint8_t value)
{
        netlink_put(netlink, type, &value, sizeof(value));
}

void netlink_put_u16(struct netlink *netlink, int type, uint16_t value)
{
        netlink_put(netlink, type, &value, sizeof(value));
}

void netlink_put_u32(struct netlink *netlink, int type, uint32_t value)
{
        netlink_put(netlink, type, &value, sizeof(value));
}

void netlink_put_text(struct netlink *netlink, int type, const char *text)
{
        netlink_put(netlink, type, text, strlen(text) + 1);
}

size_t netlink_nest_of(struct netlink *netlink, int type, const void *header, size_t size)
{
        size_t nest = netlink->used;

        netlink_put(netlink, type | NLA_F_NESTED, header, size);
        return nest;
}

size_t netlink_nest(struct netlink *netlink, int type)
{
        return netlink_nest_of(netlink, type, NULL, 0);
}

void netlink_nest_end(struct netlink *netlink, size_t nest)
{
        size_t size = netlink->used - nest;

        if (size > UINT16_MAX)
                netlink->problem = EMSGSIZE;
        if (!netlink->problem)
                ((struct nlattr *)(netlink->data + nest))->nla_len = (uint16_t)size;
}

void netlink_acknowledge(struct netlink *netlink)
{
        if (netlink->used > 0 && !netlink->problem)
                present_message(netlink)->nlmsg_flags |= NLM_F_ACK;
}

void netlink_discard(struct netlink *netlink)
{
        netlink->used = 0;
        netlink->problem = 0;
}

bool netlink_is_empty(const struct netlink *netlink)
{
        return netlink->used == 0 && !netlink->problem;
}

/* NLMSGERR_ATTR_MSG of an answer whose request was left out of it; `end` is that of the answer. */
static const char *kernel_text(const struct nlmsghdr *answer)
{
        const unsigned char *at =
                (const unsigned char *)NLMSG_DATA(answer) + NLMSG_ALIGN(sizeof(struct nlmsgerr));
        const unsigned char *end = (const unsigned char *)answer + answer->nlmsg_len;

        if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS) || !(answer->nlmsg_flags & NLM_F_CAPPED))
                return "";
        while (end - at >= NLA_HDRLEN) {
                const struct nlattr *attribute = (const struct nlattr *)at;

                if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > end - at)
                        break;
                if ((attribute->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG &&
                    attribute->nla_len > NLA_HDRLEN && at[attribute->nla_len - 1] == '\0')
                        return (const char *)at + NLA_HDRLEN;
                if (NLA_ALIGN(attribute->nla_len) > end - at)
                        break;
                at += NLA_ALIGN(attribute->nla_len);
        }
        return "";
}

struct outcome {
        refusal_listener *refused;
        void *context;
        int first; /* errno */
        bool acknowledged;
};

static void take_answers(struct outcome *outcome, const unsigned char *data, size_t left)
{
        for (const struct nlmsghdr *answer = (const struct nlmsghdr *)data; NLMSG_OK(answer, left);
             answer = NLMSG_NEXT(answer, left)) {
                const struct nlmsgerr *result = NLMSG_DATA(answer);
                struct refusal refusal;

                if (answer->nlmsg_type != NLMSG_ERROR || answer->nlmsg_len < NLMSG_LENGTH(sizeof(*result)))
                        continue;
                outcome->acknowledged |= result->error == 0;
                if (result->error == 0)
                        continue;
                refusal = (struct refusal){answer->nlmsg_seq, result->msg.nlmsg_type, -result->error,
                                           kernel_text(answer)};
                if (!outcome->first)
                        outcome->first = refusal.error;
                outcome->refused(outcome->context, &refusal);
        }
}

/* ENOBUFS: so many were refused that their answers had no room; the first ones are there. */
static int receive(int socket, struct outcome *outcome)
{
        _Alignas(struct nlmsghdr) unsigned char data[ANSWER_BYTES];

        for (;;) {
                ssize_t got = recv(socket, data, sizeof(data), MSG_DONTWAIT);

                if (got >= 0)
                        take_answers(outcome, data, (size_t)got);
                else if (errno == EAGAIN)
                        break;
                else if (errno == ENOBUFS)
                        outcome->first = outcome->first ? outcome->first : ENOBUFS;
                else if (errno != EINTR)
                        return -1;
        }
        errno = outcome->first ? outcome->first : EPROTO;
        return outcome->first || !outcome->acknowledged ? -1 : 0;
}

/* A transaction of nftables must come in one piece, however long it is. */
static int make_room(int socket, size_t size)
{
        int bytes = (int)(2 * size);

        return size <= USUAL_SEND_BYTES
                       ? 0
                       : setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static int send_all(struct netlink *netlink)
{
        ssize_t sent;

        if (netlink->problem) {
                errno = netlink->problem;
                return -1;
        }
        if (make_room(netlink->socket, netlink->used) < 0)
                return -1;
        do
                sent = send(netlink->socket, netlink->data, netlink->used, 0);
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? -1 : 0;
}

int netlink_send(struct netlink *netlink, refusal_listener *refused, void *context)
{
        struct outcome outcome = {.refused = refused, .context = context};
        int result;

        if (netlink_is_empty(netlink))
                return 0;
        result = send_all(netlink);
        netlink_discard(netlink);
        return result < 0 ? -1 : receive(netlink->socket, &outcome);
}
