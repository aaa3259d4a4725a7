#include "guest_steps.h"

#include "cleanup.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* netdevice(7). */
int loopback_up(struct fault *fault)
{
        struct ifreq request = {.ifr_name = "lo"};
        _cleanup_fd_ int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (control < 0)
                return fault_errno(fault, "socket", "lo");
        if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
                return fault_errno(fault, "ioctl SIOCGIFFLAGS", "lo");
        request.ifr_flags |= IFF_UP;
        return ioctl(control, SIOCSIFFLAGS, &request) < 0 ? fault_errno(fault, "ioctl SIOCSIFFLAGS", "lo")
                                                          : 0;
}
