#include "numbers.h"
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a throttled group may do at once before the throttle bites is not counted. */
enum { ALIGNMENT = 4096, WARM_US = 500000 };

struct job {
        int fd;
        bool writes;
        int64_t size, block, at;
        char *buffer;
};

/* The next block; from the beginning again at the end of the file. False after a failure. */
static bool move_block(struct job *job)
{
        ssize_t done = job->writes ? pwrite(job->fd, job->buffer, (size_t)job->block, job->at)
                                   : pread(job->fd, job->buffer, (size_t)job->block, job->at);

        if (done != job->block) {
                (void)fprintf(stderr, "vps-probe: %s at %lld: %s\n", job->writes ? "write" : "read",
                              (long long)job->at, done < 0 ? strerror(errno) : "short");
                return false;
        }
        job->at += job->block;
        if (job->at + job->block > job->size)
                job->at = 0;
        return true;
}

static int run(struct job *job, int64_t seconds)
{
        int64_t begin = now_us(), counted = 0, first = 0, last;

        say("start 1\n");
        do {
                if (!move_block(job))
                        return EXIT_FAILURE;
                last = now_us();
                if (first)
                        counted++;
                else if (last - begin >= WARM_US)
                        first = last;
        } while (!first || last - first < seconds * 1000000);
        say("bytes %lld\noperations %lld\nwall_usec %lld\n", (long long)(counted * job->block),
            (long long)counted, (long long)(last - first));
        return EXIT_SUCCESS;
}

int transfer(char **words)
{
        struct job job = {0};
        int64_t seconds;

        for (int i = 0; i < 5; i++)
                if (!words[i])
                        return EXIT_USAGE;
        job.writes = strcmp(words[0], "write") == 0;
        job.size = number(words[2], ALIGNMENT);
        job.block = number(words[3], ALIGNMENT);
        seconds = number(words[4], 1);
        if (job.block % ALIGNMENT || job.block > job.size)
                return EXIT_USAGE;
        job.fd = open(words[1], (job.writes ? O_WRONLY : O_RDONLY) | O_DIRECT | O_CLOEXEC);
        if (job.fd < 0) {
                (void)fprintf(stderr, "vps-probe: %s: %s\n", words[1], strerror(errno));
                return EXIT_FAILURE;
        }
        if (posix_memalign((void **)&job.buffer, ALIGNMENT, (size_t)job.block))
                return EXIT_FAILURE;
        memset(job.buffer, 'v', (size_t)job.block);
        return run(&job, seconds);
}
