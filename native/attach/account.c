#include "account.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void close_file(FILE **file)
{
        if (*file)
                (void)fclose(*file);
}

#define _cleanup_file_ __attribute__((cleanup(close_file)))

/* The server may have put anything there: a FIFO or a device must not hold us up. No file, no entries. */
static FILE *open_database(const char *path)
{
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        FILE *file;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return NULL;
        file = fdopen(fd, "r");
        if (file)
                (void)take_fd(&fd);
        return file;
}

static bool parse_id(const char *text, unsigned *id)
{
        char *end;
        unsigned long value;

        if (text[0] < '0' || text[0] > '9')
                return false;
        errno = 0;
        value = strtoul(text, &end, 10);
        *id = (unsigned)value;
        return errno == 0 && *end == '\0' && value < UINT_MAX;
}

static void copy(char *to, size_t size, const char *from, const char *otherwise)
{
        (void)snprintf(to, size, "%s", from && from[0] ? from : otherwise);
}

static void fill(struct account *account, const struct passwd *entry)
{
        account->uid = entry->pw_uid;
        account->gid = entry->pw_gid;
        copy(account->name, sizeof(account->name), entry->pw_name, "");
        copy(account->home, sizeof(account->home), entry->pw_dir, "/");
        copy(account->shell, sizeof(account->shell), entry->pw_shell, "/bin/sh");
}

/* A name wins over a number, as in chown(1). */
static bool find_entry(struct account *account, const char *user)
{
        unsigned id = 0;
        bool numeric = parse_id(user, &id);

        for (int by_number = 0; by_number <= (numeric ? 1 : 0); by_number++) {
                _cleanup_file_ FILE *file = open_database("/etc/passwd");
                const struct passwd *entry;

                while (file && (entry = fgetpwent(file)))
                        if (by_number ? entry->pw_uid == id : strcmp(entry->pw_name, user) == 0) {
                                fill(account, entry);
                                return true;
                        }
        }
        return false;
}

static enum account_result find_user(struct account *account, const char *user)
{
        unsigned id;

        if (find_entry(account, user))
                return ACCOUNT_FOUND;
        /* A root file system without /etc/passwd has a root all the same. */
        if (strcmp(user, "root") == 0)
                id = 0;
        else if (!parse_id(user, &id))
                return ACCOUNT_NO_USER;
        account->uid = id;
        account->gid = id;
        copy(account->name, sizeof(account->name), user, "");
        copy(account->home, sizeof(account->home), "/", "");
        copy(account->shell, sizeof(account->shell), "/bin/sh", "");
        return ACCOUNT_FOUND;
}

static enum account_result find_group(struct account *account, const char *group)
{
        _cleanup_file_ FILE *file = open_database("/etc/group");
        const struct group *entry;
        unsigned id;

        while (file && (entry = fgetgrent(file)))
                if (strcmp(entry->gr_name, group) == 0) {
                        account->gid = entry->gr_gid;
                        return ACCOUNT_FOUND;
                }
        if (!parse_id(group, &id))
                return ACCOUNT_NO_GROUP;
        account->gid = id;
        return ACCOUNT_FOUND;
}

static bool is_member(const struct group *group, const char *name)
{
        for (char **member = group->gr_mem; *member; member++)
                if (strcmp(*member, name) == 0)
                        return true;
        return false;
}

static enum account_result add_group(struct account *account, gid_t group)
{
        gid_t *grown = reallocarray(account->groups, account->group_count + 1, sizeof(*grown));

        if (!grown)
                return ACCOUNT_NO_MEMORY;
        account->groups = grown;
        account->groups[account->group_count++] = group;
        return ACCOUNT_FOUND;
}

static enum account_result find_groups(struct account *account)
{
        _cleanup_file_ FILE *file = open_database("/etc/group");
        const struct group *entry;
        enum account_result result = ACCOUNT_FOUND;

        while (result == ACCOUNT_FOUND && file && account->group_count < NGROUPS_MAX &&
               (entry = fgetgrent(file)))
                if (entry->gr_gid != account->gid && is_member(entry, account->name))
                        result = add_group(account, entry->gr_gid);
        return result;
}

enum account_result account_find(struct account *account, const char *text)
{
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *user = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
        enum account_result result;

        *account = (struct account){0};
        if (!user)
                return ACCOUNT_NO_MEMORY;
        result = find_user(account, user);
        if (result != ACCOUNT_FOUND)
                return result;
        if (colon)
                result = find_group(account, colon + 1);
        if (result == ACCOUNT_FOUND)
                result = add_group(account, account->gid);
        return result == ACCOUNT_FOUND && !colon ? find_groups(account) : result;
}
