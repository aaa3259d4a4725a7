#include "session.h"

#include "cleanup.h"
#include "say.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANGUP_GRACE_MS = 2000 };

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT};

/* Sent by the kernel when our parent dies; no other use of it, so that it can't be taken for a SIGHUP. */
static int death_signal(void)
{
        return SIGRTMIN + 1;
}

long long monotonic_ms(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_ignored(int number)
{
        struct sigaction action;

        return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void take_forwarded(const struct session *session, sigset_t *taken)
{
        for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
                if (!is_ignored(forwarded[i]))
                        (void)sigaddset(taken, forwarded[i]);
        if (session->request->ignore_hangup)
                (void)sigdelset(taken, SIGHUP);
}

int session_take_signals(struct session *session)
{
        sigset_t taken;

        (void)sigemptyset(&session->early);
        (void)sigemptyset(&taken);
        take_forwarded(session, &taken);
        (void)sigaddset(&taken, SIGCHLD);
        (void)sigaddset(&taken, SIGWINCH);
        (void)sigaddset(&taken, SIGTSTP);
        (void)sigaddset(&taken, death_signal());
        /* Who is ignoring hang-ups means to outlive its caller. */
        if (sigismember(&taken, SIGHUP) && prctl(PR_SET_PDEATHSIG, death_signal()) < 0)
                return -errno;
        session->caller = getppid();
        if (session->request->ignore_hangup && signal(SIGHUP, SIG_IGN) == SIG_ERR)
                return -errno;
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
            sigprocmask(SIG_SETMASK, &taken, NULL) < 0)
                return -errno;
        session->signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
        return session->signals < 0 ? -errno : 0;
}

/* To the command's process group; in the moment before it has one, to itself. */
static void forward(struct session *session, int number)
{
        if (session->ended)
                return;
        if (session->command == 0)
                (void)sigaddset(&session->early, number);
        else if (kill(-session->command, number) < 0 && errno == ESRCH)
                (void)kill(session->command, number);
}

void session_kill(struct session *session)
{
        group_kill(&session->group);
        session->doomed = true;
        forward(session, SIGKILL);
}

void session_born(struct session *session, pid_t command)
{
        session->command = command;
        for (int number = 1; number <= SIGRTMAX; number++)
                if (sigismember(&session->early, number) == 1)
                        forward(session, number);
        (void)sigemptyset(&session->early);
}

/* A command with a terminal learns from the terminal that nobody is there any more; what it does about it (a
 * shell ends, tmux stays) is its own business, but it may not sit there for ever. */
static void hang_up(struct session *session)
{
        for (int i = 0; i < FLOWS; i++)
                flow_close(&session->flows[i]);
        close_fd(&session->master);
        session->doom_ms = monotonic_ms() + HANGUP_GRACE_MS;
        session->quit = EXIT_SIGNAL + SIGHUP;
}

static void caller_died(struct session *session)
{
        if (getppid() == session->caller)
                return; /* a thread of the caller ended, not the caller */
        if (session->request->tty) {
                hang_up(session);
                return;
        }
        session->quit = EXIT_SIGNAL + SIGHUP;
        session_kill(session);
}

/* Ctrl-Z on the caller's terminal (without one of its own the command would not notice), or kill -TSTP. */
static void stop_and_continue(struct session *session)
{
        if (!session->request->tty)
                forward(session, SIGSTOP);
        terminal_restore(&session->terminal);
        (void)raise(SIGSTOP);
        if (session->request->tty && session->channel < 0)
                (void)terminal_raw(&session->terminal);
        forward(session, SIGCONT);
}

static void resize(struct session *session)
{
        const struct flow *out = &session->flows[FLOW_OUT];

        if (session->request->tty && out->open && terminal_read_size(&session->terminal))
                (void)ioctl(out->from.fd, TIOCSWINSZ, &session->terminal.size);
}

void session_drain(struct session *session)
{
        flow_close(&session->flows[FLOW_IN]);
        flow_drain(&session->flows[FLOW_OUT]);
        flow_drain(&session->flows[FLOW_ERR]);
}

/* Our children are the joiner, the watcher, and through CLONE_PARENT the command. */
static void reap(struct session *session)
{
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                if (pid == session->joiner)
                        session->joiner = 0;
                else if (pid == session->watch.pid)
                        session->watch.pid = 0;
                else {
                        session->ended = true;
                        session->status = status;
                        session_drain(session);
                }
        }
}

/* Who wants nothing left behind does not wait for what the command thinks of it. */
static void give_up_command(struct session *session)
{
        session_kill(session);
        session->quit = EXIT_SIGNAL + SIGTERM;
}

static void answer(struct session *session, int number)
{
        if (number == SIGCHLD)
                reap(session);
        else if (number == death_signal())
                caller_died(session);
        else if (number == SIGWINCH)
                resize(session);
        else if (number == SIGTSTP)
                stop_and_continue(session);
        else if (number == SIGHUP && session->request->tty)
                hang_up(session);
        else if (number == SIGTERM && session->request->sweep)
                give_up_command(session);
        else if (session->ended && number != SIGCONT)
                session->quit = EXIT_SIGNAL + number; /* only output that nobody takes is left */
        else
                forward(session, number);
}

void session_read_signals(struct session *session)
{
        struct signalfd_siginfo info;

        while (read(session->signals, &info, sizeof(info)) == sizeof(info))
                answer(session, (int)info.ssi_signo);
}
