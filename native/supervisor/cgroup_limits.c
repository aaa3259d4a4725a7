#include "cgroup_limits.h"

#include "cgroup.h"
#include "cleanup.h"
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_US = 5000000, READ_BYTES = 16384 };

static void nap(void)
{
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* The text of a cgroup file, whole lines; -1 with errno. */
static ssize_t read_file_at(int dir, const char *name, char *text, size_t size)
{
        _cleanup_fd_ int file = openat(dir, name, O_RDONLY | O_CLOEXEC);
        ssize_t got, used = 0;

        if (file < 0)
                return -1;
        while ((got = read(file, text + used, size - 1 - (size_t)used)) > 0)
                used += got;
        text[used] = '\0';
        return got < 0 ? -1 : used;
}

int cgroup_await_empty(const struct server *server, struct fault *fault)
{
        const char *path = plan_setting(&server->plan, "cgroup");
        int64_t deadline = now_us() + PATIENCE_US;
        char pids[64];

        for (;;) {
                ssize_t length = read_file_at(server->cgroup, "cgroup.procs", pids, sizeof(pids));

                if (length < 0)
                        return fault_errno_in(fault, "read", path, "cgroup.procs");
                if (length == 0)
                        return 0;
                if (now_us() > deadline)
                        return fault_set(fault, EBUSY, "wait", path);
                nap();
        }
}

/* A process that has just left counts for a moment longer. */
static int write_patiently(int dir, const char *name, const char *text)
{
        int64_t deadline = now_us() + PATIENCE_US;
        int error;

        while ((error = cgroup_write_file(dir, name, text)) == -EBUSY && now_us() < deadline)
                nap();
        return error;
}

/* Adds `+NAME` for each word of a comma separated list. */
static void enable_words(char *words, size_t size, const char *list)
{
        while (*list) {
                size_t item = strcspn(list, ","), used = strlen(words);

                if (item > 0)
                        (void)snprintf(words + used, size - used, "%s+%.*s", used ? " " : "", (int)item,
                                       list);
                list += item + (list[item] == ',');
        }
}

/* Each by itself; the first that fails ends it when `fault` is there to say so. */
static int enable_each(const struct server *server, const char *list, struct fault *fault)
{
        char words[512] = "", *rest = words, *word;

        enable_words(words, sizeof(words), list);
        while ((word = strsep(&rest, " "))) {
                int error = *word ? cgroup_write_file(server->cgroup, "cgroup.subtree_control", word) : 0;

                if (error && fault) {
                        errno = -error;
                        return fault_refused(fault, "write", "cgroup.subtree_control", word);
                }
        }
        return 0;
}

/* controllers REQUIRED WANTED: enabled for supervisor and payload. One write for all costs the kernel one
 * walk; it takes all or none and does not say which it has not got. */
static int step_controllers(const struct server *server, const struct step *step, struct fault *fault)
{
        char words[512] = "";

        enable_words(words, sizeof(words), step->args[0]);
        enable_words(words, sizeof(words), step->args[1]);
        if (!*words || write_patiently(server->cgroup, "cgroup.subtree_control", words) == 0)
                return 0;
        (void)enable_each(server, step->args[1], NULL);
        return enable_each(server, step->args[0], fault);
}

/* The line of `text` that speaks of what `expected` speaks of: the same, or one with the same first word (a
 * device's number), or else the first. */
static const char *find_line(char *text, const char *expected)
{
        size_t key = strcspn(expected, " ");
        const char *found = text;
        bool similar = false;

        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                if (strcmp(line, expected) == 0)
                        return line;
                if (!similar && expected[key] && strncmp(line, expected, key + 1) == 0) {
                        similar = true;
                        found = line;
                }
        }
        return found;
}

static int read_back(int dir, const char *file, const char *expected, struct fault *fault)
{
        char text[READ_BYTES];
        const char *line;

        if (read_file_at(dir, file, text, sizeof(text)) < 0)
                return fault_errno(fault, "read", file);
        line = find_line(text, expected);
        return strcmp(line, expected) == 0 ? 0 : fault_differs(fault, file, expected, line);
}

static bool is_plain_name(const char *name)
{
        return *name && *name != '.' && !strchr(name, '/');
}

/* cgroup-write GROUP FILE VALUE EXPECT: GROUP is server or payload. Never pretended: one line of the file
 * must then be EXPECT, unless that is empty. */
static int step_write(const struct server *server, const struct step *step, struct fault *fault)
{
        const char *group = step->args[0], *file = step->args[1], *value = step->args[2],
                   *expected = step->args[3];
        bool payload = strcmp(group, "payload") == 0;
        int dir = payload ? server->payload : server->cgroup;
        int error;

        if (!payload && strcmp(group, "server") != 0)
                return fault_set(fault, EINVAL, "plan", group);
        if (!is_plain_name(file))
                return fault_set(fault, EINVAL, "plan", file);
        error = write_patiently(dir, file, value);
        if (error) {
                errno = -error;
                return fault_refused(fault, "write", file, value);
        }
        return *expected ? read_back(dir, file, expected, fault) : 0;
}

static int run_step(const struct server *server, const struct step *step, struct fault *fault)
{
        if (step_is(step, "controllers"))
                return step_controllers(server, step, fault);
        if (step_is(step, "cgroup-write"))
                return step_write(server, step, fault);
        return step_devices(server, step, fault);
}

int cgroup_limits_apply(const struct server *server, struct fault *fault)
{
        for (size_t i = 0; i < server->plan.count; i++) {
                if (server->plan.steps[i].op->role != ROLE_CGROUP)
                        continue;
                fault->step = (int)i;
                if (run_step(server, &server->plan.steps[i], fault) < 0)
                        return -1;
        }
        fault->step = -1;
        return 0;
}
