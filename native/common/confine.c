#include "confine.h"

#include "cleanup.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int confine_keyring(void)
{
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
                return -errno;
        return 0;
}

static int parse_list(const char *list, uint64_t *kept)
{
        *kept = 0;
        while (*list) {
                char *end;
                unsigned long number = strtoul(list, &end, 10);

                if (end == list || number > 63 || (*end && *end != ','))
                        return -EBADMSG;
                *kept |= UINT64_C(1) << number;
                list = *end ? end + 1 : end;
        }
        return 0;
}

int confine_capabilities(const char *list)
{
        uint64_t kept;

        if (parse_list(list, &kept) < 0)
                return -EBADMSG;
        for (int number = 0; number < 64 && prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
                if (!(kept >> number & 1) && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0)
                        return -errno;
        /* Entering the user namespace has emptied the inheritable set; exec now gives root the bounding set.
         */
        return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}

static int nibble(char digit)
{
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int decode(const char *hex, unsigned char *bytes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                int high = nibble(hex[2 * i]);
                int low = nibble(hex[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -EBADMSG;
                bytes[i] = (unsigned char)(high << 4 | low);
        }
        return 0;
}

int confine_system_calls(const char *hex)
{
        size_t digits = strlen(hex);
        size_t count = digits / 2 / sizeof(struct sock_filter);
        _cleanup_free_ struct sock_filter *filter = NULL;
        struct sock_fprog program;

        if (digits == 0)
                return 0;
        if (digits % (2 * sizeof(struct sock_filter)) != 0 || count > BPF_MAXINSNS)
                return -EBADMSG;
        filter = calloc(count, sizeof(*filter));
        if (!filter)
                return -ENOMEM;
        if (decode(hex, (unsigned char *)filter, digits / 2) < 0)
                return -EBADMSG;
        program = (struct sock_fprog){.len = (unsigned short)count, .filter = filter};
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
