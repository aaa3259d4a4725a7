#include "files.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int file_write_all(int file, const char *data, size_t length)
{
        ssize_t put = write(file, data, length);

        if (put >= 0 && put != (ssize_t)length)
                errno = ENOSPC;
        return put == (ssize_t)length ? 0 : -1;
}

/* Sends the text to the disk before its name is given to it: else a power cut could leave the name with an
 * empty file. An order is all that is asked for, so there is no fsync(2), which waits for the journal, and
 * with it for everything the neighbours write. */
static int put_before_name(int file)
{
        return sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static int replace(int dir, const char *name, const char *text, size_t length, bool safely)
{
        char temporary[64];
        _cleanup_fd_ int file = -1;
        int error;

        (void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
        file = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (file < 0)
                return -1;
        if (file_write_all(file, text, length) == 0 && (!safely || put_before_name(file) == 0) &&
            renameat(dir, temporary, dir, name) == 0)
                return 0;
        error = errno;
        (void)unlinkat(dir, temporary, 0);
        errno = error;
        return -1;
}

static int overwrite(int dir, const char *name, const char *text, size_t length)
{
        _cleanup_fd_ int file = openat(dir, name, O_WRONLY | O_CLOEXEC);

        if (file < 0 || file_write_all(file, text, length) < 0)
                return -1;
        return ftruncate(file, (off_t)length);
}

int file_replace(int dir, const char *name, const char *text, size_t length)
{
        return replace(dir, name, text, length, false);
}

int file_renew(int dir, const char *name, const char *text, size_t length)
{
        return replace(dir, name, text, length, false) == 0 ? 0 : overwrite(dir, name, text, length);
}

int file_renew_safely(int dir, const char *name, const char *text, size_t length)
{
        return replace(dir, name, text, length, true) == 0 ? 0 : overwrite(dir, name, text, length);
}

ssize_t file_read(int dir, const char *name, char *text, size_t size)
{
        _cleanup_fd_ int file = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t got = file < 0 ? -1 : read(file, text, size - 1);

        if (got >= 0)
                text[got] = '\0';
        return got;
}
