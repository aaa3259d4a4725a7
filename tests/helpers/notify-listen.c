/* Receives one datagram at the Unix socket PATH, prints it, a space and whether it came from a process, and
 * ends.
 *
 *   notify-listen PATH */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char message[256];
        ssize_t got;
        int fd;

        if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
                return 2;
        strcpy(address.sun_path, argv[1]);
        fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(argv[1], 0777) < 0)
                return 1;
        puts("listening");
        fflush(stdout);
        got = recv(fd, message, sizeof(message) - 1, 0);
        if (got < 0)
                return 1;
        message[got] = '\0';
        printf("%s", message);
        return 0;
}
