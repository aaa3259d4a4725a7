/* Settings of the links that a server has on the host. */
#include "steps.h"

#include "cleanup.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool is_plain(const char *name)
{
        return *name && !strchr(name, '/');
}

/* host-setting FAMILY HOST NAME VALUE: /proc/sys/net/FAMILY/conf/HOST/NAME. It goes with the link. */
int step_host_setting(struct run *run, const struct step *step, bool remove)
{
        const char *family = step->args[0], *host = step->args[1], *name = step->args[2],
                   *value = step->args[3];
        _cleanup_fd_ int root = -1, file = -1;
        char path[PATH_MAX];

        if (strcmp(family, "ipv4") != 0 && strcmp(family, "ipv6") != 0)
                return run_malformed(run, family);
        if (!is_plain(name))
                return run_malformed(run, name);
        if (remove)
                return 0;
        if (run_link(run, false, host, false) < 0) /* which also sends the message that makes it */
                return -1;
        root = open("/proc/sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return run_errno(run, "open");
        (void)snprintf(path, sizeof(path), "%s/conf/%s/%s", family, host, name);
        file = sys_openat2(root, path, O_WRONLY | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        if (file < 0)
                return run_errno(run, "open");
        return write(file, value, strlen(value)) == (ssize_t)strlen(value) ? 0 : run_errno(run, "write");
}
