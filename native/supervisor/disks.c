/* io.stat has a line per device, and a request to a stacked one (device mapper, md, loop) is counted there
 * and again on each device below. The lowest count: what reaches disks. */
#include "disks.h"

#include "cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOP_MAJOR = 7, ENTRY_BYTES = 512, STAT_BYTES = 2048 };

struct traffic {
        int64_t rbytes, wbytes, rios, wios;
};

/* Whether something is in /sys/dev/block/MAJOR:MINOR/slaves beside `.` and `..`. A loop device's file has no
 * link there. */
static bool is_stacked(unsigned major_number, unsigned minor_number)
{
        _Alignas(struct dirent64) char entries[ENTRY_BYTES];
        char path[64];
        _cleanup_fd_ int list = -1;
        ssize_t got, count = 0;

        if (major_number == LOOP_MAJOR)
                return true;
        (void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major_number, minor_number);
        list = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        got = list < 0 ? 0 : getdents64(list, entries, sizeof(entries));
        for (ssize_t at = 0; at < got; at += ((struct dirent64 *)(entries + at))->d_reclen)
                count++;
        return count > 2;
}

static int64_t word_of(const char *line, const char *key)
{
        const char *at = strstr(line, key);

        return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* One line: `8:0 rbytes=… wbytes=… rios=… wios=… dbytes=… dios=…`. */
static void add_line(struct traffic *traffic, const char *line)
{
        unsigned major_number, minor_number;

        if (sscanf(line, "%u:%u", &major_number, &minor_number) != 2 || !strchr(line, '=') ||
            is_stacked(major_number, minor_number))
                return;
        traffic->rbytes += word_of(line, " rbytes=");
        traffic->wbytes += word_of(line, " wbytes=");
        traffic->rios += word_of(line, " rios=");
        traffic->wios += word_of(line, " wios=");
}

/* The file may be longer than the room for it: whole lines are taken, the rest is moved to the front. */
static bool add_all(struct traffic *traffic, int file)
{
        char text[STAT_BYTES];
        size_t used = 0;
        ssize_t got;

        while ((got = read(file, text + used, sizeof(text) - 1 - used)) > 0) {
                char *line = text, *end;

                used += (size_t)got;
                text[used] = '\0';
                for (; (end = strchr(line, '\n')); line = end + 1) {
                        *end = '\0';
                        add_line(traffic, line);
                }
                used -= (size_t)(line - text);
                memmove(text, line, used);
        }
        return got == 0;
}

void disks_take(struct ledger *ledger, int payload)
{
        _cleanup_fd_ int file = openat(payload, "io.stat", O_RDONLY | O_CLOEXEC);
        struct traffic traffic = {0};

        if (file < 0 || !add_all(&traffic, file))
                return;
        ledger_count(ledger, IO_RBYTES, traffic.rbytes);
        ledger_count(ledger, IO_WBYTES, traffic.wbytes);
        ledger_count(ledger, IO_RIOS, traffic.rios);
        ledger_count(ledger, IO_WIOS, traffic.wios);
}
