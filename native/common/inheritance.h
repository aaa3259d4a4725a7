/* What a process has from the shell it was started in, besides descriptors, environment and limits. */
#ifndef VPS_INHERITANCE_H
#define VPS_INHERITANCE_H

/* Lets go of it: how it is scheduled (policy, niceness, processors, disk, memory) is as for the host's init,
 * its personality is Linux with randomised addresses. Call it with the host's privileges. What fails stays as
 * it is: a host root without CAP_SYS_NICE has been made so by its own host. */
void shed_scheduling(void);

#endif
