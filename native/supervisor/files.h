/* Small text files, read and replaced as a whole. */
#ifndef VPS_FILES_H
#define VPS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* 0, or -1 with errno; a short write is what a full disk does. */
int file_write_all(int file, const char *data, size_t length);

/* Readers see the old text or the new one, never half of it. 0, or -1 with errno. */
int file_replace(int dir, const char *name, const char *text, size_t length);

/* As file_replace; on a full disk the new text takes the room that the old one has. */
int file_renew(int dir, const char *name, const char *text, size_t length);

/* As file_renew, and what is said of readers holds for a power cut, too. The last text may be lost, the one
 * before it is not. */
int file_renew_safely(int dir, const char *name, const char *text, size_t length);

/* Reads at most size - 1 bytes and ends them with a NUL. Their number, or -1 with errno. */
ssize_t file_read(int dir, const char *name, char *text, size_t size);

#endif
