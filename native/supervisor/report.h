/* What the supervisor tells the one who started it: text lines, fields separated by tabs.
 *
 *   phase    NAME MICROSECONDS
 *   fault    STEP OP CALL ERRNO ORIGIN PATH      everything is undone, the server is not running
 *   started  SUPERVISOR-PID INIT-PID             init's exec has succeeded
 *   ready    INIT-PID                            init says that it is up
 *
 * A starter that has gone away is no reason to stop: every failure to write is ignored. */
#ifndef VPS_REPORT_H
#define VPS_REPORT_H

#include "server.h"

#include <stdint.h>

void report_phase(int report, const char *name, int64_t microseconds);
enum { REPORT_LINE_BYTES = 2048 };

/* The line of a fault; its length. */
int report_fault_line(char *line, size_t size, const struct plan *plan, const struct fault *fault);
void report_fault(int report, const struct plan *plan, const struct fault *fault);
void report_started(int report, pid_t init);
void report_ready(int report, pid_t init);

#endif
