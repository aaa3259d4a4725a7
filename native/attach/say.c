#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(const char *format, va_list arguments, int error)
{
        char text[1024];

        (void)vsnprintf(text, sizeof(text), format, arguments);
        if (error)
                (void)fprintf(stderr, "vps: %s: %s\n", text, strerror(error));
        else
                (void)fprintf(stderr, "vps: %s\n", text);
}

void say(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        put(format, arguments, 0);
        va_end(arguments);
}

int say_error(int error, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        put(format, arguments, error);
        va_end(arguments);
        return EXIT_ATTACH;
}
