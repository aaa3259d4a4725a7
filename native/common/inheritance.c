#include "inheritance.h"

#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { IO_PROCESS = 1, MEMORY_DEFAULT = 0, HOST_INIT = 1 }; /* ioprio_set(2), set_mempolicy(2) */

void shed_scheduling(void)
{
        const struct sched_param none = {0};
        cpu_set_t processors;

        (void)sched_setscheduler(0, SCHED_OTHER, &none);
        (void)setpriority(PRIO_PROCESS, 0, 0);
        if (sched_getaffinity(HOST_INIT, sizeof(processors), &processors) == 0)
                (void)sched_setaffinity(0, sizeof(processors), &processors);
        (void)syscall(SYS_ioprio_set, IO_PROCESS, 0, 0);
        (void)syscall(SYS_set_mempolicy, MEMORY_DEFAULT, NULL, 0);
        (void)personality(PER_LINUX);
}
