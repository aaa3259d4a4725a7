#include "live.h"

#include "../report.h"
#include "../state.h"
#include "cleanup.h"
#include "elements.h"
#include "network.h"
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static int read_plan(int fd, struct plan *plan, struct fault *fault)
{
        const char *problem;
        int error = plan_read(fd, plan, &problem);

        return error ? fault_set(fault, -error, "plan", problem) : 0;
}

static int finish(struct plan *plan, int result, const struct fault *fault)
{
        char line[REPORT_LINE_BYTES];
        int length;

        if (result < 0) {
                length = report_fault_line(line, sizeof(line), plan, fault);
                if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) < 0)
                        result = -1;
        }
        plan_free(plan);
        return result < 0 ? 1 : 0;
}

int network_undo(int plan_fd)
{
        struct fault fault = {.step = -1};
        struct network network = {0};
        struct plan plan;
        int result = read_plan(plan_fd, &plan, &fault);

        if (result == 0)
                result = network_lower(&network, &plan, -1, &fault);
        return finish(&plan, result, &fault);
}

/* The namespace that a process is in; -1 without a fault when the plan names none. */
static int open_namespace(const struct plan *plan, struct fault *fault)
{
        const char *pid = plan_setting(plan, "netns-pid"), *start = plan_setting(plan, "netns-start");
        char path[64];
        int fd;

        if (!pid)
                return -1;
        (void)snprintf(path, sizeof(path), "/proc/%ld/ns/net", plan_number(plan, "netns-pid", 0));
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return fault_errno(fault, "open", path);
        if (!start || process_start((pid_t)plan_number(plan, "netns-pid", 0)) == atoll(start))
                return fd;
        (void)close(fd);
        return fault_set(fault, ESRCH, "open", path);
}

static enum element_change as_written(const struct step *step)
{
        return step->removes ? ELEMENT_REMOVED : ELEMENT_ADDED;
}

/* The one kind of step that makes several things. */
static void remove_half(struct run *run, size_t step)
{
        struct fault *first = run->fault, later = {.step = -1};

        run->fault = &later;
        run->removing = true;
        (void)network_run_step(run, (int)step, true);
        (void)run_flush(run);
        run->fault = first;
}

/* Each by itself, so that it is known what has been done; `done` says of which steps that is so. */
static int do_step(struct run *run, size_t step, bool remove, bool *done)
{
        bool shapes = !remove && shape_is_new(run, &run->plan->steps[step]);

        run->removing = remove;
        run->overlooked = false;
        if (network_run_step(run, (int)step, remove) < 0 || run_flush(run) < 0) {
                run_discard(run);
                if (shapes)
                        remove_half(run, step);
                return -1;
        }
        *done = !run->overlooked; /* what was not there is not put back */
        return 0;
}

static void undo_steps(struct run *run, const bool *done)
{
        struct fault *first = run->fault;

        for (size_t i = run->plan->count; i-- > 0;) {
                struct fault later = {.step = -1};
                bool ignored;

                run->fault = &later;
                if (done[i])
                        (void)do_step(run, i, !run->plan->steps[i].removes, &ignored);
        }
        run->fault = first;
}

static int refuse_links(const struct plan *plan, struct fault *fault)
{
        for (size_t i = 0; i < plan->count; i++)
                if (plan->steps[i].op->role != ROLE_NETWORK ||
                    (network_makes_link(&plan->steps[i]) && !step_is(&plan->steps[i], "shape"))) {
                        fault->step = (int)i;
                        return fault_set(fault, EINVAL, "plan", "no such step changes a running server");
                }
        return 0;
}

/* The elements last: they are the ones that change all at once, so that nothing after them can fail. */
static int apply_all(struct run *run, bool *done)
{
        for (size_t i = 0; i < run->plan->count; i++) {
                const struct step *step = &run->plan->steps[i];

                if (!is_element_step(step) && do_step(run, i, step->removes, &done[i]) < 0)
                        return -1;
        }
        return elements_change(run, as_written);
}

static int apply(const struct plan *plan, struct fault *fault)
{
        _cleanup_free_ bool *done = calloc(plan->count + 1, sizeof(*done));
        _cleanup_fd_ int net_ns = -1;
        struct run run;
        int result;

        if (!done)
                return fault_errno(fault, "calloc", NULL);
        if (refuse_links(plan, fault) < 0)
                return -1;
        net_ns = open_namespace(plan, fault);
        if (fault->error)
                return -1;
        result = run_open(&run, NULL, plan, net_ns, fault);
        if (result == 0)
                result = apply_all(&run, done);
        if (result < 0 && run.host.socket >= 0)
                undo_steps(&run, done);
        run_close(&run);
        return result;
}

int network_apply(int plan_fd)
{
        struct fault fault = {.step = -1};
        struct plan plan;
        int result = read_plan(plan_fd, &plan, &fault);

        if (result == 0)
                result = apply(&plan, &fault);
        return finish(&plan, result, &fault);
}
