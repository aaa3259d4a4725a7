#include "events.h"

#include "calendar.h"
#include "cleanup.h"
#include "files.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { FULL_BYTES = 4 * 1024 * 1024, LINE_BYTES = 1024, END_BYTES = 32, DAY_SECONDS = 86400 };

/* What the one server of this process may still write. */
static struct {
        int64_t filled_us; /* 0: full */
        int spent;
        int missed;
} allowance;

enum { MOST_EVENTS = 100, REFILL_US = 6 * 1000000 };

static bool may_write(void)
{
        int64_t now = now_us(), back = (now - allowance.filled_us) / REFILL_US;

        if (back >= allowance.spent) {
                allowance.spent = 0;
                allowance.filled_us = now;
        } else {
                allowance.spent -= (int)back;
                allowance.filled_us += back * REFILL_US;
        }
        if (allowance.spent >= MOST_EVENTS) {
                allowance.missed++;
                return false;
        }
        allowance.spent++;
        return true;
}

static int open_log(int dir)
{
        return openat(dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static bool is_full(int log)
{
        struct stat st;

        return fstat(log, &st) == 0 && st.st_size > FULL_BYTES;
}

/* Where somebody else is at it, the line still goes into the old file: a supervisor waits for nobody. */
static void rotate(int dir)
{
        _cleanup_fd_ int lock = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        _cleanup_fd_ int again = -1;

        if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
                return;
        again = open_log(dir);
        if (again >= 0 && is_full(again))
                (void)renameat(dir, "log", dir, "log.1");
}

static int open_with_room(int dir)
{
        int log = open_log(dir);

        if (log < 0 || !is_full(log))
                return log;
        close_fd(&log);
        rotate(dir);
        return open_log(dir);
}

static int begin_line(char *line, const struct server *server, const char *type)
{
        struct timespec now;
        struct date date;
        int of_day;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        date = calendar_date(now.tv_sec);
        of_day = (int)(now.tv_sec % DAY_SECONDS);
        return snprintf(line, LINE_BYTES,
                        "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"type\":\"%s\",\"server\":\"%s\","
                        "\"detail\":{",
                        date.year, date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60,
                        (int)(now.tv_nsec / 1000000), type, server->name);
}

void event_write(const struct server *server, const char *type, const char *format, ...)
{
        const char *path = may_write() ? plan_setting(&server->plan, "events") : NULL;
        _cleanup_fd_ int dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        _cleanup_fd_ int log = dir < 0 ? -1 : open_with_room(dir);
        char line[LINE_BYTES];
        va_list arguments;
        int length;

        if (log < 0)
                return;
        length = begin_line(line, server, type);
        if (length >= LINE_BYTES)
                return;
        va_start(arguments, format);
        length += vsnprintf(line + length, (size_t)(LINE_BYTES - length), format, arguments);
        va_end(arguments);
        if (length > LINE_BYTES - END_BYTES)
                return;
        if (allowance.missed > 0)
                length += snprintf(line + length, END_BYTES, ",\"missed\":%d", allowance.missed);
        length += snprintf(line + length, (size_t)(LINE_BYTES - length), "}}\n");
        if (file_write_all(log, line, (size_t)length) == 0)
                allowance.missed = 0;
}
