/*
 * vps-test-idmapped-overlay IMAGE DATA TARGET FIRST
 *
 * Mounts IMAGE (lower) and DATA/{upper,work} as an overlay at TARGET, with the ids 0..65535 on disk shown as
 * FIRST..FIRST+65535: what the kernel of a host must be able to do for vps. Leaves everything mounted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
        perror(what);
        exit(EXIT_FAILURE);
}

static void write_map(pid_t pid, const char *name, unsigned first)
{
        char path[64], map[64];
        snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
        int length = snprintf(map, sizeof(map), "0 %u 65536\n", first);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, map, (size_t)length) != length)
                die(path);
        close(fd);
}

/* A user namespace lives as long as someone holds it: a child that only waits, until the fd is open. */
static int user_namespace(unsigned first)
{
        int ready[2];
        if (pipe2(ready, O_CLOEXEC) < 0)
                die("pipe2");
        pid_t pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], "", 1) != 1)
                        _exit(EXIT_FAILURE);
                pause();
                _exit(EXIT_SUCCESS);
        }
        char byte;
        if (read(ready[0], &byte, 1) != 1)
                die("user namespace");
        write_map(pid, "uid_map", first);
        write_map(pid, "gid_map", first);
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                die(path);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return fd;
}

/* Covers a directory with an idmapped mount of itself. */
static void idmap(const char *path, int namespace)
{
        int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (tree < 0)
                die("open_tree");
        struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)namespace};
        if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
                die("mount_setattr");
        if (syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                die("move_mount");
}

int main(int argc, char **argv)
{
        if (argc != 5) {
                fprintf(stderr, "usage: %s IMAGE DATA TARGET FIRST\n", argv[0]);
                return 2;
        }
        const char *image = argv[1], *data = argv[2], *target = argv[3];
        unsigned first = (unsigned)strtoul(argv[4], NULL, 10);
        int namespace = user_namespace(first);
        idmap(image, namespace);
        idmap(data, namespace);
        char options[4096];
        snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", image, data,
                 data);
        /* overlayfs makes files of its own as the mounter: who must exist in the map, but needs root's
         * capabilities */
        if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
                die("securebits");
        setfsgid(first);
        setfsuid(first);
        if (mount("overlay", target, "overlay", 0, options) < 0)
                die("mount overlay");
        return EXIT_SUCCESS;
}
