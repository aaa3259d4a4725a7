#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int text_number(const char *text, uint64_t most, uint64_t *number)
{
        char *end;

        if (*text < '0' || *text > '9')
                return -1;
        errno = 0;
        *number = strtoull(text, &end, 10);
        return errno || *end || *number > most ? -1 : 0;
}

int text_address(const char *text, struct address *address)
{
        size_t digits = strcspn(text, "/");
        char plain[INET6_ADDRSTRLEN];
        uint64_t length;

        if (digits >= sizeof(plain))
                return -1;
        memcpy(plain, text, digits);
        plain[digits] = '\0';
        *address = (struct address){.family = strchr(plain, ':') ? AF_INET6 : AF_INET};
        address->size = address->family == AF_INET6 ? 16 : 4;
        if (inet_pton(address->family, plain, address->bytes) != 1)
                return -1;
        length = address->size * 8;
        if (text[digits] == '/' && text_number(text + digits + 1, length, &length) < 0)
                return -1;
        address->length = (int)length;
        return 0;
}

static int digit(char character)
{
        static const char digits[] = "0123456789abcdef";
        const char *found = character ? strchr(digits, character | 0x20) : NULL;

        return found ? (int)(found - digits) : -1;
}

int text_bytes(const char *text, unsigned char *bytes, size_t most, size_t *size)
{
        for (*size = 0; *text; text += 2) {
                int high = digit(text[0]), low = text[1] ? digit(text[1]) : -1;

                if (high < 0 || low < 0 || *size == most)
                        return -1;
                bytes[(*size)++] = (unsigned char)(high << 4 | low);
        }
        return 0;
}

int text_mac(const char *text, unsigned char mac[ETHER_ADDR_LEN])
{
        for (int i = 0; i < ETHER_ADDR_LEN; i++, text += 3) {
                int high = digit(text[0]), low = text[0] ? digit(text[1]) : -1;

                if (high < 0 || low < 0 || text[2] != (i < ETHER_ADDR_LEN - 1 ? ':' : '\0'))
                        return -1;
                mac[i] = (unsigned char)(high << 4 | low);
        }
        return 0;
}
