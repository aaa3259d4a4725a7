#include "inroot.h"

#include "cleanup.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int open_below(int root, const char *path, uint64_t flags)
{
        return sys_openat2(root, path, flags | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int open_in_root(int root, const char *path)
{
        return open_below(root, path, O_PATH);
}

static int make_parents(int root, const char *path, struct fault *fault)
{
        char partial[4096];

        for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                _cleanup_fd_ int dir = -1;
                const char *last;

                (void)snprintf(partial, sizeof(partial), "%.*s", (int)(slash - path), path);
                dir = open_below(root, partial, O_PATH | O_DIRECTORY);
                if (dir >= 0)
                        continue;
                if (errno != ENOENT)
                        return fault_errno(fault, "openat2", partial);
                dir = open_parent_in_root(root, partial, &last, fault);
                if (dir < 0)
                        return -1;
                if (mkdirat(dir, last, 0755) < 0 && errno != EEXIST)
                        return fault_errno(fault, "mkdir", partial);
        }
        return 0;
}

int open_parent_in_root(int root, const char *path, const char **last, struct fault *fault)
{
        const char *slash = strrchr(path, '/');
        char parent[4096];
        int dir;

        if (*path != '/' || !slash[1] || strlen(path) >= sizeof(parent))
                return fault_set(fault, EINVAL, "openat2", path);
        (void)snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path), path);
        *last = slash + 1;
        dir = open_below(root, parent, O_PATH | O_DIRECTORY);
        if (dir < 0 && errno == ENOENT) {
                if (make_parents(root, path, fault) < 0)
                        return -1;
                dir = open_below(root, parent, O_PATH | O_DIRECTORY);
        }
        return dir < 0 ? fault_errno(fault, "openat2", parent) : dir;
}

int make_directory_in_root(int root, const char *path, mode_t mode, struct fault *fault)
{
        const char *last;
        _cleanup_fd_ int existing = open_below(root, path, O_PATH | O_DIRECTORY);
        _cleanup_fd_ int parent = -1;

        if (existing >= 0)
                return 0;
        if (errno != ENOENT)
                return fault_errno(fault, "openat2", path);
        parent = open_parent_in_root(root, path, &last, fault);
        if (parent < 0)
                return -1;
        if (mkdirat(parent, last, mode) < 0)
                return fault_errno(fault, "mkdir", path);
        if (fchmodat(parent, last, mode, 0) < 0) /* past the umask: a sticky or set-gid bit too */
                return fault_errno(fault, "chmod", path);
        return 0;
}

int make_file_in_root(int root, const char *path, mode_t mode, struct fault *fault)
{
        const char *last;
        _cleanup_fd_ int existing = open_in_root(root, path);
        _cleanup_fd_ int parent = -1;
        _cleanup_fd_ int file = -1;

        if (existing >= 0)
                return 0;
        if (errno != ENOENT)
                return fault_errno(fault, "openat2", path);
        parent = open_parent_in_root(root, path, &last, fault);
        if (parent < 0)
                return -1;
        file = openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        return file < 0 ? fault_errno(fault, "open", path) : 0;
}

int attach_in_root(int mount, int root, const char *path, struct fault *fault)
{
        _cleanup_fd_ int target = open_in_root(root, path);

        if (target < 0)
                return fault_errno(fault, "openat2", path);
        if (sys_move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return fault_errno(fault, "move_mount", path);
        return 0;
}
