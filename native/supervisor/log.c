#include "log.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int open_present(struct log *log)
{
        struct stat st;

        log->file = openat(log->dir, "console.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log->file < 0 || fstat(log->file, &st) < 0)
                return -1;
        log->used = st.st_size;
        return 0;
}

static void numbered(char *name, size_t size, int number)
{
        (void)snprintf(name, size, number ? "console.log.%d" : "console.log", number);
}

static void rotate(struct log *log)
{
        char from[32], to[32];

        close_fd(&log->file);
        for (int number = log->files - 1; number > 0; number--) {
                numbered(from, sizeof(from), number - 1);
                numbered(to, sizeof(to), number);
                (void)renameat(log->dir, from, log->dir, to);
        }
        if (log->files == 1)
                (void)unlinkat(log->dir, "console.log", 0);
        (void)open_present(log);
}

int log_open(struct log *log, int storage_dir, off_t size, int files)
{
        *log = (struct log){.dir = -1, .file = -1, .size = size, .files = files < 1 ? 1 : files};
        if (mkdirat(storage_dir, "log", 0700) < 0 && errno != EEXIST)
                return -1;
        log->dir = openat(storage_dir, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return log->dir < 0 ? -1 : open_present(log);
}

void log_append(struct log *log, const char *data, size_t length)
{
        ssize_t put;

        if (log->used > 0 && log->used + (off_t)length > log->size)
                rotate(log);
        put = log->file < 0 ? -1 : write(log->file, data, length);
        if (put > 0)
                log->used += put;
}
