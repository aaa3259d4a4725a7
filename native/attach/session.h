/* The outer side of one attached command: what it consists of, and its signals. */
#ifndef VPS_ATTACH_SESSION_H
#define VPS_ATTACH_SESSION_H

#include "flow.h"
#include "group.h"
#include "request.h"
#include "target.h"
#include "terminal.h"
#include "watch.h"

#include <signal.h>
#include <stdbool.h>

enum { FLOW_IN, FLOW_OUT, FLOW_ERR, FLOWS };

struct session {
        const struct request *request;
        struct target target;
        struct command_group group;
        struct terminal terminal;
        struct watch watch;
        struct flow flows[FLOWS];
        int ends[FLOWS]; /* our ends of the command's streams, until the flows take them */
        int master;      /* with a terminal: its master, likewise */
        int channel;     /* -1: the command has been executed, or never will */
        int signals;     /* signalfd */
        pid_t caller;    /* our parent as it was at the start */
        pid_t joiner;
        pid_t command; /* 0: not born yet */
        bool ended;    /* and `status` is its wait status */
        int status;
        sigset_t early;    /* signals that came before it was born */
        bool gave_up;      /* it was never executed */
        bool doomed;       /* to be killed as soon as it is born */
        long long doom_ms; /* CLOCK_MONOTONIC; then it is killed; 0: never */
        int quit;          /* exit with this, whatever the command did; -1: as the command */
};

long long monotonic_ms(void);

/* Blocks and reads what we forward. Signals that the caller has us ignore (nohup, background jobs) stay
 * ignored. 0, or a negative errno. */
int session_take_signals(struct session *session);
/* Answers the signals that have come, the end of children among them. */
void session_read_signals(struct session *session);
/* The command exists: what came too early reaches it now. */
void session_born(struct session *session, pid_t command);
/* The command has ended: what it has left in its streams is all that is still to come. */
void session_drain(struct session *session);
/* SIGKILL to the command and to all it has started. */
void session_kill(struct session *session);

#endif
