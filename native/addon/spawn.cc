#include "spawn.h"

#include <csignal>
#include <cstring>

namespace vps
{

int default_signals(posix_spawnattr_t *attributes, short flags)
{
        sigset_t all;
        sigset_t none;
        int error;

        memset(&all, 0xff,
               sizeof(all)); /* sigfillset() leaves out two, and posix_spawn ignores those for ever */
        sigemptyset(&none);
        flags = static_cast<short>(flags | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        error = posix_spawnattr_setflags(attributes, flags);
        if (!error)
                error = posix_spawnattr_setsigdefault(attributes, &all);
        if (!error)
                error = posix_spawnattr_setsigmask(attributes, &none);
        return error;
}

} // namespace vps
