#include "cleanup.h"
#include "health_check.h"
#include "signals.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORDS_FD = 3 };

void health_fail(int say, const char *format, ...)
{
        char reason[REASON_BYTES];
        va_list arguments;
        int length;

        va_start(arguments, format);
        length = vsnprintf(reason, sizeof(reason), format, arguments);
        va_end(arguments);
        if (length >= (int)sizeof(reason))
                length = sizeof(reason) - 1;
        _exit(length > 0 && write(say, reason, (size_t)length) == length ? 1 : 2);
}

static const char *argument_of(const struct plan *plan, const char *op)
{
        for (size_t i = 0; i < plan->count; i++)
                if (step_is(&plan->steps[i], op) && plan->steps[i].count > 0)
                        return plan->steps[i].args[0];
        return "";
}

static int put(int file, const char *word)
{
        size_t size = strlen(word) + 1;

        return write(file, word, size) == (ssize_t)size ? 0 : -1;
}

static int put_setting(int file, const char *key, const char *value)
{
        return put(file, "set") < 0 || put(file, key) < 0 || put(file, value) < 0 ? -1 : 0;
}

static int put_number(int file, const char *key, long long value)
{
        char text[24];

        (void)snprintf(text, sizeof(text), "%lld", value);
        return put_setting(file, key, text);
}

/* What vps-attach is told: native/attach/request.h. */
static int put_request(int file, const struct server *server, char **command)
{
        const char *cgroup = plan_setting(&server->plan, "cgroup");

        if (put(file, "vps-attach") < 0 || put(file, "1") < 0 || put_setting(file, "mode", "exec") < 0 ||
            put_setting(file, "name", server->name) < 0 ||
            put_setting(file, "cgroup", cgroup ? cgroup : "") < 0 ||
            put_setting(file, "caps", argument_of(&server->plan, "capabilities")) < 0 ||
            put_setting(file, "seccomp", argument_of(&server->plan, "seccomp")) < 0 ||
            put_number(file, "init-pid", server->init) < 0 ||
            put_number(file, "init-start", process_start(server->init)) < 0 ||
            put_number(file, "id-base", server->id_base) < 0 || put_setting(file, "sweep", "1") < 0)
                return -1;
        for (char **word = command; *word; word++)
                if (put(file, "arg") < 0 || put(file, *word) < 0)
                        return -1;
        return put(file, "end");
}

/* Nothing of what the command says is kept: an admin who wants to know runs it. */
static int take_streams(int words)
{
        int null = open("/dev/null", O_RDWR);

        for (int fd = 0; fd <= 2; fd++)
                if (dup2(null, fd) < 0)
                        return -1;
        return words == WORDS_FD ? fcntl(words, F_SETFD, 0) : dup2(words, WORDS_FD);
}

void health_exec(const struct server *server, int program, int say)
{
        static char *const name[] = {(char *)"vps-attach", NULL}, *const nothing[] = {NULL};
        _cleanup_free_ char **command = plan_list(&server->plan, "health-exec");
        int kept = fcntl(say, F_DUPFD_CLOEXEC, WORDS_FD + 1);
        int ready = program == WORDS_FD ? fcntl(program, F_DUPFD_CLOEXEC, WORDS_FD + 1) : program;
        int words = memfd_create("vps-attach", MFD_CLOEXEC);

        if (!command || kept < 0)
                health_fail(say, "there is no command to run");
        if (words < 0 || put_request(words, server, command) < 0 || take_streams(words) < 0)
                health_fail(kept, "cannot prepare the command: %s", strerror(errno));
        signals_reset();
        (void)execveat(ready, "", name, nothing, AT_EMPTY_PATH);
        health_fail(kept, "cannot run vps-attach: %s", strerror(errno));
}
