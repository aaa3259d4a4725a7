/* The elements of nftables' sets and maps that are a server's, and the chains of its firewall. */
#ifndef VPS_NETWORK_ELEMENTS_H
#define VPS_NETWORK_ELEMENTS_H

#include "run.h"

enum element_change { ELEMENT_STAYS, ELEMENT_ADDED, ELEMENT_REMOVED };

typedef enum element_change element_choice(const struct step *step);

/* Whether a step is one that elements_change() runs. */
bool is_element_step(const struct step *step);

/* Every nft-element step of the plan, as `choose` says, in one transaction: all or nothing. To remove what is
 * not there is no fault. nft-chain steps come with them: whoever adds elements has made the chains before
 * (nft reads rules), and they are removed after the elements that jump to them. */
int elements_change(struct run *run, element_choice *choose);

#endif
