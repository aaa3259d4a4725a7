#include "numbers.h"
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STEP = 256 * 1024, TOLD_EVERY = 1024 * 1024 };

/* Different in every page: pages that are alike could be merged or compressed to nothing. */
static void fill(char *block, int64_t seed)
{
        for (int64_t at = 0; at < STEP; at += (int64_t)sizeof(seed)) {
                seed = (int64_t)((uint64_t)seed * 6364136223846793005U + 1442695040888963407U);
                memcpy(block + at, &seed, sizeof(seed));
        }
}

int hoard(char **words)
{
        int64_t most = number(words[0], 1), held = 0;

        say("start %lld\n", (long long)most);
        while (held < most) {
                char *block = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

                if (block == MAP_FAILED) {
                        say("refused %s\n", strerrorname_np(errno));
                        break;
                }
                fill(block, held + 1);
                held += STEP;
                if (held % TOLD_EVERY == 0)
                        say("held %lld\n", (long long)held);
        }
        say("held %lld\nend %lld\n", (long long)held, (long long)held);
        hold();
        return EXIT_SUCCESS;
}
