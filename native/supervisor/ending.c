/* Init has ended: what it means, what the restart policy says, and how the supervisor leaves. */
#include "boot.h"
#include "cgroup.h"
#include "cleanup.h"
#include "events.h"
#include "report.h"
#include "state.h"
#include "supervisor.h"
#include "syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { MILLISECOND_US = 1000, SECOND_US = 1000000 };

static bool was_reboot(int status)
{
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
}

static bool was_poweroff(int status)
{
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
}

/* reboot(2) in a pid namespace ends its init with SIGHUP (restart) or SIGINT (halt, power off); neither
 * signal could do so by itself, as pid 1 ignores what it does not handle. */
static void describe(char *text, int status)
{
        if (was_reboot(status))
                (void)snprintf(text, EXIT_BYTES, "rebooted");
        else if (was_poweroff(status))
                (void)snprintf(text, EXIT_BYTES, "poweroff");
        else if (WIFSIGNALED(status))
                (void)snprintf(text, EXIT_BYTES, "signaled %d", WTERMSIG(status));
        else
                (void)snprintf(text, EXIT_BYTES, "exited %d", WEXITSTATUS(status));
}

static bool has_failed(int status)
{
        return !was_reboot(status) && !was_poweroff(status) &&
               (WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

static bool policy_restarts(const struct plan *plan, int status)
{
        const char *policy = plan_setting(plan, "restart-policy");

        if (!policy || was_poweroff(status)) /* a guest's own wish to be off is respected, as vps stop is */
                return false;
        return strcmp(policy, "always") == 0 || (strcmp(policy, "on-failure") == 0 && has_failed(status));
}

/* Counts one more restart by policy; false when the window has had its fill. */
static bool may_restart(struct supervisor *supervisor)
{
        struct restarts *restarts = &supervisor->restarts;
        int64_t window_us = plan_number(&supervisor->server.plan, "restart-window", 600000) * 1000;
        int64_t now = now_us();

        if (restarts->window_begin == 0 || now - restarts->window_begin > window_us) {
                restarts->window_begin = now;
                restarts->count = 0;
        }
        return restarts->count++ < plan_number(&supervisor->server.plan, "restart-max", 5);
}

/* Twice as long after each restart of the window. */
static int64_t back_off(const struct supervisor *supervisor)
{
        const struct plan *plan = &supervisor->server.plan;
        int64_t delay_ms = plan_number(plan, "restart-delay", 100);
        int64_t longest_ms = plan_number(plan, "restart-max-delay", 10000);

        for (int i = 1; i < supervisor->restarts.count && delay_ms < longest_ms; i++)
                delay_ms *= 2;
        return (delay_ms < longest_ms ? delay_ms : longest_ms) * MILLISECOND_US;
}

static void schedule(struct supervisor *supervisor, int64_t delay_us)
{
        supervisor->restarts.due = now_us() + delay_us;
        supervisor->server.ready = false;
        state_change(&supervisor->server, STATE_RESTARTING);
        event_write(&supervisor->server, "restarting", "\"exit\":\"%s\",\"delayMs\":%lld", supervisor->exit,
                    (long long)delay_us / MILLISECOND_US);
}

static void finish(struct supervisor *supervisor)
{
        supervisor->finished = true;
}

/* It ends by itself and for good: nobody wants it up any more, so the next boot of the host does not start it
 * (src/server/wanted.ts). Whoever has it stopped says so himself. */
static void finish_unasked(struct supervisor *supervisor)
{
        (void)unlinkat(supervisor->server.storage_dir, "up", 0); /* it may not be there */
        finish(supervisor);
}

static long most_restarts(const struct supervisor *supervisor)
{
        return plan_number(&supervisor->server.plan, "restart-max", 5);
}

static void say_gave_up(struct supervisor *supervisor, const char *why)
{
        event_write(&supervisor->server, "gave-up", "\"exit\":\"%s\",\"restarts\":%ld", why,
                    most_restarts(supervisor));
        hook_run(supervisor, "gave-up", why);
}

static void give_up(struct supervisor *supervisor)
{
        state_write_exit(&supervisor->server, supervisor->exit, (int)most_restarts(supervisor));
        say_gave_up(supervisor, supervisor->exit);
        finish_unasked(supervisor);
}

/* A guest's reboot is its own wish and needs no policy; one that reboots as soon as it is up is slowed down.
 */
static void decide(struct supervisor *supervisor, int status)
{
        if (supervisor->stop.active) {
                if (supervisor->stop.then_restart)
                        schedule(supervisor, supervisor->stop.delay_us);
                else
                        finish(supervisor);
        } else if (was_reboot(status)) {
                schedule(supervisor, time(NULL) - supervisor->server.since < 1 ? SECOND_US : 0);
        } else if (!policy_restarts(&supervisor->server.plan, status)) {
                if (has_failed(status))
                        hook_run(supervisor, "failed", supervisor->exit);
                finish_unasked(supervisor);
        } else if (may_restart(supervisor)) {
                if (has_failed(status))
                        hook_run(supervisor, "failed", supervisor->exit);
                schedule(supervisor, back_off(supervisor));
        } else {
                give_up(supervisor);
        }
}

void init_ended(struct supervisor *supervisor, int status)
{
        struct server *server = &supervisor->server;

        console_output(supervisor);
        server->init = 0;
        close_fd(&server->init_pidfd);
        cgroup_kill_guests(server); /* what was attached from outside has lost its namespaces */
        describe(supervisor->exit, status);
        state_write_exit(server, supervisor->exit, 0);
        event_write(server, "stopped", "\"exit\":\"%s\",\"asked\":%s", supervisor->exit,
                    supervisor->stop.active ? "true" : "false");
        health_ended(supervisor);
        decide(supervisor, status);
        supervisor->stop = (struct stop){0};
        if (!supervisor->finished) /* else leave() does */
                accounting_ended(&supervisor->accounting, server);
}

/* The place in the YAML and the cause go to the log, where an admin looks for a server that did not come
 * back. */
static void log_fault(struct supervisor *supervisor, const char *what, const struct fault *fault)
{
        const struct step *step = fault->step >= 0 ? &supervisor->server.plan.steps[fault->step] : NULL;
        char line[1400];
        int length =
                snprintf(line, sizeof(line), "vps: %s: %s%s%s: %s: %s\r\n", what, step ? step->origin : "",
                         step && *step->origin ? ": " : "", fault->path, fault->call, strerror(fault->error));

        log_append(&supervisor->log, line, length < (int)sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

static void say_failed(struct supervisor *supervisor, const struct fault *fault)
{
        const struct step *step = fault->step >= 0 ? &supervisor->server.plan.steps[fault->step] : NULL;

        log_fault(supervisor, "restart failed", fault);
        (void)snprintf(supervisor->exit, EXIT_BYTES, "failed %s %d", step ? step->op->name : fault->call,
                       fault->error);
        state_write_exit(&supervisor->server, supervisor->exit, 0);
        event_write(&supervisor->server, "failed", "\"reason\":\"%s\"", supervisor->exit);
        hook_run(supervisor, "failed", supervisor->exit);
}

void restart_unhealthy(struct supervisor *supervisor)
{
        int64_t timeout_us = plan_number(&supervisor->server.plan, "stop-timeout", 30000) * MILLISECOND_US;

        if (supervisor->stop.active)
                return;
        if (may_restart(supervisor)) {
                supervisor->restarts.gave_up = false;
                stop_begin(supervisor, timeout_us, 0, true);
                supervisor->stop.delay_us = back_off(supervisor);
        } else if (!supervisor->restarts.gave_up) {
                supervisor->restarts.gave_up = true;
                say_gave_up(supervisor, "unhealthy");
        }
}

void restart_tick(struct supervisor *supervisor)
{
        struct server *server = &supervisor->server;
        struct fault fault = {.step = -1};
        char line[64];

        if (supervisor->restarts.due == 0 || now_us() < supervisor->restarts.due)
                return;
        supervisor->restarts.due = 0;
        server->restarts++;
        if (cgroup_renew_payload(server, &fault) < 0 || boot(server, -1, &fault) < 0) {
                say_failed(supervisor, &fault);
                finish_unasked(supervisor);
                return;
        }
        supervisor_started(supervisor);
        (void)snprintf(line, sizeof(line), "running\t%d\n", server->init);
        control_tell(supervisor, CLIENT_WAIT_RUNNING, line, false);
}

static void empty_directory(int dir)
{
        DIR *entries = fdopendir(dup(dir));
        struct dirent *entry;

        if (!entries)
                return;
        while ((entry = readdir(entries)))
                if (entry->d_type == DT_DIR)
                        (void)unlinkat(dir, entry->d_name, AT_REMOVEDIR);
                else
                        (void)unlinkat(dir, entry->d_name, 0);
        (void)closedir(entries);
}

/* While the server's namespace is still held: the kernel takes its time for one that nobody has, and whoever
 * removes a link meanwhile waits for it. */
static void lower_network(struct supervisor *supervisor)
{
        struct server *server = &supervisor->server;
        struct fault fault = {.step = -1};

        if (server->network.up && network_lower(&server->network, &server->plan, server->net_ns, &fault) < 0)
                log_fault(supervisor, "the network is not wholly undone", &fault);
}

/* Situation: the last child, born in the host's root cgroup, as a cgroup can't be removed by one who is in
 * it. It holds copies of the clients' sockets: they see the end of file when nothing is left. */
static void clean_up(struct supervisor *supervisor, int parent)
{
        struct server *server = &supervisor->server;
        struct pollfd dead = {.fd = parent, .events = POLLIN};
        const char *cgroup = plan_setting(&server->plan, "cgroup");
        const char *run_dir = plan_setting(&server->plan, "run-dir");

        lower_network(supervisor);
        while (poll(&dead, 1, -1) < 0 && errno == EINTR)
                ;
        cgroup_remove(server);
        if (supervisor->health.checker > 0) /* it is just ending in there */
                (void)cgroup_remove_patiently(server->cgroup, "supervisor");
        else
                (void)unlinkat(server->cgroup, "supervisor", AT_REMOVEDIR);
        if (cgroup && plan_number(&server->plan, "await-scope", 0) == 0) /* a scope is systemd's to remove */
                (void)rmdir(cgroup);
        empty_directory(server->run_dir);
        if (run_dir)
                (void)rmdir(run_dir);
        _exit(0);
}

/* Where the root cgroup takes nobody, the helper stays in the supervisor's, which the next verb then removes.
 */
void leave(struct supervisor *supervisor)
{
        struct server *server = &supervisor->server;
        const char *top = plan_setting(&server->plan, "cgroup-root");
        _cleanup_fd_ int self = sys_pidfd_open(getpid());
        _cleanup_fd_ int root = top ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        pid_t helper;

        accounting_close(&supervisor->accounting, server);
        helper = sys_clone3(0, SIGCHLD, root);
        if (helper < 0)
                helper = fork();
        if (helper == 0)
                clean_up(supervisor, self);
}
