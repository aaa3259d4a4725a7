#include "scratch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

int scratch_open(struct scratch *scratch)
{
        void *text = mmap(NULL, SCRATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        *scratch = (struct scratch){.text = text == MAP_FAILED ? NULL : text};
        return scratch->text ? 0 : -1;
}

void scratch_close(struct scratch *scratch)
{
        if (scratch->text)
                (void)munmap(scratch->text, SCRATCH_BYTES);
        *scratch = (struct scratch){0};
}

int scratch_put(struct scratch *scratch, const char *format, ...)
{
        size_t room = SCRATCH_BYTES - scratch->used;
        va_list arguments;
        int length;

        va_start(arguments, format);
        length = vsnprintf(scratch->text + scratch->used, room, format, arguments);
        va_end(arguments);
        if (length < 0 || (size_t)length >= room) {
                errno = EMSGSIZE;
                return -1;
        }
        scratch->used += (size_t)length;
        return 0;
}
