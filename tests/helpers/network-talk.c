/* Asks and answers over TCP and UDP, IPv4 and IPv6.
 *
 *   network-talk serve WORD PORT…             answers every line and every datagram with `WORD
 * ADDRESS-OF-THE-ASKER`; prints `ready` when it listens at all ports network-talk ask tcp|udp ADDRESS PORT
 * [SOURCE] prints the answer; `refused`, `unreachable`, `timeout` … (status 1) network-talk hold ADDRESS PORT
 * one connection of TCP: for each line of standard input an answer, as of ask
 *
 * An answer is waited for 700 ms. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 700, MOST = 512 };

static void fail(const char *what)
{
        perror(what);
        exit(2);
}

static int listener(int type, const char *port)
{
        struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
        int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), off = 0, on = 1;

        if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0))
                fail(port);
        return fd;
}

/* `WORD ADDRESS`, an IPv4-mapped address as the IPv4 address that it is. */
static size_t answer(char *text, const char *word, const struct sockaddr_in6 *asker)
{
        char address[INET6_ADDRSTRLEN];
        const char *shown;

        (void)inet_ntop(AF_INET6, &asker->sin6_addr, address, sizeof(address));
        shown = IN6_IS_ADDR_V4MAPPED(&asker->sin6_addr) ? strrchr(address, ':') + 1 : address;
        return (size_t)snprintf(text, MOST, "%s %s\n", word, shown);
}

static void serve_datagram(int fd, const char *word)
{
        struct sockaddr_in6 asker;
        socklen_t size = sizeof(asker);
        char text[MOST];

        if (recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&asker, &size) >= 0)
                (void)sendto(fd, text, answer(text, word, &asker), 0, (struct sockaddr *)&asker, size);
}

/* Ends with the connection. */
static void serve_connection(int fd, const char *word)
{
        struct sockaddr_in6 asker;
        socklen_t size = sizeof(asker);
        char text[MOST];

        if (getpeername(fd, (struct sockaddr *)&asker, &size) < 0)
                return;
        while (read(fd, text, sizeof(text)) > 0)
                if (write(fd, text, answer(text, word, &asker)) < 0)
                        return;
}

static void serve(const char *word, char **ports, size_t count)
{
        struct pollfd at[2 * count];

        for (size_t i = 0; i < count; i++) {
                at[2 * i] = (struct pollfd){.fd = listener(SOCK_STREAM, ports[i]), .events = POLLIN};
                at[2 * i + 1] = (struct pollfd){.fd = listener(SOCK_DGRAM, ports[i]), .events = POLLIN};
        }
        (void)printf("ready\n");
        (void)fflush(stdout);
        while (poll(at, 2 * count, -1) > 0)
                for (size_t i = 0; i < 2 * count; i++) {
                        int fd = at[i].revents && i % 2 == 0 ? accept(at[i].fd, NULL, NULL) : -1;

                        if (at[i].revents && i % 2 == 1)
                                serve_datagram(at[i].fd, word);
                        if (fd < 0)
                                continue;
                        if (fork() == 0) {
                                serve_connection(fd, word);
                                _exit(0);
                        }
                        (void)close(fd);
                }
}

static int tell_error(int error)
{
        (void)printf("%s\n", error == ECONNREFUSED                           ? "refused"
                             : error == EHOSTUNREACH || error == ENETUNREACH ? "unreachable"
                             : error == EPERM || error == EACCES             ? "forbidden"
                             : error == ETIMEDOUT || error == EINPROGRESS    ? "timeout"
                                                                             : strerror(error));
        (void)fflush(stdout);
        return 1;
}

union address {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
};

/* `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0`. */
static socklen_t parse(const char *text, const char *port, union address *at)
{
        char plain[INET6_ADDRSTRLEN];
        const char *scope = strchr(text, '%');

        *at = (union address){.ipv4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))}};
        if (inet_pton(AF_INET, text, &at->ipv4.sin_addr) == 1)
                return sizeof(at->ipv4);
        (void)snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(text, "%"), text);
        *at = (union address){.ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))}};
        at->ipv6.sin6_scope_id = scope ? if_nametoindex(scope + 1) : 0;
        if (inet_pton(AF_INET6, plain, &at->ipv6.sin6_addr) == 1)
                return sizeof(at->ipv6);
        (void)fprintf(stderr, "%s is no address\n", text);
        exit(2);
}

/* A connected socket, or -1 and errno. */
static int connected(int type, const char *address, const char *port, const char *source)
{
        union address to, from;
        socklen_t to_size = parse(address, port, &to);
        int fd = socket(to.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof(error);

        if (source && bind(fd, &from.any, parse(source, "0", &from)) < 0)
                return -1;
        if (connect(fd, &to.any, to_size) == 0)
                return fd;
        if (errno != EINPROGRESS)
                return -1;
        if (poll(&wait, 1, PATIENCE_MS) <= 0) {
                errno = ETIMEDOUT;
                return -1;
        }
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        errno = error;
        return error ? -1 : fd;
}

static int converse(int fd)
{
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char text[MOST];
        ssize_t size;

        if (write(fd, "?\n", 2) < 0)
                return tell_error(errno);
        if (poll(&wait, 1, PATIENCE_MS) <= 0)
                return tell_error(ETIMEDOUT);
        size = read(fd, text, sizeof(text));
        if (size < 0)
                return tell_error(errno);
        (void)printf("%.*s", (int)size, text);
        (void)fflush(stdout);
        return size == 0 ? 1 : 0;
}

static int hold(const char *address, const char *port)
{
        int fd = connected(SOCK_STREAM, address, port, NULL), status = 0;
        char line[MOST];

        if (fd < 0)
                return tell_error(errno);
        while (fgets(line, sizeof(line), stdin))
                status = converse(fd);
        return status;
}

int main(int argc, char **argv)
{
        const char *verb = argc > 1 ? argv[1] : "";

        /* Nobody waits for those who serve a connection, and nothing outlives the test. */
        (void)signal(SIGCHLD, SIG_IGN);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (argc > 3 && strcmp(verb, "serve") == 0) {
                serve(argv[2], argv + 3, (size_t)argc - 3);
                return 1;
        }
        if (argc > 4 && strcmp(verb, "ask") == 0) {
                int fd = connected(strcmp(argv[2], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM, argv[3], argv[4],
                                   argc > 5 ? argv[5] : NULL);

                return fd < 0 ? tell_error(errno) : converse(fd);
        }
        if (argc == 4 && strcmp(verb, "hold") == 0)
                return hold(argv[2], argv[3]);
        (void)fprintf(stderr, "usage: network-talk serve|ask|hold …\n");
        return 2;
}
