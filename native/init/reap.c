#include "reap.h"

#include <sys/wait.h>

bool reap_all(pid_t watched, int *status)
{
        bool seen = false;
        int ended;
        pid_t pid;

        while ((pid = waitpid(-1, &ended, WNOHANG | __WALL)) > 0) {
                if (watched == 0 || pid != watched)
                        continue;
                *status = ended;
                seen = true;
        }
        return seen;
}
