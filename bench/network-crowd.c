/* The networks of many servers at once: the steps of each launch plan, a file, are done in a new network
 * namespace. When standard input ends, all are undone, the last one first. A line for each plan, in the order
 * given: `raised MICROSECONDS NAMESPACE`, with the part of it that the namespace took, an empty one when all
 * are up, then `lowered MICROSECONDS`. */
#include "../native/supervisor/network/network.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct server {
        struct plan plan;
        struct network network;
        int net_ns;
};

static int64_t now_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what, const struct fault *fault)
{
        (void)fprintf(stderr, "network-crowd: %s: %s %s: %s\n", what, fault->call, fault->path,
                      strerror(fault->error));
        exit(1);
}

static void read_server(struct server *server, const char *file)
{
        const struct fault none = {.call = "plan_read", .step = -1};
        const char *problem = "";
        int fd = open(file, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || plan_read(fd, &server->plan, &problem))
                die(file, &none);
        (void)close(fd);
}

static int new_namespace(int own)
{
        int made;

        if (unshare(CLONE_NEWNET) < 0)
                return -1;
        made = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        return setns(own, CLONE_NEWNET) < 0 ? -1 : made;
}

static void raise_server(struct server *server, int own)
{
        struct fault fault = {.step = -1};
        int64_t begin = now_us(), made;

        server->net_ns = new_namespace(own);
        made = now_us();
        if (server->net_ns < 0)
                die("namespace", &fault);
        if (network_raise(&server->network, &server->plan, server->net_ns, &fault) < 0)
                die("raise", &fault);
        (void)printf("raised %lld %lld\n", (long long)(now_us() - begin), (long long)(made - begin));
}

static void lower_server(struct server *server)
{
        struct fault fault = {.step = -1};
        int64_t begin = now_us();

        if (network_lower(&server->network, &server->plan, server->net_ns, &fault) < 0)
                die("lower", &fault);
        (void)printf("lowered %lld\n", (long long)(now_us() - begin));
        (void)close(server->net_ns);
        plan_free(&server->plan);
}

int main(int argc, char **argv)
{
        struct server *servers = calloc((size_t)argc, sizeof(*servers));
        int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

        if (!servers || own < 0)
                return 1;
        for (int i = 1; i < argc; i++) {
                read_server(&servers[i], argv[i]);
                raise_server(&servers[i], own);
        }
        (void)printf("\n");
        (void)fflush(stdout);
        while (getchar() != EOF)
                ;
        for (int i = argc; i-- > 1;)
                lower_server(&servers[i]);
        free(servers);
        return 0;
}
