#include "steps.h"

#include <errno.h>

static const struct {
        const char *op;
        network_action *run;
        bool makes_link;
} actions[] = {
        {"link-veth", step_link_veth, true},         {"link-macvlan", step_link_macvlan, true},
        {"link-physical", step_link_physical, true}, {"bridge-port", step_bridge_port, false},
        {"link-address", step_link_address, false},  {"link-neighbour", step_link_neighbour, false},
        {"link-route", step_link_route, false},      {"link-rule", step_link_rule, false},
        {"host-address", step_host_address, false},  {"host-neighbour", step_host_neighbour, false},
        {"host-route", step_host_route, false},      {"host-localhost", step_host_localhost, false},
        {"host-setting", step_host_setting, false},  {"shape", step_shape, true},
};

enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

int network_run_step(struct run *run, int step, bool remove)
{
        const struct step *it = &run->plan->steps[step];

        run->step = step;
        for (int i = 0; i < ACTIONS; i++)
                if (step_is(it, actions[i].op))
                        return actions[i].run(run, it, remove);
        run->fault->step = step;
        return fault_set(run->fault, ENOSYS, "plan", it->op->name);
}

int network_bring_up(struct run *run, int step)
{
        const struct step *it = &run->plan->steps[step];
        bool veth = step_is(it, "link-veth");

        run->step = step;
        if (!veth && !step_is(it, "link-macvlan") && !step_is(it, "link-physical"))
                return 0;
        if (run_link(run, true, it->args[0], true) < 0)
                return -1;
        return veth && run_link(run, false, it->args[1], true) < 0 ? -1 : 0;
}

bool network_makes_link(const struct step *step)
{
        for (int i = 0; i < ACTIONS; i++)
                if (step_is(step, actions[i].op))
                        return actions[i].makes_link;
        return false;
}
