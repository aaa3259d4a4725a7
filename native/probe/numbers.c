#include "numbers.h"

#include "probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int64_t number(const char *word, int64_t least)
{
        char *end = NULL;
        long long value;

        errno = 0;
        value = word ? strtoll(word, &end, 10) : 0;
        if (!word || end == word || *end || errno || value < least) {
                (void)fprintf(stderr, "vps-probe: %s is not a number of at least %lld\n",
                              word ? word : "nothing", (long long)least);
                exit(EXIT_USAGE);
        }
        return value;
}

int64_t now_us(void)
{
        struct timespec now = {0};

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void say(const char *format, ...)
{
        va_list values;

        va_start(values, format);
        (void)vdprintf(STDOUT_FILENO, format, values);
        va_end(values);
}

void hold(void)
{
        char byte;

        while (read(STDIN_FILENO, &byte, 1) > 0 || errno == EINTR)
                errno = 0;
}
