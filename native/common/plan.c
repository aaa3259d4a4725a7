#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct op ops[] = {
        {"cgroup", ROLE_SUPERVISOR, 1, 1},
        {"user-namespace", ROLE_SUPERVISOR, 2, 2},
        {"network-namespace", ROLE_SUPERVISOR, 0, 0},
        {"guest-namespaces", ROLE_SUPERVISOR, 0, 0},

        {"controllers", ROLE_CGROUP, 2, 2},
        {"cgroup-write", ROLE_CGROUP, 4, 4},
        {"devices", ROLE_CGROUP, 0, -1},

        {"rlimit", ROLE_LIMITS, 4, 4},
        {"oom-score-adjust", ROLE_LIMITS, 1, 1},

        {"link-veth", ROLE_NETWORK, 5, 5},
        {"link-macvlan", ROLE_NETWORK, 4, 4},
        {"link-physical", ROLE_NETWORK, 2, 2},
        {"bridge-port", ROLE_NETWORK, 3, 3},
        {"link-address", ROLE_NETWORK, 2, 2},
        {"link-neighbour", ROLE_NETWORK, 3, 3},
        {"link-route", ROLE_NETWORK, 4, 5},
        {"link-rule", ROLE_NETWORK, 3, 3},
        {"host-address", ROLE_NETWORK, 2, 2},
        {"host-neighbour", ROLE_NETWORK, 3, 3},
        {"host-route", ROLE_NETWORK, 2, 3},
        {"host-localhost", ROLE_NETWORK, 1, 1},
        {"host-setting", ROLE_NETWORK, 4, 4},
        {"shape", ROLE_NETWORK, 4, 4},
        {"nft-element", ROLE_NETWORK, 6, 6},
        {"nft-chain", ROLE_NETWORK, 3, 3},

        {"layer", ROLE_BUILDER, 1, 1},
        {"overlay", ROLE_BUILDER, 1, 1},
        {"tmpfs", ROLE_BUILDER, 3, 3},
        {"proc", ROLE_BUILDER, 2, 2},
        {"sysfs", ROLE_BUILDER, 2, 2},
        {"cgroup2", ROLE_BUILDER, 2, 2},
        {"devpts", ROLE_BUILDER, 2, 2},
        {"mqueue", ROLE_BUILDER, 2, 2},
        {"bind", ROLE_BUILDER, 3, 3},
        {"directory", ROLE_BUILDER, 2, 2},
        {"symlink", ROLE_BUILDER, 2, 2},
        {"device", ROLE_BUILDER, 4, 4},
        {"console", ROLE_BUILDER, 1, 1},
        {"notify", ROLE_BUILDER, 1, 1},
        {"usage", ROLE_BUILDER, 1, 1},
        {"mask", ROLE_BUILDER, 1, 1},
        {"readonly", ROLE_BUILDER, 1, 1},
        {"ipc-sysctl", ROLE_BUILDER, 2, 2},

        {"hostname", ROLE_GUEST, 1, 1},
        {"loopback", ROLE_GUEST, 0, 0},
        {"sysctl", ROLE_GUEST, 2, 2},
        {"root", ROLE_GUEST, 0, 0},
        {"file", ROLE_GUEST, 3, 3},
        {"own-file", ROLE_GUEST, 4, 4},
        {"keyring", ROLE_GUEST, 0, 0},
        {"capabilities", ROLE_GUEST, 1, 1},
        {"seccomp", ROLE_GUEST, 1, 1},
        {"environment", ROLE_GUEST, 1, 1},
        {"exec", ROLE_GUEST, 1, -1},
        {"exec-vps-init", ROLE_GUEST, 1, -1},
};

static const struct op *find_op(const char *name)
{
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
                if (strcmp(ops[i].name, name) == 0)
                        return &ops[i];
        return NULL;
}

/* `-OP` and `+OP` are for what can be changed while a server runs. */
static const struct op *find_signed_op(const char *word, bool *removes)
{
        bool has_sign = *word == '-' || *word == '+';
        const struct op *op = find_op(word + has_sign);

        *removes = *word == '-';
        return op && has_sign && op->role != ROLE_NETWORK ? NULL : op;
}

static int malformed(const char **problem, const char *what)
{
        *problem = what ? what : "unexpected end";
        return -EBADMSG;
}

static int read_setting(struct plan *plan, const char **problem)
{
        char *key = words_next(&plan->words);
        char *value = words_next(&plan->words);

        if (!value)
                return malformed(problem, key);
        plan->settings[plan->setting_count++] = key;
        plan->settings[plan->setting_count++] = value;
        return 0;
}

static int read_step(struct plan *plan, const char **problem)
{
        const char *name = words_next(&plan->words);
        const char *origin = words_next(&plan->words);
        const char *count = words_next(&plan->words);
        struct step *step = &plan->steps[plan->count];
        const struct op *op = name ? find_signed_op(name, &step->removes) : NULL;
        char *end;

        if (!op || !count)
                return malformed(problem, name);
        step->op = op;
        step->origin = origin;
        step->count = (int)strtol(count, &end, 10);
        if (*end != '\0' || step->count < op->least || (op->most >= 0 && step->count > op->most))
                return malformed(problem, name);
        step->args = &plan->words.at[plan->words.next];
        for (int i = 0; i < step->count; i++)
                if (!words_next(&plan->words))
                        return malformed(problem, name);
        plan->count++;
        return 0;
}

static int read_all(struct plan *plan, const char **problem)
{
        const char *magic = words_next(&plan->words);
        const char *version = words_next(&plan->words);
        const char *word;

        if (!magic || strcmp(magic, "vps-plan") != 0 || !version || strcmp(version, "1") != 0)
                return malformed(problem, "not a launch plan of version 1");
        while ((word = words_next(&plan->words))) {
                int error;

                if (strcmp(word, "end") == 0)
                        return words_next(&plan->words) ? malformed(problem, "words after the end") : 0;
                if (strcmp(word, "set") == 0)
                        error = read_setting(plan, problem);
                else if (strcmp(word, "step") == 0)
                        error = read_step(plan, problem);
                else
                        error = malformed(problem, word);
                if (error)
                        return error;
        }
        return malformed(problem, NULL);
}

int plan_read(int fd, struct plan *plan, const char **problem)
{
        int error;

        *plan = (struct plan){0};
        *problem = "it cannot be read";
        error = words_read(fd, &plan->words);
        if (error)
                return error;
        /* No plan has more steps or settings than words: one allocation each, no growing. */
        plan->steps = calloc(plan->words.count + 1, sizeof(*plan->steps));
        plan->settings = calloc(plan->words.count + 1, sizeof(*plan->settings));
        return plan->steps && plan->settings ? read_all(plan, problem) : -ENOMEM;
}

void plan_free(struct plan *plan)
{
        free(plan->steps);
        free(plan->settings);
        words_free(&plan->words);
        *plan = (struct plan){0};
}

const char *plan_setting(const struct plan *plan, const char *key)
{
        for (size_t i = 0; i + 1 < plan->setting_count; i += 2)
                if (strcmp(plan->settings[i], key) == 0)
                        return plan->settings[i + 1];
        return NULL;
}

long plan_number(const struct plan *plan, const char *key, long fallback)
{
        const char *value = plan_setting(plan, key);
        char *end;
        long number;

        if (!value || *value == '\0')
                return fallback;
        number = strtol(value, &end, 10);
        return *end == '\0' ? number : fallback;
}

char **plan_list(const struct plan *plan, const char *key)
{
        size_t length = strlen(key), count = 0;
        char **list = NULL;

        for (size_t i = 0; i + 1 < plan->setting_count; i += 2) {
                const char *setting = plan->settings[i];
                char *end;

                if (strncmp(setting, key, length) != 0 || setting[length] != '.')
                        continue;
                if (!list)
                        list = calloc(plan->setting_count / 2 + 1, sizeof(*list));
                if (!list || strtoul(setting + length + 1, &end, 10) != count || *end)
                        break;
                list[count++] = plan->settings[i + 1];
        }
        return list;
}

bool step_is(const struct step *step, const char *op)
{
        return strcmp(step->op->name, op) == 0;
}

bool list_has(const char *list, const char *word)
{
        size_t length = strlen(word);

        while (*list) {
                size_t item = strcspn(list, ",");

                if (item == length && strncmp(list, word, length) == 0)
                        return true;
                list += item + (list[item] == ',');
        }
        return false;
}
