/* A list of NUL-terminated words: how TypeScript hands a plan to C. There is no quoting and nothing to parse;
 * the same bytes are replayed on a restart. */
#ifndef VPS_WORDS_H
#define VPS_WORDS_H

#include <stddef.h>

struct words {
        char *data;  /* the bytes as they came; every word points into it */
        size_t size; /* of data, the last word's NUL included */
        char **at;   /* at[0] … at[count - 1]; at[count] is NULL */
        size_t count;
        size_t next; /* the reader's position */
};

/* Reads a whole file from its start (memfd or regular file, at most 4 MiB). 0, or a negative errno: EBADMSG
 * when the last word has no end. */
int words_read(int fd, struct words *words);
void words_free(struct words *words);

/* The next word, or NULL at the end. */
char *words_next(struct words *words);

#endif
