#include "numbers.h"
#include "probe.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

/* As they are called in a definition. */
static const struct {
        const char *name;
        int resource;
} limits[] = {
        {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
        {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
        {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
        {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
        {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
        {"stack", RLIMIT_STACK},
};

static void say_limit(rlim_t value)
{
        if (value == RLIM_INFINITY)
                say(" infinity");
        else
                say(" %llu", (unsigned long long)value);
}

int look(char **words)
{
        cpu_set_t *set = CPU_ALLOC(CPU_SETSIZE * 8);
        const size_t size = CPU_ALLOC_SIZE(CPU_SETSIZE * 8);

        (void)words;
        if (!set || sched_getaffinity(0, size, set) < 0)
                return EXIT_FAILURE;
        for (size_t cpu = 0; cpu < (size_t)CPU_SETSIZE * 8; cpu++)
                if (CPU_ISSET_S(cpu, size, set))
                        say("processor %zu\n", cpu);
        CPU_FREE(set);
        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
                struct rlimit limit = {0};

                if (getrlimit(limits[i].resource, &limit) < 0)
                        continue;
                say("limit %s", limits[i].name);
                say_limit(limit.rlim_cur);
                say_limit(limit.rlim_max);
                say("\n");
        }
        return EXIT_SUCCESS;
}
