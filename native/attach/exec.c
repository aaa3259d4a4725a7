#include "exec.h"

#include "channel.h"
#include "cleanup.h"
#include "enter.h"
#include "say.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
        CHILD_OF_SERVER_MS = 50, /* a killed command may be gone before the init that was killed along */
        POLLS = 2 + 2 * FLOWS,
};

/* Standard output and error that are one and the same keep the order of what is written to them: one pipe. */
static bool share_output(void)
{
        struct stat out;
        struct stat err;

        return fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
               out.st_dev == err.st_dev && out.st_ino == err.st_ino && out.st_rdev == err.st_rdev;
}

/* A pipe that belongs to the server's root, so that it can be opened by name inside (/dev/stdout). */
static int make_pipe(uid_t owner, int *reader, int *writer)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        *reader = ends[0];
        *writer = ends[1];
        return fchown(ends[0], owner, owner) < 0 ? -errno : 0;
}

static int make_streams(struct session *session, int stdio[3])
{
        uid_t owner = session->request->id_base;
        int error = make_pipe(owner, &stdio[0], &session->ends[FLOW_IN]);

        if (!error)
                error = make_pipe(owner, &session->ends[FLOW_OUT], &stdio[1]);
        if (error)
                return error;
        if (!share_output())
                return make_pipe(owner, &session->ends[FLOW_ERR], &stdio[2]);
        stdio[2] = fcntl(stdio[1], F_DUPFD_CLOEXEC, 0);
        return stdio[2] < 0 ? -errno : 0;
}

static int start(struct session *session)
{
        int stdio[3] = {-1, -1, -1};
        int inner = -1;
        int error = session->request->tty ? 0 : make_streams(session, stdio);

        if (!error)
                error = channel_make(&session->channel, &inner);
        if (!error) {
                const struct entry entry = {
                        .request = session->request,
                        .target = &session->target,
                        .group = &session->group,
                        .terminal = &session->terminal,
                        .channel = inner,
                        .stdio = {stdio[0], stdio[1], stdio[2]},
                };

                session->joiner = enter(&entry);
                error = session->joiner < 0 ? session->joiner : 0;
        }
        for (int fd = 0; fd < 3; fd++)
                close_fd(&stdio[fd]);
        close_fd(&inner);
        return error;
}

static void open_pipe_flows(struct session *session)
{
        flow_open(&session->flows[FLOW_IN], endpoint_outer(STDIN_FILENO, O_RDONLY, false),
                  endpoint_inner(take_fd(&session->ends[FLOW_IN])));
        flow_open(&session->flows[FLOW_OUT], endpoint_inner(take_fd(&session->ends[FLOW_OUT])),
                  endpoint_outer(STDOUT_FILENO, O_WRONLY, false));
        if (session->ends[FLOW_ERR] < 0)
                return;
        /* We may have something to say ourselves. */
        flow_open(&session->flows[FLOW_ERR], endpoint_inner(take_fd(&session->ends[FLOW_ERR])),
                  endpoint_outer(STDERR_FILENO, O_WRONLY, true));
}

/* The terminal itself is never closed by a flow: it has to be put back at the end. */
static void open_terminal_flows(struct session *session)
{
        struct flow *in = &session->flows[FLOW_IN];
        struct flow *out = &session->flows[FLOW_OUT];
        int copy = fcntl(session->master, F_DUPFD_CLOEXEC, 0);

        if (copy < 0)
                return;
        flow_open(in, endpoint_outer(STDIN_FILENO, O_RDONLY, true), endpoint_inner(copy));
        flow_open(out, endpoint_inner(take_fd(&session->master)),
                  endpoint_outer(STDOUT_FILENO, O_WRONLY, true));
        in->copying = true;
        out->copying = true;
        in->ends_line = true;
        if (terminal_raw(&session->terminal) < 0)
                say("the terminal cannot be set raw");
        if (terminal_read_size(&session->terminal))
                (void)ioctl(out->from.fd, TIOCSWINSZ, &session->terminal.size);
}

/* End of the channel: the command has been executed (or was killed before; its status will tell). */
static void executed(struct session *session)
{
        close_fd(&session->channel);
        if (session->command == 0) {
                say("cannot enter server %s", session->request->name);
                session->gave_up = true;
                session->quit = EXIT_ATTACH;
        } else if (session->request->tty && session->master >= 0) {
                open_terminal_flows(session);
        } else if (!session->request->tty && session->quit < 0) {
                open_pipe_flows(session);
        }
        if (session->ended) /* so short a life that we saw its end first */
                session_drain(session);
}

static void failed(struct session *session, const struct message *message)
{
        /* A server that goes down refuses in many ways; the reason is one. */
        if (message->status == EXIT_ATTACH && target_ends(&session->target, 0))
                say("server %s has stopped", session->request->name);
        else if (message->error)
                (void)say_error(message->error, "%s", message->what);
        else
                say("%s", message->what);
        session->gave_up = true;
        session->quit = message->status;
        close_fd(&session->channel);
}

static void read_channel(struct session *session)
{
        struct message message;
        int fd;
        int got;

        while (session->channel >= 0) {
                got = channel_receive(session->channel, &message, &fd);
                if (got == -EAGAIN)
                        return;
                if (got <= 0)
                        executed(session);
                else if (message.kind == MESSAGE_BORN)
                        session_born(session, message.pid);
                else if (message.kind == MESSAGE_PTY)
                        session->master = fd;
                else
                        failed(session, &message);
        }
}

static bool is_done(const struct session *session)
{
        if (session->quit >= 0 && (session->ended || session->doom_ms == 0))
                return !session->doomed || session->ended;
        return session->ended && session->channel < 0 && !session->flows[FLOW_OUT].open &&
               !session->flows[FLOW_ERR].open;
}

/* What a command has left is read until there is no more, without waiting for more. */
static bool is_draining(const struct session *session)
{
        for (int i = 0; i < FLOWS; i++)
                if (session->flows[i].open && session->flows[i].draining && !session->flows[i].full)
                        return true;
        return false;
}

/* How long poll may sleep: for ever, unless a command that was hung up has to go. */
static int patience(struct session *session)
{
        long long left;

        if (session->ended && is_draining(session))
                return 0;
        if (session->doom_ms == 0 || session->doomed)
                return -1;
        left = session->doom_ms - monotonic_ms();
        if (left <= 0)
                session_kill(session);
        return left > 0 ? (int)left : -1;
}

static void relay(struct session *session)
{
        struct pollfd polls[POLLS];

        while (!is_done(session)) {
                polls[0] = (struct pollfd){.fd = session->signals, .events = POLLIN};
                polls[1] = (struct pollfd){.fd = session->channel, .events = POLLIN};
                for (int i = 0; i < FLOWS; i++)
                        flow_watch(&session->flows[i], polls + 2 + 2 * i);
                if (poll(polls, POLLS, patience(session)) < 0)
                        continue;
                for (int i = 0; i < FLOWS; i++)
                        flow_step(&session->flows[i], polls + 2 + 2 * i);
                if (polls[1].revents)
                        read_channel(session);
                if (polls[0].revents)
                        session_read_signals(session);
                if (session->ended)
                        for (int i = 0; i < FLOWS; i++)
                                flow_step(&session->flows[i], polls + 2 + 2 * i);
        }
}

static int exit_status(const struct session *session)
{
        if (session->quit >= 0)
                return session->quit;
        if (WIFEXITED(session->status))
                return WEXITSTATUS(session->status);
        if (WTERMSIG(session->status) == SIGKILL && target_ends(&session->target, CHILD_OF_SERVER_MS))
                say("server %s has stopped", session->request->name);
        return session->request->as_signalled ? -WTERMSIG(session->status)
                                              : EXIT_SIGNAL + WTERMSIG(session->status);
}

/* What never came to run must not be left behind: reap the joiner and a command that gave up. */
static void reap_rest(struct session *session)
{
        watch_end(&session->watch);
        if (session->gave_up)
                while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
                        ;
}

static int run(struct session *session)
{
        const char *name = session->request->name;
        int error = target_open(&session->target, session->request->init, session->request->init_start);

        if (error == -ESRCH) {
                say("server %s is not running", name);
                return EXIT_ATTACH;
        }
        if (error)
                return say_error(-error, "cannot reach server %s", name);
        error = group_make(&session->group, session->request->cgroup);
        if (error)
                return say_error(-error,
                                 error == -EAGAIN ? "server %s has as many cgroups as it may have"
                                                  : "cannot make a cgroup in server %s",
                                 name);
        error = watch_start(&session->watch, &session->group, &session->terminal);
        if (!error)
                error = start(session);
        if (error) {
                watch_end(&session->watch);
                group_remove(&session->group);
                return say_error(-error, "cannot start a process in server %s", name);
        }
        relay(session);
        terminal_restore(&session->terminal);
        reap_rest(session);
        if (session->request->sweep)
                group_kill(&session->group);
        if (session->doomed || session->request->sweep)
                group_remove_patiently(&session->group);
        else
                group_remove(&session->group);
        return exit_status(session);
}

int exec_command(const struct request *request)
{
        struct session session = {
                .request = request,
                .group = {.dir = -1, .parent = -1},
                .watch = {.line = -1},
                .ends = {-1, -1, -1},
                .master = -1,
                .channel = -1,
                .quit = -1,
        };
        int error;

        if (request->tty)
                terminal_find(&session.terminal);
        else
                session.terminal.fd = -1;
        error = session_take_signals(&session);
        return error ? say_error(-error, "cannot prepare signals") : run(&session);
}
