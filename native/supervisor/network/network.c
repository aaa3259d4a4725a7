#include "network.h"
#include "elements.h"
#include "steps.h"

#include <errno.h>
#include <stdlib.h>

static bool is_ours(const struct step *step)
{
        return step->op->role == ROLE_NETWORK;
}

static bool has_steps(const struct plan *plan)
{
        for (size_t i = 0; i < plan->count; i++)
                if (is_ours(&plan->steps[i]))
                        return true;
        return false;
}

static enum element_change add_each(const struct step *step)
{
        (void)step;
        return ELEMENT_ADDED;
}

static enum element_change remove_each(const struct step *step)
{
        (void)step;
        return ELEMENT_REMOVED;
}

/* Backwards, each as far as it goes. What lies on a link is gone with it. */
static void remove_links(struct run *run)
{
        run->removing = true;
        for (size_t i = run->plan->count; i-- > 0;)
                if (is_ours(&run->plan->steps[i]) && network_makes_link(&run->plan->steps[i]))
                        (void)network_run_step(run, (int)i, true);
        (void)run_flush(run);
        run->removing = false;
}

/* Whatever has failed before. */
static void remove_elements(struct run *run)
{
        struct fault *first = run->fault, own = {.step = -1};

        run->fault = &own;
        (void)elements_change(run, remove_each);
        run->fault = first;
        if (!first->error)
                *first = own;
}

static void forget_inside(struct network *network)
{
        free(network->inside);
        network->inside = NULL;
        network->count = 0;
}

/* Those that nothing lies on, such as the port of a bridge. */
static int bring_up_links(struct run *run)
{
        for (size_t i = 0; i < run->plan->count; i++)
                if (is_ours(&run->plan->steps[i]) && network_bring_up(run, (int)i) < 0)
                        return -1;
        return 0;
}

static int add_links(struct run *run)
{
        for (size_t i = 0; i < run->plan->count; i++)
                if (is_ours(&run->plan->steps[i]) && !is_element_step(&run->plan->steps[i]) &&
                    network_run_step(run, (int)i, false) < 0)
                        return -1;
        return bring_up_links(run) < 0 ? -1 : run_flush(run);
}

static int refuse_removals(const struct plan *plan, struct fault *fault)
{
        for (size_t i = 0; i < plan->count; i++)
                if (plan->steps[i].removes) {
                        fault->step = (int)i;
                        return fault_set(fault, EINVAL, "plan", "a step of a launch removes nothing");
                }
        return 0;
}

/* Elements come first: they are checked and there, or not, as a whole, and no packet comes from a link that
 * the rules do not know yet. */
static int raise_all(struct run *run)
{
        struct fault *first = run->fault, later = {.step = -1};

        remove_links(run);
        if (first->error || elements_change(run, add_each) < 0)
                return -1;
        if (add_links(run) == 0)
                return 0;
        run->fault = &later;
        run_discard(run);
        remove_links(run);
        remove_elements(run);
        run->fault = first;
        return -1;
}

int network_raise(struct network *network, const struct plan *plan, int net_ns, struct fault *fault)
{
        struct run run;
        int result;

        network->up = true; /* a changed plan may have some later */
        if (!has_steps(plan))
                return 0;
        network->up = false;
        if (refuse_removals(plan, fault) < 0)
                return -1;
        forget_inside(network);
        result = run_open(&run, network, plan, net_ns, fault);
        if (result == 0)
                result = raise_all(&run);
        run_close(&run);
        network->up = result == 0;
        if (result == 0)
                fault->step = -1;
        return result;
}

static int lower(struct network *network, const struct plan *plan, int net_ns, bool elements,
                 struct fault *fault)
{
        struct run run;

        if (!has_steps(plan))
                return 0;
        if (run_open(&run, network, plan, net_ns, fault) == 0) {
                remove_links(&run);
                if (elements)
                        remove_elements(&run);
        }
        run_close(&run);
        forget_inside(network);
        network->up = false;
        return fault->error ? -1 : 0;
}

int network_lower(struct network *network, const struct plan *plan, int net_ns, struct fault *fault)
{
        return lower(network, plan, net_ns, true, fault);
}

int network_lower_links(struct network *network, const struct plan *plan, int net_ns, struct fault *fault)
{
        return lower(network, plan, net_ns, false, fault);
}
