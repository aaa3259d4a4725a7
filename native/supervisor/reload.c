#include "reload.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const char *text_of(const struct plan *plan, const char *key)
{
        const char *text = plan_setting(plan, key);

        return text ? text : "";
}

/* What a running supervisor has built on. */
static bool same_server(const struct plan *old, const struct plan *new)
{
        static const char *const keys[] = {"name",        "uuid",   "id-base",    "run-dir",
                                           "storage-dir", "cgroup", "await-scope"};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(text_of(old, keys[i]), text_of(new, keys[i])) != 0)
                        return false;
        return true;
}

/* What only a change of a running network may have. */
static bool has_removals(const struct plan *plan)
{
        for (size_t i = 0; i < plan->count; i++)
                if (plan->steps[i].removes)
                        return true;
        return false;
}

static int refuse(struct plan *plan, int error)
{
        plan_free(plan);
        errno = error;
        return -1;
}

int plan_reload(struct server *server, const char **why)
{
        _cleanup_fd_ int file = openat(server->run_dir, "plan", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        const char *problem;
        struct plan plan;
        int error;

        *why = "the plan can't be opened";
        if (file < 0)
                return -1;
        *why = "the plan is malformed";
        error = plan_read(file, &plan, &problem);
        if (error || has_removals(&plan))
                return refuse(&plan, error ? -error : EBADMSG);
        *why = "the plan is another server's";
        if (!same_server(&server->plan, &plan))
                return refuse(&plan, EINVAL);
        plan_free(&server->plan);
        server->plan = plan;
        server->name = plan_setting(&server->plan, "name");
        return 0;
}
