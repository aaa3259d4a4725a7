/* The console's log: console.log, console.log.1 …, each at most `size` bytes, the oldest forgotten. */
#ifndef VPS_LOG_H
#define VPS_LOG_H

#include <stddef.h>
#include <sys/types.h>

struct log {
        int dir;
        int file;
        off_t size; /* of one file at most */
        off_t used; /* of the present one */
        int files;  /* kept, the present one included */
};

/* 0, or -1 with errno. */
int log_open(struct log *log, int storage_dir, off_t size, int files);
/* A full disk loses output, never the server. */
void log_append(struct log *log, const char *data, size_t length);

#endif
