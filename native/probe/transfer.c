#include "numbers.h"
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As many requests are under way at once: the ceiling shall be what is waited for, not the way to the disk
 * and back. What a throttled group may do before the throttle bites is not counted. */
enum { ALIGNMENT = 4096, DEPTH = 4, WARM_US = 500000 };

struct job {
        int fd;
        bool writes;
        int64_t blocks, block;
        atomic_llong begun, done;
};

static struct job job;

/* The blocks of the file in turn, each by whoever comes first; from the beginning again at the end. */
static void *work(void *unused)
{
        char *buffer = NULL;
        ssize_t moved = 0;
        long long next;

        if (posix_memalign((void **)&buffer, ALIGNMENT, (size_t)job.block))
                exit(EXIT_FAILURE);
        memset(buffer, 'v', (size_t)job.block);
        do {
                if (moved)
                        (void)atomic_fetch_add(&job.done, 1);
                next = atomic_fetch_add(&job.begun, 1) % job.blocks * job.block;
                moved = job.writes ? pwrite(job.fd, buffer, (size_t)job.block, next)
                                   : pread(job.fd, buffer, (size_t)job.block, next);
        } while (moved == job.block);
        (void)fprintf(stderr, "vps-probe: %s at %lld: %s\n", job.writes ? "write" : "read", next,
                      moved < 0 ? strerror(errno) : "short");
        exit(EXIT_FAILURE);
        return unused;
}

static int measure(int64_t seconds)
{
        int64_t from, to;
        long long before, after;

        (void)usleep(WARM_US);
        before = atomic_load(&job.done);
        from = now_us();
        (void)sleep((unsigned)seconds);
        after = atomic_load(&job.done);
        to = now_us();
        say("bytes %lld\noperations %lld\nwall_usec %lld\n", (after - before) * (long long)job.block,
            after - before, (long long)(to - from));
        return EXIT_SUCCESS;
}

int transfer(char **words)
{
        int64_t seconds;

        for (int i = 0; i < 5; i++)
                if (!words[i])
                        return EXIT_USAGE;
        job.writes = strcmp(words[0], "write") == 0;
        job.block = number(words[3], ALIGNMENT);
        job.blocks = number(words[2], ALIGNMENT) / job.block;
        seconds = number(words[4], 1);
        if (job.block % ALIGNMENT || job.blocks == 0)
                return EXIT_USAGE;
        job.fd = open(words[1], (job.writes ? O_WRONLY : O_RDONLY) | O_DIRECT | O_CLOEXEC);
        if (job.fd < 0) {
                (void)fprintf(stderr, "vps-probe: %s: %s\n", words[1], strerror(errno));
                return EXIT_FAILURE;
        }
        say("start %d\n", DEPTH);
        for (int i = 0; i < DEPTH; i++) {
                pthread_t thread;

                if (pthread_create(&thread, NULL, work, NULL))
                        return EXIT_FAILURE;
        }
        return measure(seconds);
}
