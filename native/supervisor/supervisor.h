/* The supervisor after the boot: one poll loop over the console, the control socket, init's notifications and
 * signals. It sleeps until the account is due, unless a stop or a restart is pending. */
#ifndef VPS_SUPERVISOR_H
#define VPS_SUPERVISOR_H

#include "accounting.h"
#include "health.h"
#include "hook.h"
#include "log.h"
#include "server.h"

#include <stdbool.h>
#include <stdint.h>

enum client_kind {
        CLIENT_REQUEST, /* its request line has not come yet */
        CLIENT_CONSOLE,
        CLIENT_WAIT_STOPPED, /* told when the server has stopped for good */
        CLIENT_WAIT_READY,
        CLIENT_WAIT_RUNNING, /* told when a restart is through */
};

struct client {
        int fd; /* -1: a free place */
        enum client_kind kind;
        size_t used;
        unsigned char *input; /* CLIENT_BYTES, while the place is taken */
};

enum { MAX_CLIENTS = 64, CLIENT_BYTES = 4096, RING_BYTES = 4096, EXIT_BYTES = 160 };

/* A stop under way. */
struct stop {
        bool active;
        bool sent; /* init has been asked */
        bool killed;
        bool then_restart;
        int signal;
        int64_t deadline; /* of now_us(): then everything is killed */
        int64_t delay_us; /* before the restart */
        int64_t next_try;
        int tries;
};

struct restarts {
        int count; /* within the present window */
        int64_t window_begin;
        int64_t due;  /* 0: none */
        bool gave_up; /* with an unhealthy server, until a restart is due again */
};

struct supervisor {
        struct server server;
        struct log log;
        struct accounting accounting;
        int report;
        int signals;
        int listener;
        struct stop stop;
        struct restarts restarts;
        struct health health;
        struct hooks hooks;
        bool finished;
        char exit[EXIT_BYTES]; /* how init ended, once it has */
        char ring[RING_BYTES]; /* the last output, for those who attach */
        size_t ring_used;
        struct client clients[MAX_CLIENTS];
};

/* supervisor.c */
int supervisor_open(struct supervisor *supervisor, struct fault *fault);
void supervisor_run(struct supervisor *supervisor);
void supervisor_became_ready(struct supervisor *supervisor);
void supervisor_started(struct supervisor *supervisor);
/* Tells who waits for it that the server is up, if it is. */
void supervisor_settle_up(struct supervisor *supervisor);

/* console.c */
void console_output(struct supervisor *supervisor);
void console_attach(struct supervisor *supervisor, struct client *client);
/* Reads one client's frames; closes it when it is gone or talks nonsense. */
void console_input(struct supervisor *supervisor, struct client *client);

/* control.c */
void control_accept(struct supervisor *supervisor);
void control_request(struct supervisor *supervisor, struct client *client);
/* Tells every client of a kind a line; those clients are then closed, unless `keep`. */
void control_tell(struct supervisor *supervisor, enum client_kind kind, const char *line, bool keep);
void client_close(struct client *client);

/* stopping.c */
void stop_begin(struct supervisor *supervisor, int64_t timeout_us, int signal, bool then_restart);
void stop_kill(struct supervisor *supervisor);
void stop_tick(struct supervisor *supervisor);

/* ending.c */
void init_ended(struct supervisor *supervisor, int status);
void restart_tick(struct supervisor *supervisor);
/* Stops an unhealthy server and starts it again, as often as the policy has restarts. */
void restart_unhealthy(struct supervisor *supervisor);
/* Leaves a helper that removes the cgroup and the run directory once the supervisor has gone. */
void leave(struct supervisor *supervisor);

#endif
