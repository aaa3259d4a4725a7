#include "report.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(int report, const char *line, int length)
{
        if (report >= 0 && length > 0)
                (void)send(report, line, (size_t)length, MSG_NOSIGNAL);
}

void report_phase(int report, const char *name, int64_t microseconds)
{
        char line[128];

        say(report, line, snprintf(line, sizeof(line), "phase\t%s\t%lld\n", name, (long long)microseconds));
}

int report_fault_line(char *line, size_t size, const struct plan *plan, const struct fault *fault)
{
        const struct step *step = fault->step >= 0 && plan->steps ? &plan->steps[fault->step] : NULL;
        int length = snprintf(line, size, "fault\t%d\t%s\t%s\t%d\t%s\t%s\n", fault->step,
                              step ? step->op->name : "", fault->call, fault->error, step ? step->origin : "",
                              fault->path);

        return length < (int)size ? length : (int)size - 1;
}

void report_fault(int report, const struct plan *plan, const struct fault *fault)
{
        char line[REPORT_LINE_BYTES];

        say(report, line, report_fault_line(line, sizeof(line), plan, fault));
}

void report_started(int report, pid_t init)
{
        char line[64];

        say(report, line, snprintf(line, sizeof(line), "started\t%d\t%d\n", getpid(), init));
}

void report_ready(int report, pid_t init)
{
        char line[64];

        say(report, line, snprintf(line, sizeof(line), "ready\t%d\n", init));
}
