#include "guest_steps.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

static int ask(struct mnl_socket *socket, struct fault *fault)
{
        char buffer[8192]; /* MNL_SOCKET_BUFFER_SIZE is not a constant */
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        struct ifinfomsg *info;
        ssize_t got;

        header->nlmsg_type = RTM_NEWLINK;
        header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
        header->nlmsg_seq = 1;
        info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
        info->ifi_family = AF_UNSPEC;
        info->ifi_index = 1; /* lo is the first link of every network namespace */
        info->ifi_change = IFF_UP;
        info->ifi_flags = IFF_UP;
        if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
                return fault_errno(fault, "netlink RTM_NEWLINK", "lo");
        got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
        if (got < 0 || mnl_cb_run(buffer, (size_t)got, 1, mnl_socket_get_portid(socket), NULL, NULL) < 0)
                return fault_errno(fault, "netlink RTM_NEWLINK", "lo");
        return 0;
}

int loopback_up(struct fault *fault)
{
        struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
        int result;

        if (!socket)
                return fault_errno(fault, "socket NETLINK_ROUTE", "lo");
        result = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? fault_errno(fault, "bind", "lo")
                                                                    : ask(socket, fault);
        (void)mnl_socket_close(socket);
        return result;
}
