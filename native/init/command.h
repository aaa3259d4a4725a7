/* The one command an init was asked to run. */
#ifndef VPS_INIT_COMMAND_H
#define VPS_INIT_COMMAND_H

#include <sys/types.h>

/* Starts it in a session of its own with the console (descriptor 0) as controlling terminal; returns its pid
 * after its exec has succeeded, or the negated exit status of an init that could not run it: -126, -127. Says
 * why on stderr. */
pid_t command_start(char **argv);

#endif
