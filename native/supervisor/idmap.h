/* Owner ids: canonical (0..65535) on disk, the server's own range in the kernel. */
#ifndef VPS_IDMAP_H
#define VPS_IDMAP_H

#include "fault.h"

#include <sys/types.h>

/* Become the server's root for the file system (fsuid, fsgid) and keep the host's capabilities, or come back.
 * What is created in between belongs to the server; overlayfs mounted in between takes these as its own
 * credentials. */
int act_as_server_root(uid_t id_base, struct fault *fault);
int act_as_host_root(struct fault *fault);

/* A detached clone of the mount at `path` (below `dir`), its owner ids shifted by the user namespace when
 * that is >= 0. */
int clone_mount(int dir, const char *path, int user_ns, unsigned long attributes, int recursive,
                struct fault *fault);

#endif
