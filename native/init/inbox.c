#include "inbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int inbox = -1;

int inbox_open(void)
{
        sigset_t all;

        (void)sigfillset(&all);
        inbox = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
        return inbox < 0 ? -errno : 0;
}

int inbox_next(int timeout_ms)
{
        struct pollfd one = {.fd = inbox, .events = POLLIN};
        struct signalfd_siginfo info;

        for (;;) {
                if (read(inbox, &info, sizeof(info)) == sizeof(info))
                        return (int)info.ssi_signo;
                if (poll(&one, 1, timeout_ms) == 0)
                        return 0;
        }
}
