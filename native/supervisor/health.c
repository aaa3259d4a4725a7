#include "health.h"

#include "cleanup.h"
#include "events.h"
#include "files.h"
#include "health_check.h"
#include "hook.h"
#include "state.h"
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
        MILLISECOND_US = 1000,
        FIRST_PAUSE_US = 100 * MILLISECOND_US,
        KILL_PATIENCE_US = 1000 * MILLISECOND_US,
        SHORTEST_MS = 100,
        MOST_KILLS = 2,
};

static const char *kind_of(const struct server *server)
{
        const char *kind = plan_setting(&server->plan, "health");

        return kind ? kind : "";
}

static int64_t setting_us(const struct server *server, const char *key, long fallback_ms, long least_ms)
{
        long value = plan_number(&server->plan, key, fallback_ms);

        return (int64_t)(value < least_ms ? least_ms : value) * MILLISECOND_US;
}

static int64_t interval_us(const struct server *server)
{
        return setting_us(server, "health-interval", 10000, SHORTEST_MS);
}

static void judge(struct supervisor *supervisor, enum health_state state, const char *reason)
{
        struct verdict *verdict = &supervisor->server.health;

        if (verdict->state != state)
                verdict->since = time(NULL);
        verdict->state = state;
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
}

void health_configure(struct supervisor *supervisor)
{
        struct server *server = &supervisor->server;
        struct health *health = &supervisor->health;
        const char *program = plan_setting(&server->plan, "attach-program");
        bool checked = *kind_of(server) != '\0';

        if (health->checker > 0) { /* what it finds is no longer asked for */
                health->outdated = true;
                health->deadline = now_us();
        }
        close_fd(&health->program);
        if (strcmp(kind_of(server), "exec") == 0 && program)
                health->program = open(program, O_PATH | O_CLOEXEC);
        if (checked == (server->health.state != HEALTH_UNCHECKED)) {
                if (checked)
                        health->next = now_us();
                return;
        }
        judge(supervisor, checked ? HEALTH_STARTING : HEALTH_UNCHECKED, "");
        if (server->state == STATE_RUNNING) {
                health_started(supervisor);
                state_write(server);
                supervisor_settle_up(supervisor);
        }
}

void health_started(struct supervisor *supervisor)
{
        struct health *health = &supervisor->health;

        if (supervisor->server.health.state == HEALTH_UNCHECKED)
                return;
        judge(supervisor, HEALTH_STARTING, "");
        health->begun = now_us();
        health->failures = 0;
        health->pause_us = FIRST_PAUSE_US;
        health->next = health->begun + health->pause_us;
}

/* A command in the server dies with it. */
void health_ended(struct supervisor *supervisor)
{
        struct health *health = &supervisor->health;

        health->outdated = health->checker > 0;
        if (supervisor->server.health.state != HEALTH_UNCHECKED)
                judge(supervisor, HEALTH_STARTING, "");
}

static bool is_checked(const struct supervisor *supervisor)
{
        const struct server *server = &supervisor->server;

        return server->health.state != HEALTH_UNCHECKED && server->state == STATE_RUNNING && server->init > 0;
}

int64_t health_due(const struct supervisor *supervisor)
{
        const struct health *health = &supervisor->health;

        if (health->checker > 0)
                return health->kills < MOST_KILLS ? health->deadline : 0;
        return is_checked(supervisor) ? health->next : 0;
}

static bool is_paused(const struct server *server)
{
        char text[8];

        return file_read(server->payload, "cgroup.freeze", text, sizeof(text)) > 0 && text[0] == '1';
}

static void passed(struct supervisor *supervisor)
{
        struct health *health = &supervisor->health;
        struct server *server = &supervisor->server;

        health->failures = 0;
        supervisor->restarts.gave_up = false;
        if (server->health.state == HEALTH_HEALTHY && server->health.reason[0] == '\0')
                return;
        if (server->health.state == HEALTH_HEALTHY) { /* a failure that did not last */
                judge(supervisor, HEALTH_HEALTHY, "");
                state_write(server);
                return;
        }
        judge(supervisor, HEALTH_HEALTHY, "");
        state_write(server);
        event_write(server, "healthy", "\"afterMs\":%lld",
                    (long long)(now_us() - health->begun) / MILLISECOND_US);
        supervisor_settle_up(supervisor);
}

/* The slowest check that is no news is one a pause: a server that comes up is looked at often at first. */
static void plan_next(struct supervisor *supervisor)
{
        struct health *health = &supervisor->health;
        int64_t interval = interval_us(&supervisor->server);

        if (supervisor->server.health.state != HEALTH_STARTING || health->pause_us > interval)
                health->pause_us = interval;
        health->next = now_us() + health->pause_us;
        if (supervisor->server.health.state == HEALTH_STARTING)
                health->pause_us *= 2;
}

static void act(struct supervisor *supervisor)
{
        const char *action = plan_setting(&supervisor->server.plan, "health-action");

        if (action && strcmp(action, "restart") == 0)
                restart_unhealthy(supervisor);
}

static void failed(struct supervisor *supervisor, const char *reason)
{
        struct health *health = &supervisor->health;
        struct server *server = &supervisor->server;
        int64_t grace_us = setting_us(server, "health-grace", 0, 0);
        bool fresh = strcmp(server->health.reason, reason) != 0;

        if (server->health.state != HEALTH_STARTING || now_us() >= health->begun + grace_us)
                health->failures++;
        if (health->failures < plan_number(&server->plan, "health-retries", 3)) {
                judge(supervisor, server->health.state, reason);
                if (fresh)
                        state_write(server);
                return;
        }
        if (server->health.state != HEALTH_UNHEALTHY) {
                judge(supervisor, HEALTH_UNHEALTHY, reason);
                state_write(server);
                event_write(server, "unhealthy", "\"reason\":\"%s\",\"failures\":%d", reason,
                            health->failures);
                hook_run(supervisor, "unhealthy", reason);
        } else if (fresh) {
                judge(supervisor, HEALTH_UNHEALTHY, reason);
                state_write(server);
        }
        act(supervisor);
}

static _Noreturn void check(const struct supervisor *supervisor, int say)
{
        const struct server *server = &supervisor->server;

        if (strcmp(kind_of(server), "exec") == 0)
                health_exec(server, supervisor->health.program, say);
        health_connect(server, say);
}

static void begin(struct supervisor *supervisor)
{
        struct health *health = &supervisor->health;
        int ends[2];

        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
                failed(supervisor, "no descriptor is left to check it");
                plan_next(supervisor);
                return;
        }
        health->checker = fork();
        if (health->checker == 0)
                check(supervisor, ends[1]);
        (void)close(ends[1]);
        if (health->checker < 0) {
                (void)close(ends[0]);
                failed(supervisor, "no process is left to check it");
                plan_next(supervisor);
                return;
        }
        health->said = ends[0];
        health->kills = 0;
        health->outdated = false;
        health->deadline = now_us() + setting_us(&supervisor->server, "health-timeout", 5000, SHORTEST_MS);
}

/* vps-attach takes SIGTERM for what it is, kills all of the command's and reaps it. */
static void end_checker(struct supervisor *supervisor)
{
        struct health *health = &supervisor->health;
        bool is_command = strcmp(kind_of(&supervisor->server), "exec") == 0;

        (void)kill(health->checker, is_command && health->kills == 0 ? SIGTERM : SIGKILL);
        health->kills++;
        health->deadline = now_us() + KILL_PATIENCE_US;
}

void health_tick(struct supervisor *supervisor)
{
        struct health *health = &supervisor->health;
        int64_t due = health_due(supervisor);

        if (due == 0 || now_us() < due)
                return;
        if (health->checker > 0) {
                end_checker(supervisor);
        } else if (is_paused(&supervisor->server)) {
                health->next = now_us() + interval_us(&supervisor->server);
        } else {
                begin(supervisor);
        }
}

/* Into the state file, into events: what a checker says is made harmless. */
static void plain(char *text)
{
        for (; *text; text++)
                if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
                        *text = '?';
}

/* Exit statuses from 125 on are vps-attach's: native/attach/say.h. */
static void reason_of(const struct supervisor *supervisor, int status, char *reason)
{
        const struct health *health = &supervisor->health;
        ssize_t got = read(health->said, reason, REASON_BYTES - 1);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

        reason[got > 0 ? got : 0] = '\0';
        if (health->kills > 0)
                (void)snprintf(
                        reason, REASON_BYTES, "no answer within %lld ms",
                        (long long)(setting_us(&supervisor->server, "health-timeout", 5000, SHORTEST_MS) /
                                    MILLISECOND_US));
        else if (got > 0)
                plain(reason);
        else if (code == 125)
                (void)snprintf(reason, REASON_BYTES, "the server can't be entered");
        else if (code == 126 || code == 127)
                (void)snprintf(reason, REASON_BYTES, "the command can't be run: status %d", code);
        else if (code >= 0)
                (void)snprintf(reason, REASON_BYTES, "exited %d", code);
        else
                (void)snprintf(reason, REASON_BYTES, "killed by signal %d", WTERMSIG(status));
}

bool health_reaped(struct supervisor *supervisor, pid_t pid, int status)
{
        struct health *health = &supervisor->health;
        char reason[REASON_BYTES];

        if (health->checker <= 0 || pid != health->checker)
                return false;
        reason_of(supervisor, status, reason);
        close_fd(&health->said);
        health->checker = 0;
        if (health->outdated || !is_checked(supervisor))
                return true;
        if (is_paused(&supervisor->server)) { /* it was paused under the check */
                health->next = now_us() + interval_us(&supervisor->server);
                return true;
        }
        if (health->kills == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
                passed(supervisor);
        else
                failed(supervisor, reason);
        plan_next(supervisor);
        return true;
}
