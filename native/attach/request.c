#include "request.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, FLAG, NUMBER, PID, ID, START };

static const struct {
        const char *key;
        enum kind kind;
        size_t offset;
} keys[] = {
        {"name", TEXT, offsetof(struct request, name)},
        {"mode", TEXT, offsetof(struct request, mode)},
        {"cgroup", TEXT, offsetof(struct request, cgroup)},
        {"user", TEXT, offsetof(struct request, user)},
        {"cwd", TEXT, offsetof(struct request, cwd)},
        {"caps", TEXT, offsetof(struct request, caps)},
        {"seccomp", TEXT, offsetof(struct request, seccomp)},
        {"socket", TEXT, offsetof(struct request, socket)},
        {"init-pid", PID, offsetof(struct request, init)},
        {"init-start", START, offsetof(struct request, init_start)},
        {"tty", FLAG, offsetof(struct request, tty)},
        {"login", FLAG, offsetof(struct request, login)},
        {"sweep", FLAG, offsetof(struct request, sweep)},
        {"nohup", FLAG, offsetof(struct request, ignore_hangup)},
        {"as-signalled", FLAG, offsetof(struct request, as_signalled)},
        {"script", NUMBER, offsetof(struct request, script)},
        {"escape", NUMBER, offsetof(struct request, escape)},
        {"id-base", ID, offsetof(struct request, id_base)},
};

static int parse_number(const char *text, long long limit, long long *value)
{
        char *end;

        errno = 0;
        *value = strtoll(text, &end, 10);
        return errno || end == text || *end || *value < 0 || *value > limit ? -EBADMSG : 0;
}

static int set_value(struct request *request, enum kind kind, size_t offset, const char *text)
{
        void *field = (char *)request + offset;
        static const long long limits[] = {
                [FLAG] = 1, [NUMBER] = 255, [PID] = 1 << 30, [ID] = UINT32_MAX - 1, [START] = INT64_MAX};
        long long value = 0;

        if (kind == TEXT) {
                *(const char **)field = text;
                return 0;
        }
        if (parse_number(text, limits[kind], &value) < 0)
                return -EBADMSG;
        if (kind == FLAG)
                *(bool *)field = value == 1;
        else if (kind == NUMBER)
                *(int *)field = (int)value;
        else if (kind == PID)
                *(pid_t *)field = (pid_t)value;
        else if (kind == ID)
                *(uid_t *)field = (uid_t)value;
        else
                *(long long *)field = value;
        return 0;
}

static int set_key(struct request *request, const char *key, const char *value)
{
        if (!key || !value)
                return -EBADMSG;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(keys[i].key, key) == 0)
                        return set_value(request, keys[i].kind, keys[i].offset, value);
        return -EBADMSG;
}

/* env and arg words are collected in the order they come; both lists were sized for all words there are. */
static int read_words(struct request *request)
{
        size_t envs = 0;
        size_t args = 0;
        const char *verb;

        while ((verb = words_next(&request->words))) {
                char *word;

                if (strcmp(verb, "end") == 0)
                        return words_next(&request->words) ? -EBADMSG : 0;
                word = words_next(&request->words);
                if (!word)
                        return -EBADMSG;
                if (strcmp(verb, "set") == 0) {
                        if (set_key(request, word, words_next(&request->words)) < 0)
                                return -EBADMSG;
                } else if (strcmp(verb, "env") == 0 && strchr(word, '=') && word[0] != '=') {
                        request->env[envs++] = word;
                } else if (strcmp(verb, "arg") == 0) {
                        request->argv[args++] = word;
                } else {
                        return -EBADMSG;
                }
        }
        return -EBADMSG; /* cut off: no end */
}

static bool has_argument(const struct request *request, int index)
{
        for (int i = 0; i <= index; i++)
                if (!request->argv[i])
                        return false;
        return true;
}

/* What each mode can't do without. */
static int check(const struct request *request)
{
        if (request->script && !has_argument(request, request->script))
                return -EBADMSG;
        if (strcmp(request->mode, "console") == 0)
                return request->socket[0] ? 0 : -EBADMSG;
        if (strcmp(request->mode, "exec") != 0)
                return -EBADMSG;
        return request->init > 1 && request->init_start > 0 && request->id_base && request->caps ? 0
                                                                                                 : -EBADMSG;
}

static int read_all(int fd, struct request *request)
{
        const char *magic;
        const char *version;
        int error = words_read(fd, &request->words);

        if (error)
                return error;
        request->env = calloc(request->words.count + 1, sizeof(char *));
        request->argv = calloc(request->words.count + 1, sizeof(char *));
        if (!request->env || !request->argv)
                return -ENOMEM;
        magic = words_next(&request->words);
        version = words_next(&request->words);
        if (!magic || !version || strcmp(magic, "vps-attach") != 0 || strcmp(version, "1") != 0)
                return -EBADMSG;
        error = read_words(request);
        return error ? error : check(request);
}

int request_read(int fd, struct request *request)
{
        int error;

        *request = (struct request){
                .name = "?",
                .mode = "exec",
                .cgroup = "",
                .user = "root",
                .cwd = "",
                .seccomp = "",
                .socket = "",
                .escape = 29, /* Ctrl-] */
        };
        error = read_all(fd, request);
        if (error)
                request_free(request);
        return error;
}

void request_free(struct request *request)
{
        free(request->env);
        free(request->argv);
        words_free(&request->words);
        request->env = NULL;
        request->argv = NULL;
}
