#include "fds.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int compare(const void *left, const void *right)
{
        return *(const int *)left - *(const int *)right;
}

int close_all_but(int *keep, size_t count)
{
        unsigned next = 0;

        qsort(keep, count, sizeof(*keep), compare);
        for (size_t i = 0; i < count; i++) {
                if (keep[i] < 0)
                        continue;
                if ((unsigned)keep[i] > next && close_range(next, (unsigned)keep[i] - 1, 0) < 0)
                        return -errno;
                next = (unsigned)keep[i] + 1;
        }
        return close_range(next, ~0U, 0) < 0 ? -errno : 0;
}
