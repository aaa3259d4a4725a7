/* What a child that is spawned gets of its parent. posix_spawn is a vfork: what a Node process weighs does
 * not matter, and nothing of it runs between clone and exec. */
#ifndef VPS_ADDON_SPAWN_H
#define VPS_ADDON_SPAWN_H

#include <spawn.h>

namespace vps
{

/* Descriptors below this are put in place for the child; ours are kept out of the way. */
enum { FIRST_FREE_FD = 10 };

struct SpawnActions {
        posix_spawn_file_actions_t value;
        SpawnActions()
        {
                (void)posix_spawn_file_actions_init(&value);
        }
        ~SpawnActions()
        {
                (void)posix_spawn_file_actions_destroy(&value);
        }
};

struct SpawnAttributes {
        posix_spawnattr_t value;
        SpawnAttributes()
        {
                (void)posix_spawnattr_init(&value);
        }
        ~SpawnAttributes()
        {
                (void)posix_spawnattr_destroy(&value);
        }
};

/* None of the signal settings of Node (which ignores SIGPIPE) or of the admin's shell. `flags` are more of
 * posix_spawnattr_setflags(3). An errno, or 0. */
int default_signals(posix_spawnattr_t *attributes, short flags);

} // namespace vps

#endif
