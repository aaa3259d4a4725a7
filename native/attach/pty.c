#include "pty.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

/* The server owns /dev and may have put anything there; what we hand to the host must be a pty master and
 * nothing else. */
static int check_master(int master)
{
        struct statfs fs;
        struct stat st;

        if (fstatfs(master, &fs) < 0 || fstat(master, &st) < 0)
                return -errno;
        return fs.f_type == DEVPTS_SUPER_MAGIC && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2)
                       ? 0
                       : -ENOTTY;
}

static void dress(int slave, const struct terminal *like)
{
        if (like->known)
                (void)tcsetattr(slave, TCSANOW, &like->modes);
        if (like->size.ws_row || like->size.ws_col)
                (void)ioctl(slave, TIOCSWINSZ, &like->size);
}

int pty_open(const struct terminal *like, int *master, int *slave)
{
        _cleanup_fd_ int opened = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
        int unlock = 0;
        int error;

        if (opened < 0)
                return -errno;
        error = check_master(opened);
        if (error)
                return error;
        if (ioctl(opened, TIOCSPTLCK, &unlock) < 0)
                return -errno;
        /* By descriptor, not by name: no path of the server is trusted. */
        *slave = ioctl(opened, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (*slave < 0)
                return -errno;
        dress(*slave, like);
        *master = take_fd(&opened);
        return 0;
}
