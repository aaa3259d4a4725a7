#include "hook.h"

#include "calendar.h"
#include "cleanup.h"
#include "events.h"
#include "fds.h"
#include "files.h"
#include "signals.h"
#include "supervisor.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
        MILLISECOND_US = 1000,
        LOG_BYTES = 256 * 1024,
        OUTPUT_BYTES = 64 * 1024, /* of one run */
        FACT_BYTES = 256,
        FACTS_BYTES = 16 * 1024,
        FACTS = 8,
};

/* One run, as its minder sees it. */
struct run {
        const struct supervisor *supervisor;
        const char *event;
        const char *reason;
        char **words;
        int log;
        int output; /* the end of a pipe: what the hook says */
        size_t said;
};

static const char *text_of(const struct supervisor *supervisor, const char *key)
{
        const char *text = plan_setting(&supervisor->server.plan, key);

        return text ? text : "";
}

/* Names, ids and how init ended need no quoting in JSON; reasons are made so (health.c). */
static int facts_text(const struct run *run, const char *further, char *text)
{
        const struct supervisor *supervisor = run->supervisor;

        return snprintf(
                text, FACTS_BYTES,
                "{\"hook\":\"onFailure\",\"event\":\"%s\",\"name\":\"%s\",\"uuid\":\"%s\",\"reason\":\"%s\","
                "\"exit\":\"%s\",\"restarts\":%d%s%s}\n",
                run->event, supervisor->server.name, text_of(supervisor, "uuid"), run->reason,
                supervisor->exit, supervisor->server.restarts, *further ? "," : "", further);
}

static int open_facts(const struct run *run)
{
        char text[FACTS_BYTES];
        int length = facts_text(run, text_of(run->supervisor, "hook-facts"), text);
        int file = memfd_create("vps-hook", MFD_CLOEXEC);

        if (length >= FACTS_BYTES)
                length = facts_text(run, "", text);
        if (file < 0 || file_write_all(file, text, (size_t)length) < 0 || lseek(file, 0, SEEK_SET) < 0)
                return -1;
        return file;
}

static char **make_environment(const struct run *run)
{
        const struct supervisor *supervisor = run->supervisor;
        static char facts[FACTS][FACT_BYTES];
        char **given = plan_list(&supervisor->server.plan, "hook-env"), **environment;
        size_t count = 0;

        while (given && given[count])
                count++;
        environment = calloc(count + FACTS + 1, sizeof(*environment));
        if (!environment)
                return NULL;
        (void)snprintf(facts[0], FACT_BYTES,
                       "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        (void)snprintf(facts[1], FACT_BYTES, "VPS_NAME=%s", supervisor->server.name);
        (void)snprintf(facts[2], FACT_BYTES, "VPS_UUID=%s", text_of(supervisor, "uuid"));
        (void)snprintf(facts[3], FACT_BYTES, "VPS_EVENT=%s", run->event);
        (void)snprintf(facts[4], FACT_BYTES, "VPS_REASON=%s", run->reason);
        (void)snprintf(facts[5], FACT_BYTES, "VPS_EXIT=%s", supervisor->exit);
        (void)snprintf(facts[6], FACT_BYTES, "VPS_RESTARTS=%d", supervisor->server.restarts);
        (void)snprintf(facts[7], FACT_BYTES, "VPS_HOOK=onFailure");
        for (size_t i = 0; i < FACTS; i++)
                environment[i] = facts[i];
        for (size_t i = 0; i < count; i++)
                environment[FACTS + i] = given[i];
        free(given);
        return environment;
}

/* Situation: the hook itself, in a session of its own, root of the host as its supervisor is. */
static _Noreturn void become_hook(const struct run *run, int facts, int output)
{
        char **environment = make_environment(run);

        if (!environment || setsid() < 0 || dup2(facts, STDIN_FILENO) < 0 ||
            dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 ||
            close_range(STDERR_FILENO + 1, ~0U, 0) < 0 || chdir("/") < 0)
                _exit(127);
        (void)umask(022);
        signals_reset();
        (void)execvpe(run->words[0], run->words, environment);
        (void)dprintf(STDERR_FILENO, "%s: %s\n", run->words[0], strerror(errno));
        _exit(127);
}

static void log_text(const struct run *run, const char *text)
{
        (void)file_write_all(run->log, text, strlen(text));
}

static void log_heading(const struct run *run)
{
        struct date date = calendar_date(time(NULL));
        int of_day = (int)(time(NULL) % 86400);
        char text[512];

        (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ onFailure, %s (%s): %.128s\n",
                       date.year, date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60,
                       run->event, run->reason, run->words[0]);
        log_text(run, text);
}

/* What is there to read; no more than that, as a daemon of the hook's may keep the pipe open. */
static void relay(struct run *run)
{
        char text[4096];
        ssize_t got;

        while ((got = read(run->output, text, sizeof(text))) > 0) {
                if (run->said + (size_t)got <= OUTPUT_BYTES)
                        (void)file_write_all(run->log, text, (size_t)got);
                run->said += (size_t)got;
        }
        if (got == 0)
                close_fd(&run->output);
}

/* Until it ends or its time is over. False: then it was killed. */
static bool attend(struct run *run, pid_t hook, int64_t deadline)
{
        _cleanup_fd_ int ended = sys_pidfd_open(hook);
        int64_t left_us;

        while ((left_us = deadline - now_us()) > 0) {
                struct pollfd polled[] = {{.fd = ended, .events = POLLIN},
                                          {.fd = run->output, .events = POLLIN}};

                if (poll(polled, 2, (int)(left_us / MILLISECOND_US) + 1) > 0 && polled[1].revents)
                        relay(run);
                if (polled[0].revents)
                        return true;
        }
        (void)kill(-hook, SIGKILL);
        (void)kill(hook, SIGKILL);
        return false;
}

static void report(const struct run *run, bool in_time, int status)
{
        char how[64];

        if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return;
        if (!in_time)
                (void)snprintf(how, sizeof(how), "killed: its time was over");
        else if (WIFEXITED(status))
                (void)snprintf(how, sizeof(how), "exited %d", WEXITSTATUS(status));
        else
                (void)snprintf(how, sizeof(how), "signaled %d", WTERMSIG(status));
        log_text(run, how);
        log_text(run, "\n");
        event_write(&run->supervisor->server, "hook-failed", "\"hook\":\"onFailure\",\"reason\":\"%s\"", how);
}

static void execute(struct run *run)
{
        long timeout_ms = plan_number(&run->supervisor->server.plan, "hook-timeout", 30000);
        int ends[2], status = 0, facts = open_facts(run);
        bool in_time;
        pid_t hook;

        if (facts < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return;
        hook = fork();
        if (hook == 0)
                become_hook(run, facts, ends[1]);
        (void)close(ends[1]);
        (void)close(facts);
        run->output = ends[0];
        if (hook < 0 || fcntl(run->output, F_SETFL, O_NONBLOCK) < 0)
                return;
        in_time = attend(run, hook, now_us() + (int64_t)timeout_ms * MILLISECOND_US);
        while (waitpid(hook, &status, 0) < 0 && errno == EINTR)
                ;
        if (run->output >= 0)
                relay(run);
        report(run, in_time, status);
}

static int open_hook_log(int dir)
{
        const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
        int log = openat(dir, "hooks.log", flags, 0600);
        struct stat st;

        if (log < 0 || fstat(log, &st) < 0 || st.st_size < LOG_BYTES)
                return log;
        close_fd(&log);
        (void)renameat(dir, "hooks.log", dir, "hooks.log.1");
        return openat(dir, "hooks.log", flags, 0600);
}

/* Situation: the minder, a child of the supervisor that may outlive it. Of what it has inherited it keeps the
 * plan; the descriptors it must not, or the server would seem to be running. */
static _Noreturn void mind(struct run *run)
{
        int dir = openat(run->supervisor->log.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int keep[] = {0, 1, 2, dir};

        for (int fd = 0; fd <= 2; fd++)
                if (dup2(null, fd) < 0)
                        _exit(1);
        if (dir < 0 || close_all_but(keep, sizeof(keep) / sizeof(keep[0])) < 0 || setsid() < 0)
                _exit(1);
        (void)prctl(PR_SET_NAME, "vps-hook");
        signals_block_all();
        if (flock(dir, LOCK_EX) < 0)
                _exit(1);
        run->log = open_hook_log(dir);
        if (run->log < 0)
                _exit(1);
        log_heading(run);
        execute(run);
        _exit(0);
}

/* The last place is kept for the news that there will be no more. */
static pid_t *free_place(struct hooks *hooks, bool last)
{
        for (int i = 0; i < (last ? MOST_MINDERS : MOST_MINDERS - 1); i++)
                if (hooks->minders[i] == 0)
                        return &hooks->minders[i];
        return NULL;
}

void hook_run(struct supervisor *supervisor, const char *event, const char *reason)
{
        _cleanup_free_ char **words = plan_list(&supervisor->server.plan, "hook-failure");
        pid_t *place = words ? free_place(&supervisor->hooks, strcmp(event, "gave-up") == 0) : NULL;
        struct run run = {.supervisor = supervisor, .event = event, .reason = reason, .words = words};
        const char *top = plan_setting(&supervisor->server.plan, "cgroup-root");
        _cleanup_fd_ int root = place && top ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        pid_t minder;

        if (!place)
                return;
        minder = sys_clone3(0, SIGCHLD, root);
        if (minder < 0)
                minder = fork();
        if (minder == 0)
                mind(&run);
        *place = minder < 0 ? 0 : minder;
}

bool hook_reaped(struct supervisor *supervisor, pid_t pid)
{
        for (int i = 0; i < MOST_MINDERS; i++)
                if (supervisor->hooks.minders[i] == pid) {
                        supervisor->hooks.minders[i] = 0;
                        return true;
                }
        return false;
}
