#include "signals.h"

#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_SIGNALS = 64, KERNEL_SIGSET_BYTES = KERNEL_SIGNALS / 8 };

void signals_block_all(void)
{
        sigset_t all;

        (void)sigfillset(&all);
        (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void signals_reset(void)
{
        /* The kernel's struct sigaction, whatever the architecture: all zero is SIG_DFL, no flags, empty
         * mask. */
        const unsigned long standard[8] = {0};
        sigset_t none;

        for (int number = 1; number <= KERNEL_SIGNALS; number++)
                if (number != SIGKILL && number != SIGSTOP)
                        (void)syscall(SYS_rt_sigaction, number, standard, NULL, KERNEL_SIGSET_BYTES);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}
