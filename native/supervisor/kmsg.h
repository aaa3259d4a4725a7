/* Whom the kernel killed for want of memory, from its log. */
#ifndef VPS_KMSG_H
#define VPS_KMSG_H

#include <sys/types.h>

enum { VICTIMS = 8, COMM_BYTES = 16 };

struct victim {
        int pid; /* the host's */
        char comm[COMM_BYTES];
};

struct kmsg {
        int file;                       /* -1: can't be read */
        struct victim victims[VICTIMS]; /* not yet recorded, the oldest first */
        int count;
};

/* From the end of the log as it is now. */
void kmsg_open(struct kmsg *kmsg);
/* Takes what the log has about processes of the server whose ids begin at `id_base`. A log that can't be read
 * tells nothing. */
void kmsg_read(struct kmsg *kmsg, uid_t id_base);
/* Takes the oldest `count` victims away. */
void kmsg_forget(struct kmsg *kmsg, int count);

#endif
