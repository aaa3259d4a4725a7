/* Who the command runs as, by the server's own /etc/passwd and /etc/group. */
#ifndef VPS_ATTACH_ACCOUNT_H
#define VPS_ATTACH_ACCOUNT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct account {
        uid_t uid;
        gid_t gid;
        gid_t *groups; /* all of them, gid too, as initgroups(3) has it */
        size_t group_count;
        char name[256];
        char home[PATH_MAX];
        char shell[PATH_MAX];
};

enum account_result { ACCOUNT_FOUND, ACCOUNT_NO_USER, ACCOUNT_NO_GROUP, ACCOUNT_NO_MEMORY };

/* `text` is USER[:GROUP], each a name or a number. A number without an entry is fine: its group is the same
 * number, its home is / and its shell is /bin/sh. With GROUP it has no other groups. Only inside
 * the server: it reads its files. */
enum account_result account_find(struct account *account, const char *text);

#endif
