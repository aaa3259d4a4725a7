/* The admin's terminal: raw while a command of a server has it, as it was ever after. */
#ifndef VPS_ATTACH_TERMINAL_H
#define VPS_ATTACH_TERMINAL_H

#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>

struct terminal {
        int fd;               /* -1: there is none */
        bool raw;             /* we have changed it */
        bool known;           /* `modes` and `size` are those of a real terminal */
        bool is_input;        /* it is our standard input, so that we may set it raw */
        struct termios modes; /* as we found them */
        struct winsize size;
};

/* Looks at standard input, else standard output. */
void terminal_find(struct terminal *terminal);
/* Sets it raw. 0, or a negative errno. */
int terminal_raw(struct terminal *terminal);
/* Puts it back; does nothing when it is not raw. */
void terminal_restore(struct terminal *terminal);
/* Reads the size again; true when there is one. */
bool terminal_read_size(struct terminal *terminal);

#endif
