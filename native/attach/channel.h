/* From the process that enters the server to the one outside: who the command is, its terminal, what went
 * wrong.
 *
 *   BORN    {pid}                 the command's process exists; pid as the host sees it
 *   PTY                           with the master of its terminal as a descriptor (SCM_RIGHTS)
 *   FAILED  {status, error, what} it will not run; `what` is a phrase that the errno completes
 *   end of file                   its exec has succeeded
 */
#ifndef VPS_ATTACH_CHANNEL_H
#define VPS_ATTACH_CHANNEL_H

#include <sys/types.h>

enum message_kind { MESSAGE_BORN = 1, MESSAGE_PTY, MESSAGE_FAILED };

struct message {
        enum message_kind kind;
        pid_t pid;
        int status; /* FAILED: what vps-attach shall exit with */
        int error;  /* errno, 0: `what` says it all */
        char what[480];
};

/* Both ends are SOCK_SEQPACKET: one message, one record. 0, or a negative errno. */
int channel_make(int *ours, int *theirs);
/* `fd` of -1: none. */
int channel_send(int channel, const struct message *message, int fd);
/* 1: a message (and *fd, -1 when it had none); 0: end of file; negative errno, EAGAIN: nothing now. */
int channel_receive(int channel, struct message *message, int *fd);

#endif
