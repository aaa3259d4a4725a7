#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
};

int channel_send(int channel, const struct message *message, const int *fds, int count)
{
        union control control = {0};
        struct iovec data = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
        struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};

        while (count > 0 && fds[count - 1] < 0)
                count--;
        if (count > 0) {
                header.msg_control = control.bytes;
                header.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * (size_t)count);
        }
        return sendmsg(channel, &header, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int channel_receive(int channel, struct message *message, int *fds, int count)
{
        union control control = {0};
        struct iovec data = {.iov_base = message, .iov_len = sizeof(*message)};
        struct msghdr header = {.msg_iov = &data,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = sizeof(control.bytes)};
        ssize_t got;

        for (int i = 0; i < count; i++)
                fds[i] = -1;
        do
                got = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
        while (got < 0 && errno == EINTR);
        if (got < 0)
                return -1;
        if (got != sizeof(*message)) {
                errno = ECONNRESET;
                return -1;
        }
        if (header.msg_controllen && control.header.cmsg_type == SCM_RIGHTS) {
                size_t bytes = control.header.cmsg_len - CMSG_LEN(0);

                if (bytes > sizeof(int) * (size_t)count)
                        bytes = sizeof(int) * (size_t)count;
                memcpy(fds, CMSG_DATA(&control.header), bytes);
        }
        return 0;
}
