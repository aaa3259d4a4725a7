#include "own_file.h"

#include "cleanup.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LONGEST = 64 * 1024 };

/* A longer text is nobody's that is asked about here. The length, or -1. */
static ssize_t read_text(const char *path, char text[LONGEST])
{
        _cleanup_fd_ int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t got = file < 0 ? -1 : read(file, text, LONGEST - 1);

        if (got >= 0)
                text[got] = '\0';
        return got;
}

/* The first line of a text of ours says so; as long as it stands, the file is ours. */
static bool is_ours(const char *present, const char *text)
{
        size_t line = strcspn(text, "\n") + 1;

        return strncmp(present, text, line) == 0;
}

/* What the root's owner has not written himself: nothing, a link to nowhere (before init /run is empty, so a
 * link to a file of systemd-resolved or resolvconf is one), ours, or what came with the image. */
static bool may_write(const char *path, const char *text, const char *pristine, bool *same)
{
        _cleanup_free_ char *present = malloc(LONGEST);
        struct stat st;

        *same = false;
        if (lstat(path, &st) < 0)
                return errno == ENOENT;
        if (S_ISLNK(st.st_mode))
                return stat(path, &st) < 0 && errno == ENOENT;
        if (!present || !S_ISREG(st.st_mode) || read_text(path, present) < 0)
                return false;
        *same = strcmp(present, text) == 0;
        return *present == '\0' || is_ours(present, text) || (*pristine && strcmp(present, pristine) == 0);
}

/* Where nothing can be written, by the admin's will, the server has to do without. */
static int written(int result, struct fault *fault, const char *call, const char *path)
{
        if (result >= 0 || errno == EROFS || errno == ENOENT || errno == ENOTDIR || errno == EBUSY)
                return result < 0 ? 1 : 0;
        return fault_errno(fault, call, path);
}

/* Beside it and in one go: readers see the old file or the new one, and no link is written through. */
static int replace(const char *path, mode_t mode, const char *text, struct fault *fault)
{
        char temporary[PATH_MAX];
        _cleanup_fd_ int file = -1;
        int result;

        (void)snprintf(temporary, sizeof(temporary), "%s.vps-new", path);
        (void)unlink(temporary);
        file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        result = written(file, fault, "open", path);
        if (result)
                return result < 0 ? -1 : 0;
        if (fchmod(file, mode) < 0 || file_write_all(file, text, strlen(text)) < 0) {
                (void)fault_errno(fault, "write", path);
                (void)unlink(temporary);
                return -1;
        }
        result = written(rename(temporary, path), fault, "rename", path);
        if (result)
                (void)unlink(temporary);
        return result < 0 ? -1 : 0;
}

/* own-file PATH MODE TEXT PRISTINE: the file shall hold TEXT unless somebody in the server has written one of
 * his own. PRISTINE is what the image has there, empty for none that may be overwritten. Run as the guest's
 * root in its root. */
int own_file(const struct step *step, struct fault *fault)
{
        const char *path = step->args[0], *text = step->args[2];
        mode_t mode = (mode_t)strtol(step->args[1], NULL, 8);
        bool same;

        if (!may_write(path, text, step->args[3], &same) || same)
                return 0;
        return replace(path, mode, text, fault);
}
