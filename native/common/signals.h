/* Signal settings at the two ends of a program's life: everything blocked while we set up (nothing may get
 * lost, we read signals instead of handling them), everything default before another program takes over. */
#ifndef VPS_SIGNALS_H
#define VPS_SIGNALS_H

#include <signal.h>

/* Blocks every signal that can be blocked. */
void signals_block_all(void);

/* Default dispositions, empty mask: what a program expects to be born with. Covers the signals that libc
 * keeps to itself, too: an ignored one would stay ignored through every exec. */
void signals_reset(void);

#endif
