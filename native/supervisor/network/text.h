/* What stands in the words of a step. Each returns 0, or -1 when the text is no such thing. */
#ifndef VPS_NETWORK_TEXT_H
#define VPS_NETWORK_TEXT_H

#include <net/ethernet.h>
#include <stddef.h>
#include <stdint.h>

struct address {
        int family;              /* AF_INET or AF_INET6 */
        unsigned char bytes[16]; /* network order */
        size_t size;             /* of bytes: 4 or 16 */
        int length;              /* of the prefix; all bits when the text has none */
};

/* ADDRESS or ADDRESS/LENGTH, IPv4 or IPv6. */
int text_address(const char *text, struct address *address);
int text_mac(const char *text, unsigned char mac[ETHER_ADDR_LEN]);
int text_number(const char *text, uint64_t most, uint64_t *number);
/* Pairs of hexadecimal digits; `size` receives the number of bytes, at most `most`. */
int text_bytes(const char *text, unsigned char *bytes, size_t most, size_t *size);

#endif
