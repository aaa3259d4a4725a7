/* Types a character into the terminal at standard input, as a program that wants the admin's shell to run
 * something does. Prints the errno, 0 when it was possible. */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(void)
{
        int failed = ioctl(0, TIOCSTI, " ") < 0;

        printf("TIOCSTI %d\n", failed ? errno : 0);
        return 0;
}
