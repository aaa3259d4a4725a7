/* What a server has read from disks and written to them: io.stat. */
#ifndef VPS_DISKS_H
#define VPS_DISKS_H

#include "ledger.h"

void disks_take(struct ledger *ledger, int payload);

#endif
