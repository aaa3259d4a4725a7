#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union ancillary {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
};

int channel_make(int *ours, int *theirs)
{
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        *ours = pair[0];
        *theirs = pair[1];
        return 0;
}

int channel_send(int channel, const struct message *message, int fd)
{
        union ancillary ancillary = {0};
        struct iovec bytes = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
        struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
        ssize_t sent;

        if (fd >= 0) {
                header.msg_control = &ancillary;
                header.msg_controllen = sizeof(ancillary);
                ancillary.header.cmsg_level = SOL_SOCKET;
                ancillary.header.cmsg_type = SCM_RIGHTS;
                ancillary.header.cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(&ancillary.header), &fd, sizeof(fd));
        }
        do
                sent = sendmsg(channel, &header, MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? -errno : 0;
}

int channel_receive(int channel, struct message *message, int *fd)
{
        union ancillary ancillary = {0};
        struct iovec bytes = {.iov_base = message, .iov_len = sizeof(*message)};
        struct msghdr header = {.msg_iov = &bytes,
                                .msg_iovlen = 1,
                                .msg_control = &ancillary,
                                .msg_controllen = sizeof(ancillary)};
        ssize_t got;
        struct cmsghdr *control;

        *fd = -1;
        do
                got = recvmsg(channel, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (got < 0 && errno == EINTR);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
                return 0;
        if (got < 0)
                return -errno;
        control = CMSG_FIRSTHDR(&header);
        if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
                memcpy(fd, CMSG_DATA(control), sizeof(*fd));
        if ((size_t)got != sizeof(*message))
                return -EBADMSG;
        message->what[sizeof(message->what) - 1] = '\0';
        return 1;
}
