/* The watcher: one small process that outlives a vps-attach killed by SIGKILL, kills what it leaves and puts
 * the terminal back. */
#ifndef VPS_ATTACH_WATCH_H
#define VPS_ATTACH_WATCH_H

#include "group.h"
#include "terminal.h"

#include <sys/types.h>

struct watch {
        pid_t pid;
        int line; /* its end of file is our death */
};

/* 0, or a negative errno. */
int watch_start(struct watch *watch, const struct command_group *group, const struct terminal *terminal);
/* All is well: the watcher may go. */
void watch_end(struct watch *watch);

#endif
