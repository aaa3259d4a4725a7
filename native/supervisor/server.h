/* What the supervisor knows about its one server. */
#ifndef VPS_SERVER_H
#define VPS_SERVER_H

#include "fault.h"
#include "network/network.h"
#include "plan.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum state { STATE_STARTING, STATE_RUNNING, STATE_STOPPING, STATE_RESTARTING };

enum health_state { HEALTH_UNCHECKED, HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

enum { REASON_BYTES = 96 };

/* What the checks say (health.h); of a server without one it stays unchecked. */
struct verdict {
        enum health_state state;
        time_t since;              /* seconds since the epoch */
        char reason[REASON_BYTES]; /* why the last check failed: printable ASCII without quotes; or empty */
};

struct server {
        struct plan plan;
        const char *name;
        uid_t id_base;

        int run_dir;      /* run/vps/servers/NAME */
        int storage_dir;  /* var/lib/vps/servers/NAME */
        int lock;         /* held for life: two supervisors never share a run directory */
        int init_program; /* vps-init, opened while the host's file system is in sight; -1 when not used */

        int cgroup;        /* the server's cgroup directory */
        int payload;       /* CGROUP/payload: init and its children */
        int own_pid_ns;    /* to come back after a helper was born in the server's */
        int user_ns;       /* outlives a restart */
        int net_ns;        /* a new one for each boot; -1 with the host's network */
        int64_t net_ns_us; /* what it took to make it */
        struct network network;

        pid_t init;
        int init_pidfd;
        enum state state;
        bool ready;
        struct verdict health;
        int restarts;
        time_t since; /* of the present state, seconds since the epoch */

        int console_master;
        int console_slave; /* kept open so that a guest without readers does not hang the master up */
        int notify;        /* datagram socket at /run/host/notify of the server */
        int usage;         /* /run/host/vps/usage of the server: it reads, the supervisor writes; -1: none */
};

/* Whether it is up: it says so, and is healthy if anybody looks. */
static inline bool server_is_up(const struct server *server)
{
        return server->ready &&
               (server->health.state == HEALTH_UNCHECKED || server->health.state == HEALTH_HEALTHY);
}

/* Microseconds of the monotonic clock. */
int64_t now_us(void);
/* The sooner of two moments of now_us(), of which 0 is never. */
static inline int64_t sooner(int64_t due, int64_t other)
{
        return due == 0 || (other > 0 && other < due) ? other : due;
}

#endif
