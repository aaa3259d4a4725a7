#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX_BYTES = 4 * 1024 * 1024 };

static int read_bytes(int fd, char *data, size_t size)
{
        size_t done = 0;

        while (done < size) {
                ssize_t got = pread(fd, data + done, size - done, (off_t)done);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        return -EBADMSG;
                done += (size_t)got;
        }
        return 0;
}

static size_t count_words(const char *data, size_t size)
{
        size_t count = 0;

        for (size_t i = 0; i < size; i++)
                count += data[i] == '\0';
        return count;
}

static void index_words(struct words *words)
{
        char *word = words->data;

        for (size_t i = 0; i < words->count; i++) {
                words->at[i] = word;
                word += strlen(word) + 1;
        }
        words->at[words->count] = NULL;
}

int words_read(int fd, struct words *words)
{
        struct stat st;
        int error;

        *words = (struct words){0};
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size <= 0 || st.st_size > WORDS_MAX_BYTES)
                return -EBADMSG;
        words->size = (size_t)st.st_size;
        words->data = malloc(words->size);
        if (!words->data)
                return -ENOMEM;
        error = read_bytes(fd, words->data, words->size);
        if (!error && words->data[words->size - 1] != '\0')
                error = -EBADMSG;
        if (error) {
                words_free(words);
                return error;
        }
        words->count = count_words(words->data, words->size);
        words->at = calloc(words->count + 1, sizeof(*words->at));
        if (!words->at) {
                words_free(words);
                return -ENOMEM;
        }
        index_words(words);
        return 0;
}

void words_free(struct words *words)
{
        free(words->at);
        free(words->data);
        *words = (struct words){0};
}

char *words_next(struct words *words)
{
        return words->next < words->count ? words->at[words->next++] : NULL;
}
