#include "numbers.h"
#include "probe.h"
#include "rlimits.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

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
        for (size_t i = 0; i < RLIMITS; i++) {
                struct rlimit limit = {0};

                if (getrlimit(rlimits[i].resource, &limit) < 0)
                        continue;
                say("limit %s", rlimits[i].name);
                say_limit(limit.rlim_cur);
                say_limit(limit.rlim_max);
                say("\n");
        }
        return EXIT_SUCCESS;
}
