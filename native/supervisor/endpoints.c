/* What a server and its supervisor both hold an end of: the console, the socket where init says READY, and
 * the account that the server may read. */
#include "builder.h"
#include "cleanup.h"
#include "idmap.h"
#include "inroot.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

/* console PATH: a pty of the server's own devpts, its terminal end at PATH. The host's terminal is never
 * handed over. */
int step_console(struct builder *builder, const struct step *step, struct fault *fault)
{
        _cleanup_fd_ int mount = -1;
        int unlock = 0;
        int master = openat(builder->root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        int slave;

        if (master < 0)
                return fault_errno(fault, "open", "/dev/pts/ptmx");
        builder->built.console_master = master;
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
                return fault_errno(fault, "ioctl TIOCSPTLCK", step->args[0]);
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return fault_errno(fault, "ioctl TIOCGPTPEER", step->args[0]);
        builder->built.console_slave = slave;
        if (make_file_in_root(builder->root, step->args[0], 0600, fault) < 0)
                return -1;
        mount = clone_mount(slave, "", -1, 0, 0, fault);
        return mount < 0 ? -1 : attach_in_root(mount, builder->root, step->args[0], fault);
}

/* notify PATH: a datagram socket (sd_notify(3)). Bound through the descriptor of its directory, as the path
 * of a root may be longer than an address holds. */
int step_notify(struct builder *builder, const struct step *step, struct fault *fault)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        const char *last;
        _cleanup_fd_ int parent = open_parent_in_root(builder->root, step->args[0], &last, fault);
        int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int on = 1;

        if (parent < 0)
                return -1;
        if (notify < 0)
                return fault_errno(fault, "socket", step->args[0]);
        builder->built.notify = notify;
        if (setsockopt(notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return fault_errno(fault, "setsockopt SO_PASSCRED", step->args[0]);
        if (fchdir(parent) < 0)
                return fault_errno(fault, "fchdir", step->args[0]);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", last);
        if (bind(notify, (struct sockaddr *)&address, sizeof(address)) < 0)
                return fault_errno(fault, "bind", step->args[0]);
        if (fchmodat(parent, last, 0600, 0) < 0)
                return fault_errno(fault, "chmod", step->args[0]);
        return chdir("/") < 0 ? fault_errno(fault, "chdir", "/") : 0;
}

/* usage PATH: a file of the host's root, mounted over itself read-only, so that the server can neither write
 * nor remove it. The supervisor keeps the way to write that it was made with. */
int step_usage(struct builder *builder, const struct step *step, struct fault *fault)
{
        const char *last;
        _cleanup_fd_ int parent = open_parent_in_root(builder->root, step->args[0], &last, fault);
        _cleanup_fd_ int mount = -1;

        if (parent < 0)
                return -1;
        builder->built.usage =
                openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
        if (builder->built.usage < 0)
                return fault_errno(fault, "open", step->args[0]);
        mount = clone_mount(parent, last, -1, mount_attributes("readonly,nosuid,nodev,noexec"), 0, fault);
        return mount < 0 ? -1 : attach_in_root(mount, builder->root, step->args[0], fault);
}
