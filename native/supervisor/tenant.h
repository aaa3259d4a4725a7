/* What the server itself sees of its account: /run/host/vps/usage, a table in the manner of OpenVZ's
 * /proc/user_beancounters. */
#ifndef VPS_TENANT_H
#define VPS_TENANT_H

#include "sample.h"

/* Rewritten in place, as the file is mounted in the server; without a file (-1) nobody looks. */
void tenant_write(int file, int payload, const struct ledger *ledger, const struct held *held);

#endif
