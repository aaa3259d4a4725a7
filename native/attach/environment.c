#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_VARIABLES = 6 };

static const char root_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static const char user_path[] = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";

/* Replaces the variable of the same name, or takes the first free place. */
static void put(char **environment, char *variable)
{
        size_t name = (size_t)(strchr(variable, '=') - variable) + 1;

        while (*environment && strncmp(*environment, variable, name) != 0)
                environment++;
        *environment = variable;
}

static int set(char **environment, const char *name, const char *value)
{
        char *variable;

        if (asprintf(&variable, "%s=%s", name, value) < 0)
                return -1;
        put(environment, variable);
        return 0;
}

char **environment_make(const struct request *request, const struct account *account)
{
        const char *term = getenv("TERM");
        char **environment = calloc(request->words.count + OWN_VARIABLES + 1, sizeof(*environment));

        if (!environment || set(environment, "PATH", account->uid == 0 ? root_path : user_path) < 0 ||
            set(environment, "HOME", account->home) < 0 || set(environment, "USER", account->name) < 0 ||
            set(environment, "LOGNAME", account->name) < 0 || set(environment, "SHELL", account->shell) < 0)
                return NULL;
        if (request->tty && set(environment, "TERM", term && term[0] ? term : "vt220") < 0)
                return NULL;
        for (char **variable = request->env; *variable; variable++)
                put(environment, *variable);
        return environment;
}
