/* What the experiments share: reading words, telling time, saying something, waiting for leave to go. */
#ifndef VPS_PROBE_NUMBERS_H
#define VPS_PROBE_NUMBERS_H

#include <stdint.h>

/* A decimal number of at least `least`; ends the program with EXIT_USAGE for anything else (and for no word).
 */
int64_t number(const char *word, int64_t least);

int64_t now_us(void);

/* One line on standard output, at once. Nobody reading any more is no reason to stop. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Waits for the end of standard input: what was reached shall be looked at from outside first. */
void hold(void);

#endif
