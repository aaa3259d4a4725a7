/* The elements of nftables' sets and maps that are a server's. */
#ifndef VPS_NETWORK_ELEMENTS_H
#define VPS_NETWORK_ELEMENTS_H

#include "run.h"

enum element_change { ELEMENT_STAYS, ELEMENT_ADDED, ELEMENT_REMOVED };

typedef enum element_change element_choice(const struct step *step);

/* Every nft-element step of the plan, as `choose` says, in one transaction: all or nothing. To remove what is
 * not there is no fault. */
int elements_change(struct run *run, element_choice *choose);

#endif
