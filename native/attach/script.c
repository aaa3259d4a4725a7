#include "script.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* It is read by an interpreter, so it need not be executable; kernels before 6.3 can't say so. */
static int make_memfd(void)
{
        int fd = memfd_create("vps-script", MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

        if (fd < 0 && errno == EINVAL)
                fd = memfd_create("vps-script", MFD_ALLOW_SEALING);
        return fd < 0 ? -errno : fd;
}

static int copy_all(int from, int to)
{
        enum { CHUNK = 1 << 20 };
        off_t offset = 0;
        ssize_t moved;

        do
                moved = sendfile(to, from, &offset, CHUNK);
        while (moved > 0);
        return moved < 0 ? -errno : 0;
}

int script_copy(char path[SCRIPT_PATH])
{
        _cleanup_fd_ int copy = make_memfd();
        int error = copy < 0 ? copy : copy_all(SCRIPT_FD, copy);

        (void)close(SCRIPT_FD);
        if (error)
                return error;
        if (lseek(copy, 0, SEEK_SET) < 0 ||
            fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        (void)snprintf(path, SCRIPT_PATH, "/proc/self/fd/%d", copy);
        copy = -1; /* stays open over exec */
        return 0;
}
