/* What vps-attach says to the admin: one sentence on stderr, `vps: …`. */
#ifndef VPS_ATTACH_SAY_H
#define VPS_ATTACH_SAY_H

enum {
        EXIT_ATTACH = 125,         /* vps itself failed, as opposed to the command it ran */
        EXIT_NOT_EXECUTABLE = 126, /* as a shell says it */
        EXIT_NOT_FOUND = 127,
        EXIT_SIGNAL = 128, /* plus the signal's number */
};

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, then `: ` and what the (positive) errno means; returns EXIT_ATTACH. */
int say_error(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
