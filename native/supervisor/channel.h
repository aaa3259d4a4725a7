/* Between the supervisor and its helpers: whole messages over a SOCK_SEQPACKET pair, with descriptors when
 * needed.
 *
 *   init       -> supervisor  BORN            namespaces are there, credentials are the server's
 *   supervisor -> init        GO  {root}      the root is built: take it
 *   builder    -> supervisor  BUILT {root, console master, console slave, notify, usage}
 *   either     -> supervisor  FAULT           what failed; the sender exits
 *   init       -> supervisor  end of file     exec has succeeded (close on exec)
 */
#ifndef VPS_CHANNEL_H
#define VPS_CHANNEL_H

#include "fault.h"

enum message_kind { MESSAGE_BORN = 1, MESSAGE_GO, MESSAGE_BUILT, MESSAGE_FAULT };

struct message {
        enum message_kind kind;
        struct fault fault;
};

enum { CHANNEL_MAX_FDS = 5 };

/* `fds` may hold -1 for "none" only at its end. 0, or -1 with errno. */
int channel_send(int channel, const struct message *message, const int *fds, int count);
/* Fills up to `count` of `fds`, the rest with -1. 0; -1 with errno, ECONNRESET at end of file. */
int channel_receive(int channel, struct message *message, int *fds, int count);

#endif
