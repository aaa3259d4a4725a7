#include "limits.h"

#include "cleanup.h"
#include "rlimits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static rlim_t limit_value(const char *text)
{
        return strcmp(text, "infinity") == 0 ? RLIM_INFINITY : (rlim_t)strtoull(text, NULL, 10);
}

static int find_resource(const char *name)
{
        for (size_t i = 0; i < RLIMITS; i++)
                if (strcmp(rlimits[i].name, name) == 0)
                        return rlimits[i].resource;
        return -1;
}

/* A default of vps's own. Where the host's root may not raise a hard limit (no CAP_SYS_RESOURCE), the hard
 * limit that it has is the most there is. */
static int set_default(int resource, struct rlimit wanted, const char *name, struct fault *fault)
{
        struct rlimit present;

        if (setrlimit(resource, &wanted) == 0)
                return 0;
        if (errno != EPERM || getrlimit(resource, &present) < 0)
                return fault_errno(fault, "setrlimit", name);
        wanted.rlim_max = present.rlim_max;
        if (wanted.rlim_cur > wanted.rlim_max)
                wanted.rlim_cur = wanted.rlim_max;
        return setrlimit(resource, &wanted) < 0 ? fault_errno(fault, "setrlimit", name) : 0;
}

/* Why the kernel said EPERM: nobody may go beyond fs.nr_open. */
static bool beyond_nr_open(int resource, rlim_t hard, char *most, size_t size)
{
        _cleanup_fd_ int file = -1;
        ssize_t got;

        if (resource != RLIMIT_NOFILE)
                return false;
        file = open("/proc/sys/fs/nr_open", O_RDONLY | O_CLOEXEC);
        got = file < 0 ? -1 : read(file, most, size - 1);
        if (got <= 0)
                return false;
        most[got] = '\0';
        most[strcspn(most, "\n")] = '\0';
        return hard > strtoull(most, NULL, 10);
}

static int explain_refusal(int resource, const struct step *step, rlim_t hard, struct fault *fault)
{
        char present[32] = "infinity", text[128];
        struct rlimit limit;

        (void)fault_errno(fault, "setrlimit", step->args[0]);
        if (fault->error != EPERM || getrlimit(resource, &limit) < 0)
                return -1;
        if (limit.rlim_max != RLIM_INFINITY)
                (void)snprintf(present, sizeof(present), "%llu", (unsigned long long)limit.rlim_max);
        if (beyond_nr_open(resource, hard, present, sizeof(present)))
                (void)snprintf(text, sizeof(text), "%s, fs.nr_open of this host is %s", step->args[2],
                               present);
        else
                (void)snprintf(text, sizeof(text), "%s, without CAP_SYS_RESOURCE the most is %s",
                               step->args[2], present);
        errno = EPERM;
        return fault_refused(fault, "setrlimit", step->args[0], text);
}

/* What the admin asked for is there or it is a fault. */
static int set_asked(int resource, const struct step *step, struct rlimit wanted, struct fault *fault)
{
        struct rlimit present;
        char text[64];

        if (setrlimit(resource, &wanted) < 0)
                return explain_refusal(resource, step, wanted.rlim_max, fault);
        if (getrlimit(resource, &present) < 0)
                return fault_errno(fault, "getrlimit", step->args[0]);
        if (present.rlim_cur == wanted.rlim_cur && present.rlim_max == wanted.rlim_max)
                return 0;
        (void)snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)present.rlim_cur,
                       (unsigned long long)present.rlim_max);
        return fault_differs(fault, step->args[0], step->args[2], text);
}

/* rlimit NAME SOFT HARD MODE: MODE is default or asked. */
static int apply_rlimit(const struct step *step, struct fault *fault)
{
        struct rlimit wanted = {.rlim_cur = limit_value(step->args[1]),
                                .rlim_max = limit_value(step->args[2])};
        bool asked = strcmp(step->args[3], "asked") == 0;
        int resource = find_resource(step->args[0]);

        if (resource < 0)
                return fault_set(fault, EINVAL, "setrlimit", step->args[0]);
        return asked ? set_asked(resource, step, wanted, fault)
                     : set_default(resource, wanted, step->args[0], fault);
}

/* oom-score-adjust VALUE. Lowering it below what was inherited takes CAP_SYS_RESOURCE; a host root without it
 * has been given the higher score by its own host, and its servers share that fate. */
static int apply_oom_score(const struct step *step, struct fault *fault)
{
        _cleanup_fd_ int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (file < 0)
                return fault_errno(fault, "open", "oom_score_adj");
        if (write(file, step->args[0], strlen(step->args[0])) < 0 && errno != EACCES)
                return fault_errno(fault, "write", "oom_score_adj");
        return 0;
}

void limits_shed(void)
{
        _cleanup_fd_ int oom_score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        struct rlimit limit;

        for (size_t i = 0; i < RLIMITS; i++) {
                if (getrlimit(rlimits[i].resource, &limit) < 0)
                        continue;
                limit.rlim_cur = rlimits[i].resource == RLIMIT_CORE ? 0 : limit.rlim_max;
                (void)setrlimit(rlimits[i].resource, &limit);
        }
        if (oom_score >= 0)
                (void)!write(oom_score, "0", 1);
}

int limits_apply(const struct plan *plan, struct fault *fault)
{
        for (size_t i = 0; i < plan->count; i++) {
                const struct step *step = &plan->steps[i];
                int result = 0;

                if (step->op->role != ROLE_LIMITS)
                        continue;
                fault->step = (int)i;
                if (step_is(step, "rlimit"))
                        result = apply_rlimit(step, fault);
                else
                        result = apply_oom_score(step, fault);
                if (result < 0)
                        return -1;
        }
        fault->step = -1;
        return 0;
}
