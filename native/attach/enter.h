/* Into the server: the two processes between vps-attach and the command. */
#ifndef VPS_ATTACH_ENTER_H
#define VPS_ATTACH_ENTER_H

#include "group.h"
#include "request.h"
#include "target.h"
#include "terminal.h"

struct entry {
        const struct request *request;
        const struct target *target;
        const struct command_group *group;
        const struct terminal *terminal;
        int channel;  /* the inner end */
        int stdio[3]; /* the command's streams; -1: it opens a terminal */
};

/* Forks the joiner, which is born in the command's cgroup, enters the namespaces and forks the command as our
 * child. The joiner's pid, or a negative errno. */
pid_t enter(const struct entry *entry);

/* Situation: inside the server, all namespaces joined, process of its own. Becomes the command, or says on
 * the channel why not. (become.c) */
_Noreturn void become_command(const struct entry *entry);

/* Tells the outer side that nothing comes of it, and ends. `error` is positive, 0: the phrase says it all. */
_Noreturn void give_up(const struct entry *entry, int status, int error, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

#endif
