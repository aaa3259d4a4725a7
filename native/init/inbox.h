/* Signals as something to read. All are blocked for good, and seen to be (SigBlk in /proc/1/status;
 * sigwaitinfo(2) would hide them there): by this the supervisor knows that a signal sent now will be heard.
 */
#ifndef VPS_INIT_INBOX_H
#define VPS_INIT_INBOX_H

/* 0, or a negative errno. */
int inbox_open(void);

/* The next signal; 0 when none came within `timeout_ms` (-1: sleeps without any timer). */
int inbox_next(int timeout_ms);

#endif
