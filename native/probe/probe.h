/* The experiments of vps-probe. Each prints lines `NAME VALUE…` on standard output, as they become true, so
 * that whoever reads knows what was reached even when the kernel kills the probe in the middle. Returns the
 * exit status. */
#ifndef VPS_PROBE_PROBE_H
#define VPS_PROBE_PROBE_H

/* EXIT_USAGE: the words make no experiment. */
enum { EXIT_USAGE = 2 };

/* THREADS SECONDS: burns processor time. */
int burn(char **words);
/* BYTES: touches one page after the other until BYTES are held. */
int hoard(char **words);
/* MOST: forks until the kernel refuses, or MOST children live. */
int breed(char **words);
/* read|write FILE SIZE BLOCK SECONDS: blocks of FILE one after the other, past the page cache. */
int transfer(char **words);
/* Prints which processors it may use, and its resource limits. */
int look(char **words);

#endif
