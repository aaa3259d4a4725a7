#include "limits.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
        const char *name;
        int resource;
} resources[] = {
        {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
        {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
        {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
        {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
        {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
        {"stack", RLIMIT_STACK},
};

static rlim_t limit_value(const char *text)
{
        return strcmp(text, "infinity") == 0 ? RLIM_INFINITY : (rlim_t)strtoull(text, NULL, 10);
}

static int find_resource(const char *name)
{
        for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
                if (strcmp(resources[i].name, name) == 0)
                        return resources[i].resource;
        return -1;
}

/* rlimit NAME SOFT HARD: vps's own defaults. Where the host's root may not raise a hard limit (no
 * CAP_SYS_RESOURCE), the hard limit that it has is the most there is. */
static int apply_rlimit(pid_t pid, const struct step *step, struct fault *fault)
{
        struct rlimit wanted = {.rlim_cur = limit_value(step->args[1]),
                                .rlim_max = limit_value(step->args[2])};
        struct rlimit present;
        int resource = find_resource(step->args[0]);

        if (resource < 0)
                return fault_set(fault, EINVAL, "prlimit", step->args[0]);
        if (prlimit(pid, resource, &wanted, NULL) == 0)
                return 0;
        if (errno != EPERM || prlimit(pid, resource, NULL, &present) < 0)
                return fault_errno(fault, "prlimit", step->args[0]);
        wanted.rlim_max = present.rlim_max;
        if (wanted.rlim_cur > wanted.rlim_max)
                wanted.rlim_cur = wanted.rlim_max;
        return prlimit(pid, resource, &wanted, NULL) < 0 ? fault_errno(fault, "prlimit", step->args[0]) : 0;
}

/* oom-score-adjust VALUE. Lowering it below what was inherited takes CAP_SYS_RESOURCE; a host root without it
 * has been given the higher score by its own host, and its servers share that fate. */
static int apply_oom_score(pid_t pid, const struct step *step, struct fault *fault)
{
        char path[64];
        _cleanup_fd_ int file = -1;

        (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
        file = open(path, O_WRONLY | O_CLOEXEC);
        if (file < 0)
                return fault_errno(fault, "open", path);
        if (write(file, step->args[0], strlen(step->args[0])) < 0 && errno != EACCES)
                return fault_errno(fault, "write", path);
        return 0;
}

void limits_shed(void)
{
        _cleanup_fd_ int oom_score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        struct rlimit limit;

        for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
                if (getrlimit(resources[i].resource, &limit) < 0)
                        continue;
                limit.rlim_cur = resources[i].resource == RLIMIT_CORE ? 0 : limit.rlim_max;
                (void)setrlimit(resources[i].resource, &limit);
        }
        if (oom_score >= 0)
                (void)!write(oom_score, "0", 1);
}

int limits_apply(struct server *server, struct fault *fault)
{
        for (size_t i = 0; i < server->plan.count; i++) {
                const struct step *step = &server->plan.steps[i];
                int result = 0;

                if (step->op->role != ROLE_LIMITS)
                        continue;
                fault->step = (int)i;
                if (step_is(step, "rlimit"))
                        result = apply_rlimit(server->init, step, fault);
                else
                        result = apply_oom_score(server->init, step, fault);
                if (result < 0)
                        return -1;
        }
        fault->step = -1;
        return 0;
}
