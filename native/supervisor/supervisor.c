#include "supervisor.h"

#include "accounting.h"
#include "cleanup.h"
#include "events.h"
#include "idle.h"
#include "report.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static int open_signals(struct supervisor *supervisor, struct fault *fault)
{
        static const int watched[] = {SIGCHLD, SIGTERM, SIGINT, SIGURG, SIGHUP, SIGPIPE};
        sigset_t set;

        (void)sigemptyset(&set);
        for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
                (void)sigaddset(&set, watched[i]);
        if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
                return fault_errno(fault, "sigprocmask", NULL);
        supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return supervisor->signals < 0 ? fault_errno(fault, "signalfd", NULL) : 0;
}

/* Bound from within the run directory: the path may be longer than an address holds. */
static int open_listener(struct supervisor *supervisor, struct fault *fault)
{
        const char *run_dir = plan_setting(&supervisor->server.plan, "run-dir");
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "control.sock"};

        supervisor->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (supervisor->listener < 0)
                return fault_errno_in(fault, "socket", run_dir, "control.sock");
        if (fchdir(supervisor->server.run_dir) < 0)
                return fault_errno(fault, "fchdir", "run directory");
        (void)unlink("control.sock");
        if (bind(supervisor->listener, (struct sockaddr *)&address, sizeof(address)) < 0)
                return fault_errno_in(fault, "bind", run_dir, "control.sock");
        if (chmod("control.sock", 0600) < 0 || listen(supervisor->listener, 64) < 0)
                return fault_errno_in(fault, "listen", run_dir, "control.sock");
        return chdir("/") < 0 ? fault_errno(fault, "chdir", "/") : 0;
}

int supervisor_open(struct supervisor *supervisor, struct fault *fault)
{
        const struct plan *plan = &supervisor->server.plan;

        for (int i = 0; i < MAX_CLIENTS; i++)
                supervisor->clients[i].fd = -1;
        if (log_open(&supervisor->log, supervisor->server.storage_dir,
                     plan_number(plan, "console-size", 1048576),
                     (int)plan_number(plan, "console-files", 4)) < 0)
                return fault_errno_in(fault, "open", plan_setting(plan, "storage-dir"), "log/console.log");
        accounting_open(&supervisor->accounting, &supervisor->server);
        health_configure(supervisor);
        if (open_signals(supervisor, fault) < 0)
                return -1;
        return open_listener(supervisor, fault);
}

void supervisor_settle_up(struct supervisor *supervisor)
{
        if (!server_is_up(&supervisor->server))
                return;
        report_ready(supervisor->report, supervisor->server.init);
        close_fd(&supervisor->report);
        control_tell(supervisor, CLIENT_WAIT_READY, "ready\n", false);
}

void supervisor_became_ready(struct supervisor *supervisor)
{
        if (supervisor->server.ready)
                return;
        supervisor->server.ready = true;
        state_write(&supervisor->server);
        event_write(&supervisor->server, "ready", "\"pid\":%d", supervisor->server.init);
        supervisor_settle_up(supervisor);
}

/* After each boot: an init that can't say when it is up counts as up once it runs. The state comes first: who
 * is told may look at it at once. */
void supervisor_started(struct supervisor *supervisor)
{
        const char *ready = plan_setting(&supervisor->server.plan, "ready");

        supervisor->server.ready = !ready || strcmp(ready, "notify") != 0;
        health_started(supervisor);
        state_change(&supervisor->server, STATE_RUNNING);
        report_started(supervisor->report, supervisor->server.init);
        if (supervisor->server.ready)
                event_write(&supervisor->server, "ready", "\"pid\":%d", supervisor->server.init);
        supervisor_settle_up(supervisor);
        accounting_started(&supervisor->accounting, &supervisor->server, supervisor->log.dir);
}

/* One datagram of sd_notify(3). Only init speaks for the server: its pid comes from the kernel. */
static void read_notification(struct supervisor *supervisor)
{
        char text[4096];
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(struct ucred))];
        } control = {0};
        struct iovec data = {.iov_base = text, .iov_len = sizeof(text) - 1};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        ssize_t got = recvmsg(supervisor->server.notify, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        struct ucred sender;

        if (got <= 0 || !message.msg_controllen || control.header.cmsg_type != SCM_CREDENTIALS)
                return;
        memcpy(&sender, CMSG_DATA(&control.header), sizeof(sender));
        if (sender.pid != supervisor->server.init)
                return;
        text[got] = '\0';
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
                if (strcmp(line, "READY=1") == 0)
                        supervisor_became_ready(supervisor);
}

static void reap(struct supervisor *supervisor)
{
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == supervisor->server.init)
                        init_ended(supervisor, status);
                else if (!hook_reaped(supervisor, pid))
                        (void)health_reaped(supervisor, pid, status);
}

/* SIGURG is what a systemd host sends to everybody in the scope (src/server/scope.ts): all others ignore it,
 * so that the server is shut down by its init and not by a SIGTERM to each of its processes. */
static bool asks_to_stop(uint32_t signal)
{
        return signal == SIGTERM || signal == SIGINT || signal == SIGURG;
}

static void read_signals(struct supervisor *supervisor)
{
        struct signalfd_siginfo info;
        int64_t timeout_us = plan_number(&supervisor->server.plan, "stop-timeout", 30000) * 1000;

        while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info))
                if (info.ssi_signo == SIGCHLD)
                        reap(supervisor);
                else if (asks_to_stop(info.ssi_signo))
                        stop_begin(supervisor, timeout_us, 0, false);
}

/* The next step of a stop or a restart, of now_us(); 0: none is pending. */
static int64_t next_step(const struct supervisor *supervisor)
{
        const struct stop *stop = &supervisor->stop;

        if (!stop->active || stop->killed)
                return supervisor->restarts.due;
        return stop->sent || stop->deadline < stop->next_try ? stop->deadline : stop->next_try;
}

/* Milliseconds until something is due, rounded up; -1: nothing is. */
static int next_due(const struct supervisor *supervisor)
{
        int64_t due = sooner(next_step(supervisor), accounting_due(&supervisor->accounting)), wait;

        due = sooner(due, health_due(supervisor));
        if (due == 0)
                return -1;
        wait = (due - now_us() + 999) / 1000;
        return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

enum {
        POLL_SIGNALS,
        POLL_LISTENER,
        POLL_CONSOLE,
        POLL_NOTIFY,
        POLL_EVENTS,
        POLL_CLIENTS = POLL_EVENTS + WATCHED,
        SHORT_MS = 1000,
};

static void serve_client(struct supervisor *supervisor, struct client *client)
{
        char scrap[64];

        if (client->kind == CLIENT_REQUEST)
                control_request(supervisor, client);
        else if (client->kind == CLIENT_CONSOLE)
                console_input(supervisor, client);
        else if (recv(client->fd, scrap, sizeof(scrap), MSG_DONTWAIT) <=
                 0) /* a waiting client has nothing more to say */
                client_close(client);
}

static int sleep_until(struct pollfd *polled, nfds_t count, int milliseconds)
{
        int events;

        if (milliseconds >= 0 && milliseconds < SHORT_MS)
                return poll(polled, count, milliseconds);
        events = poll(polled, count, 0);
        return events ? events : idle_poll(polled, count, milliseconds);
}

static void wait_and_serve(struct supervisor *supervisor)
{
        struct pollfd polled[POLL_CLIENTS + MAX_CLIENTS] = {
                [POLL_SIGNALS] = {.fd = supervisor->signals, .events = POLLIN},
                [POLL_LISTENER] = {.fd = supervisor->listener, .events = POLLIN},
                [POLL_CONSOLE] = {.fd = supervisor->server.console_master, .events = POLLIN},
                [POLL_NOTIFY] = {.fd = supervisor->server.notify, .events = POLLIN},
        };

        accounting_watch(&supervisor->accounting, &polled[POLL_EVENTS]);
        for (int i = 0; i < MAX_CLIENTS; i++)
                polled[POLL_CLIENTS + i] = (struct pollfd){.fd = supervisor->clients[i].fd, .events = POLLIN};
        if (sleep_until(polled, POLL_CLIENTS + MAX_CLIENTS, next_due(supervisor)) < 0)
                return;
        accounting_events(&supervisor->accounting, &supervisor->server, &polled[POLL_EVENTS]);
        if (polled[POLL_CONSOLE].revents)
                console_output(supervisor);
        if (polled[POLL_NOTIFY].revents)
                read_notification(supervisor);
        for (int i = 0; i < MAX_CLIENTS; i++)
                if (supervisor->clients[i].fd >= 0 && polled[POLL_CLIENTS + i].revents)
                        serve_client(supervisor, &supervisor->clients[i]);
        if (polled[POLL_LISTENER].revents)
                control_accept(supervisor);
        if (polled[POLL_SIGNALS].revents)
                read_signals(supervisor);
}

void supervisor_run(struct supervisor *supervisor)
{
        char line[EXIT_BYTES + 16];

        while (!supervisor->finished) {
                wait_and_serve(supervisor);
                stop_tick(supervisor);
                restart_tick(supervisor);
                health_tick(supervisor);
                accounting_tick(&supervisor->accounting, &supervisor->server);
        }
        (void)snprintf(line, sizeof(line), "stopped\t%s\n", supervisor->exit);
        control_tell(supervisor, CLIENT_WAIT_READY, line, true);
        control_tell(supervisor, CLIENT_WAIT_RUNNING, line, true);
        control_tell(supervisor, CLIENT_WAIT_STOPPED, line, true);
        leave(supervisor);
}
