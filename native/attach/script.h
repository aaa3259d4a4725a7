/* A script of the host's, run in a server without a file of it there. */
#ifndef VPS_ATTACH_SCRIPT_H
#define VPS_ATTACH_SCRIPT_H

enum {
        SCRIPT_FD = 4,    /* where TypeScript has put it, a sealed memfd */
        SCRIPT_PATH = 32, /* room for a path below /proc/self/fd */
};

/* Situation: inside the server, as its root, in the process that becomes the command. Copies what is at
 * SCRIPT_FD to a sealed memfd that is born here, closes SCRIPT_FD, and writes a path to the copy. 0, or a
 * negative errno. */
int script_copy(char path[SCRIPT_PATH]);

#endif
