#include "cleanup.h"
#include "health_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 4096, STATUS_END = sizeof("HTTP/1.1 200") - 1 };

/* Whatever answers is the tenant's. So it is talked to by one who can do nothing: an id of the server's, no
 * capabilities, no descriptors but these. */
static void become_harmless(const struct server *server, int say)
{
        if (server->net_ns >= 0 && setns(server->net_ns, CLONE_NEWNET) < 0)
                health_fail(say, "cannot enter the network: %s", strerror(errno));
        if (dup2(say, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
                health_fail(say, "cannot close its descriptors: %s", strerror(errno));
        if (setgroups(0, NULL) < 0 || setresgid(server->id_base, server->id_base, server->id_base) < 0 ||
            setresuid(server->id_base, server->id_base, server->id_base) < 0)
                health_fail(STDERR_FILENO, "cannot change its ids: %s", strerror(errno));
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* after the change of ids, which clears it */
                health_fail(STDERR_FILENO, "cannot tie its life: %s", strerror(errno));
}

static int connect_to(const char *address, int port)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
        int peer, error;

        if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
                return -EINVAL;
        peer = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (peer < 0)
                return -errno;
        if ((is_v4 ? connect(peer, (struct sockaddr *)&v4, sizeof(v4))
                   : connect(peer, (struct sockaddr *)&v6, sizeof(v6))) == 0)
                return peer;
        error = errno;
        (void)close(peer);
        return -error;
}

/* What the first address says is what is told: a server may have no IPv6 at all. */
static int connect_to_any(const char *addresses, int port, int say)
{
        char list[256], *rest = list, *address;
        int error = EINVAL, peer;

        (void)snprintf(list, sizeof(list), "%s", addresses);
        for (bool first = true; (address = strsep(&rest, ",")); first = false) {
                peer = connect_to(address, port);
                if (peer >= 0)
                        return peer;
                error = first ? -peer : error;
        }
        health_fail(say, "port %d: %s", port, strerror(error));
}

/* Reads the status line's begin, no further than that. 0: it is no HTTP. */
static int read_status(int peer, int say)
{
        char answer[ANSWER_BYTES];
        size_t used = 0;
        int status = 0;

        while (used < STATUS_END) {
                ssize_t got = recv(peer, answer + used, sizeof(answer) - 1 - used, 0);

                if (got < 0)
                        health_fail(say, "no answer: %s", strerror(errno));
                if (got == 0)
                        health_fail(say, used ? "the answer is not HTTP" : "no answer: it hung up");
                used += (size_t)got;
        }
        answer[STATUS_END] = '\0';
        return sscanf(answer, "HTTP/1.%*1[01] %3d", &status) == 1 ? status : 0;
}

static _Noreturn void ask(int peer, const char *question, int say)
{
        size_t length = strlen(question);
        int status;

        if (send(peer, question, length, MSG_NOSIGNAL) != (ssize_t)length)
                health_fail(say, "cannot ask: %s", strerror(errno));
        status = read_status(peer, say);
        if (status < 100)
                health_fail(say, "the answer is not HTTP");
        if (status < 200 || status > 399)
                health_fail(say, "status %d", status);
        _exit(0);
}

void health_connect(const struct server *server, int say)
{
        const char *addresses = plan_setting(&server->plan, "health-addresses");
        const char *question = plan_setting(&server->plan, "health-request");
        int port = (int)plan_number(&server->plan, "health-port", 0), peer;

        if (!addresses || port < 1 || port > UINT16_MAX)
                health_fail(say, "there is no address to connect to");
        become_harmless(server, say);
        peer = connect_to_any(addresses, port, STDERR_FILENO);
        if (question && *question)
                ask(peer, question, STDERR_FILENO);
        _exit(0);
}
