/* The line that is looked for is printed for every victim, whatever was short and whoever chose it; the one
 * with the groups' names (`oom-kill:constraint=…`) is held back when there are many:
 *
 *   Memory cgroup out of memory: Killed process 4711 (dd) total-vm:…, anon-rss:…, UID:1879048192 pgtables:…
 *
 * The server is known by the user id, as no two servers share one. The name is the server's to choose, so the
 * ends of the line are what is trusted.
 */
#include "kmsg.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES = 1024, SERVER_IDS = 65536 };

void kmsg_open(struct kmsg *kmsg)
{
        *kmsg = (struct kmsg){.file = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
        if (kmsg->file >= 0 && lseek(kmsg->file, 0, SEEK_END) < 0)
                close_fd(&kmsg->file);
}

static char *last_of(char *text, const char *wanted)
{
        char *found = NULL;

        while ((text = strstr(text, wanted)))
                found = text++;
        return found;
}

static void add(struct kmsg *kmsg, int pid, const char *comm)
{
        struct victim *victim;

        if (kmsg->count == VICTIMS) /* the latest tell more */
                kmsg_forget(kmsg, 1);
        victim = &kmsg->victims[kmsg->count++];
        victim->pid = pid;
        (void)snprintf(victim->comm, sizeof(victim->comm), "%s", comm);
}

/* A record: `PRIORITY,SEQUENCE,TIME_US,FLAGS[,…];TEXT\n`, then lines of its properties; what is not printable
 * comes as \xNN. */
static void take_record(struct kmsg *kmsg, char *record, uid_t id_base)
{
        static const char killed[] = ": Killed process ";
        char *text = strchr(record, ';'), *process, *comm, *end, *uid;

        if (!text)
                return;
        text[strcspn(text, "\n")] = '\0';
        process = strstr(text, killed);
        comm = process ? strchr(process, '(') : NULL;
        end = comm ? last_of(comm, ") total-vm:") : NULL;
        uid = end ? strstr(end, " UID:") : NULL;
        if (!uid)
                return;
        *end = '\0';
        if (strtoul(uid + strlen(" UID:"), NULL, 10) - id_base < SERVER_IDS)
                add(kmsg, atoi(process + strlen(killed)), comm + 1);
}

void kmsg_read(struct kmsg *kmsg, uid_t id_base)
{
        char record[RECORD_BYTES];
        ssize_t got;

        while (kmsg->file >= 0) {
                got = read(kmsg->file, record, sizeof(record) - 1);
                if (got > 0) {
                        record[got] = '\0';
                        take_record(kmsg, record, id_base);
                } else if (got == 0 || (errno != EPIPE && errno != EINVAL && errno != EINTR)) {
                        return; /* EPIPE: some were overwritten. EINVAL: longer than the room, and skipped */
                }
        }
}

void kmsg_forget(struct kmsg *kmsg, int count)
{
        kmsg->count -= count;
        memmove(kmsg->victims, kmsg->victims + count, (size_t)kmsg->count * sizeof(kmsg->victims[0]));
}
