/* Stopping: init is asked in the way it understands, once it listens; when its time is over, everything is
 * killed. */
#include "cleanup.h"
#include "state.h"
#include "supervisor.h"
#include "syscalls.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool read_proc(pid_t pid, const char *file, char *text, size_t size)
{
        char path[64];
        _cleanup_fd_ int fd = -1;
        ssize_t got;

        (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        got = fd < 0 ? -1 : read(fd, text, size - 1);
        if (got <= 0)
                return false;
        text[got] = '\0';
        return true;
}

static bool mask_has(const char *status, const char *name, int signal)
{
        const char *mask = strstr(status, name);

        return mask && strtoull(mask + strlen(name), NULL, 16) & 1ULL << (signal - 1);
}

/* Whether init has a handler for the signal, blocks it to read it from a signalfd, or sits in sigwaitinfo(2),
 * during which the kernel shows it as not blocked. A signal that comes earlier is lost: the kernel drops what
 * pid 1 does not handle. proc_pid_status(5): SigBlk, SigCgt; proc_pid_syscall(5). */
static bool init_listens(pid_t init, int signal)
{
        char text[4096];

        if (read_proc(init, "status", text, sizeof(text)) &&
            (mask_has(text, "SigBlk:", signal) || mask_has(text, "SigCgt:", signal)))
                return true;
        return read_proc(init, "syscall", text, sizeof(text)) &&
               strtol(text, NULL, 10) == SYS_rt_sigtimedwait;
}

/* A paused server can't hear: whoever paused it froze the payload (src/server/freeze.ts). */
static void thaw(const struct server *server)
{
        _cleanup_fd_ int freeze = openat(server->payload, "cgroup.freeze", O_WRONLY | O_CLOEXEC);

        if (freeze >= 0)
                (void)!write(freeze, "0", 1);
}

void stop_begin(struct supervisor *supervisor, int64_t timeout_us, int signal, bool then_restart)
{
        struct server *server = &supervisor->server;
        int64_t deadline = now_us() + timeout_us;

        supervisor->restarts.due = 0;
        if (supervisor->stop.active) { /* a second stop may only make it sooner, and final */
                if (deadline < supervisor->stop.deadline)
                        supervisor->stop.deadline = deadline;
                if (!then_restart) /* who wants it off wins over whoever wanted it on again */
                        supervisor->stop.then_restart = false;
                return;
        }
        supervisor->stop = (struct stop){
                .active = true,
                .then_restart = then_restart,
                .signal = signal ? signal : (int)plan_number(&server->plan, "stop-signal", SIGTERM),
                .deadline = deadline,
        };
        if (server->init <= 0) { /* between two restarts: there is no init to ask */
                supervisor->stop.active = false;
                supervisor->finished = !then_restart;
                supervisor->restarts.due = then_restart ? now_us() : 0;
                return;
        }
        state_change(server, STATE_STOPPING);
        thaw(server);
        stop_tick(supervisor);
}

void stop_kill(struct supervisor *supervisor)
{
        if (!supervisor->stop.active)
                stop_begin(supervisor, 0, 0, false);
        else
                supervisor->stop.deadline = 0;
        stop_tick(supervisor);
}

/* Pid 1's death is everybody's, those of attached commands included: pid_namespaces(7). */
static void kill_all(struct supervisor *supervisor)
{
        supervisor->stop.killed = true;
        (void)sys_pidfd_send_signal(supervisor->server.init_pidfd, SIGKILL);
}

void stop_tick(struct supervisor *supervisor)
{
        struct stop *stop = &supervisor->stop;
        struct server *server = &supervisor->server;
        int64_t now = now_us();

        if (!stop->active || stop->killed || server->init <= 0)
                return;
        if (now >= stop->deadline) {
                kill_all(supervisor);
                return;
        }
        if (stop->sent || now < stop->next_try)
                return;
        if (init_listens(server->init, stop->signal))
                stop->sent = sys_pidfd_send_signal(server->init_pidfd, stop->signal) == 0;
        /* An init that listens does so within milliseconds; one that never will is looked at less and less.
         */
        stop->next_try = now + (stop->tries < 100 ? 5000 : 100000);
        stop->tries++;
}
