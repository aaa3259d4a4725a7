/* Paths inside a server's root, resolved as the server would: neither `..` nor a symbolic link leads out to
 * the host. */
#ifndef VPS_INROOT_H
#define VPS_INROOT_H

#include "fault.h"

#include <sys/types.h>

/* An O_PATH descriptor of `path` below `root`; -1 with errno. */
int open_in_root(int root, const char *path);

/* The directory that holds the path's last component, made with its parents (mode 0755) where missing; `last`
 * points into `path`. */
int open_parent_in_root(int root, const char *path, const char **last, struct fault *fault);

int make_directory_in_root(int root, const char *path, mode_t mode, struct fault *fault);
/* An empty file, where nothing is yet. */
int make_file_in_root(int root, const char *path, mode_t mode, struct fault *fault);

/* Attaches a detached mount at a path of the root. */
int attach_in_root(int mount, int root, const char *path, struct fault *fault);

#endif
