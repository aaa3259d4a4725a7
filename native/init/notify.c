#include "notify.h"

#include "cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static void send_ready(const char *path)
{
        static const char message[] = "READY=1\n";
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_fd_ int fd = -1;

        if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path))
                return;
        memcpy(address.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return;
        /* Nobody listening is not our trouble: the server is up all the same. */
        (void)sendto(fd, message, sizeof(message) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
                     sizeof(address));
}

void notify_ready(void)
{
        const char *path = getenv("NOTIFY_SOCKET");

        if (path)
                send_ready(path);
        (void)unsetenv("NOTIFY_SOCKET");
}
