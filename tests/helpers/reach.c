/* Tries to get at processes by their numbers: a line `PID WAY ERRNO` for each way that fails, `PID WAY 0` for
 * each that works.
 *
 *   reach PID…                  these
 *   reach all HIGHEST           every number from 2 on: only the lines of ways that work */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static bool only_successes;

static void tell(pid_t pid, const char *way, long result)
{
        if (result >= 0 || !only_successes)
                printf("%d %s %d\n", pid, way, result < 0 ? errno : 0);
}

/* Attaches, waits for the stop, lets go. */
static long trace(pid_t pid)
{
        if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
                return -1;
        (void)waitpid(pid, NULL, __WALL);
        return ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static long read_memory(pid_t pid)
{
        char byte;
        struct iovec ours = {.iov_base = &byte, .iov_len = 1};
        unsigned long address = 0;
        char path[64], line[256];
        struct iovec theirs = {.iov_len = 1};
        FILE *maps;

        (void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
        maps = fopen(path, "re");
        if (maps && fgets(line, sizeof(line), maps))
                address = strtoul(line, NULL, 16);
        if (maps)
                (void)fclose(maps);
        theirs.iov_base = (void *)(uintptr_t)address; /* NOLINT: another process's */
        return process_vm_readv(pid, &ours, 1, &theirs, 1, 0);
}

static void try(pid_t pid)
{
        char path[64];

        tell(pid, "signal", kill(pid, 0));
        tell(pid, "pidfd", syscall(SYS_pidfd_open, pid, 0));
        tell(pid, "trace", trace(pid));
        tell(pid, "read", read_memory(pid));
        tell(pid, "limits", prlimit(pid, RLIMIT_NOFILE, NULL, &(struct rlimit){0}));
        tell(pid, "session", getsid(pid));
        (void)snprintf(path, sizeof(path), "/proc/%d/root/", pid);
        tell(pid, "root", access(path, F_OK));
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "all") == 0) {
                only_successes = true;
                for (pid_t pid = 2; pid <= atoi(argv[2]); pid++)
                        if (pid != getpid())
                                try(pid);
                return 0;
        }
        for (int i = 1; i < argc; i++)
                try(atoi(argv[i]));
        return 0;
}
