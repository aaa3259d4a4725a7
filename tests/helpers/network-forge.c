/*
 * Frames as hexadecimal lines, for tests of what a server may send and what others get of it.
 *
 *   network-forge send INTERFACE     each line of standard input leaves as a frame, whatever is in it
 *   network-forge watch INTERFACE    `ready`, then a line for each frame that comes in, also those for others
 *   network-forge hear               `ready`, then a line for each packet that this host takes for itself,
 * after its rules; IPv4 with its header, IPv6 without
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 4096 };

static void fail(const char *what)
{
        perror(what);
        exit(2);
}

static int packet_socket(const char *interface, uint16_t protocol)
{
        struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
        int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), buffer = 4 << 20;

        at.sll_ifindex = (int)if_nametoindex(interface);
        if (fd < 0 || at.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
                fail(interface);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
        return fd;
}

static void send_frames(const char *interface)
{
        int fd = packet_socket(interface, 0);
        char line[2 * MOST + 2];
        uint8_t frame[MOST];

        while (fgets(line, sizeof(line), stdin)) {
                size_t size = 0;
                unsigned byte;

                while (size < MOST && sscanf(line + 2 * size, "%2x", &byte) == 1)
                        frame[size++] = (uint8_t)byte;
                if (send(fd, frame, size, 0) < 0)
                        fail("send");
        }
}

static void print_line(const uint8_t *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                (void)printf("%02x", bytes[i]);
        (void)printf("\n");
        (void)fflush(stdout);
}

/* The kernel takes the tag of a VLAN out of the frame: such a frame is told by its content alone. */
static void watch(const char *interface)
{
        int fd = packet_socket(interface, ETH_P_ALL);
        struct packet_mreq promiscuous = {.mr_ifindex = (int)if_nametoindex(interface),
                                          .mr_type = PACKET_MR_PROMISC};
        struct sockaddr_ll from;
        socklen_t from_size = sizeof(from);
        uint8_t frame[MOST];
        ssize_t size;

        if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) < 0)
                fail("promiscuous mode");
        (void)printf("ready\n");
        (void)fflush(stdout);
        while ((size = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &from_size)) >= 0)
                if (from.sll_pkttype != PACKET_OUTGOING)
                        print_line(frame, (size_t)size);
        fail("recvfrom");
}

static void hear(void)
{
        /* Of IPv6 the protocols with a socket of their own; of IPv4 also tunnels: IPIP, 6in4 and GRE. */
        static const int protocols[][2] = {
                {AF_INET, IPPROTO_UDP},   {AF_INET, IPPROTO_TCP},   {AF_INET, IPPROTO_ICMP},
                {AF_INET, IPPROTO_IPIP},  {AF_INET, IPPROTO_IPV6},  {AF_INET, IPPROTO_GRE},
                {AF_INET6, IPPROTO_UDP},  {AF_INET6, IPPROTO_TCP},  {AF_INET6, IPPROTO_ICMPV6},
                {AF_INET6, IPPROTO_IPIP}, {AF_INET6, IPPROTO_IPV6}, {AF_INET6, IPPROTO_GRE},
        };
        enum { COUNT = sizeof(protocols) / sizeof(*protocols) };
        struct pollfd at[COUNT];
        uint8_t packet[MOST];

        for (size_t i = 0; i < COUNT; i++) {
                at[i].fd = socket(protocols[i][0], SOCK_RAW | SOCK_CLOEXEC, protocols[i][1]);
                at[i].events = POLLIN;
                if (at[i].fd < 0)
                        fail("raw socket");
        }
        (void)printf("ready\n");
        (void)fflush(stdout);
        while (poll(at, COUNT, -1) > 0)
                for (size_t i = 0; i < COUNT; i++) {
                        ssize_t size =
                                at[i].revents ? recv(at[i].fd, packet, sizeof(packet), MSG_DONTWAIT) : -1;

                        if (size >= 0)
                                print_line(packet, (size_t)size);
                }
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "send") == 0) {
                send_frames(argv[2]);
                return 0;
        }
        if (argc == 3 && strcmp(argv[1], "watch") == 0)
                watch(argv[2]);
        if (argc == 2 && strcmp(argv[1], "hear") == 0)
                hear();
        (void)fprintf(stderr, "usage: network-forge send|watch INTERFACE | hear\n");
        return 2;
}
