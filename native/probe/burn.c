#include "numbers.h"
#include "probe.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* The compiler shall not see that nothing comes of it. */
static void *spin(void *until)
{
        const int64_t end = *(const int64_t *)until;
        volatile uint64_t work = 1;

        while (now_us() < end)
                for (int i = 0; i < 100000; i++)
                        work = work * 6364136223846793005U + 1442695040888963407U;
        return NULL;
}

static int64_t used_us(void)
{
        struct rusage usage = {0};

        (void)getrusage(RUSAGE_SELF, &usage);
        return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
               usage.ru_stime.tv_usec;
}

int burn(char **words)
{
        int64_t threads = number(words[0], 1);
        int64_t seconds = words[0] ? number(words[1], 1) : 0, begin = now_us();
        int64_t end = begin + seconds * 1000000;

        for (int64_t i = 1; i < threads; i++) {
                pthread_t thread;
                int problem = pthread_create(&thread, NULL, spin, &end);

                if (problem) {
                        (void)fprintf(stderr, "vps-probe: thread %lld: %s\n", (long long)i,
                                      strerror(problem));
                        return EXIT_FAILURE;
                }
                (void)pthread_detach(thread);
        }
        say("start %lld\n", (long long)threads);
        (void)spin(&end);
        say("used_usec %lld\nwall_usec %lld\n", (long long)used_us(), (long long)(now_us() - begin));
        return EXIT_SUCCESS;
}
