/* reboot(2) by itself, which in a pid namespace ends its init.
 *
 *   reboot-call reboot|poweroff */
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>

int main(int argc, char **argv)
{
        if (argc != 2)
                return 2;
        if (reboot(strcmp(argv[1], "reboot") == 0 ? RB_AUTOBOOT : RB_POWER_OFF) < 0)
                perror("reboot");
        return 1;
}
