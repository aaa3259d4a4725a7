/* Which system calls does a filter refuse? Makes every one of them, in every convention that the machine has,
 * without any having an effect: a second filter of our own catches what the first lets through. The kernel
 * takes the stricter answer of the two (seccomp(2)): an error of the first filter comes back, anything else
 * ends at our listener, which answers with an errno that no call has.
 *
 *   denied-calls                   a line `CONVENTION NUMBER ERRNO` for every call that is refused
 *   denied-calls CALL ARG0 ARG1    the same for one native call with these first arguments
 *
 * CONVENTION is native, and on x86_64 also i386 (int 0x80) and x32. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MARK = 0x76707321, NOT_REFUSED = EHWPOISON, LAST_CALL = 511, X32 = 0x40000000 };

static pthread_barrier_t listening;
static int listener = -1;
static char **words;

static int install(void)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Kept until the end, as printing takes system calls too. */
static struct {
        const char *convention;
        long number, error;
} refused[3 * (LAST_CALL + 1)];
static size_t refusals;
static volatile bool done;

static void judge(const char *convention, long number, long result)
{
        if (result == -NOT_REFUSED)
                return;
        refused[refusals].convention = convention;
        refused[refusals].number = number;
        refused[refusals++].error = -result;
}

static long native(long number, long first, long second)
{
        return syscall(number, first, second, 0, 0, 0, (long)MARK) < 0 ? -errno : 0;
}

#if defined(__x86_64__)
/* The sixth argument is in ebp. Past the red zone, which the compiler may use below the stack pointer. */
static long i386(long number, long first)
{
        long result;

        __asm__ volatile("sub $128, %%rsp\n\tpush %%rbp\n\tmov %[mark], %%ebp\n\tint $0x80\n\t"
                         "pop %%rbp\n\tadd $128, %%rsp"
                         : "=a"(result)
                         : "a"(number), "b"(first), "c"(0), "d"(0), "S"(0), "D"(0), [mark] "i"(MARK)
                         : "memory", "r8", "r9", "r10", "r11");
        return (int)result;
}
#endif

/* uretprobe and uprobe pass every filter, and end a process that makes them by itself. */
static bool is_unfiltered(long number)
{
#if defined(__x86_64__)
        return number == 335 || number == 336;
#else
        return number < 0;
#endif
}

static void try_all(void)
{
        for (long number = 0; number <= LAST_CALL; number++) {
                if (!is_unfiltered(number))
                        judge("native", number, native(number, 0, 0));
#if defined(__x86_64__)
                judge("i386", number, i386(number, number == 102)); /* socketcall: 1 is SYS_SOCKET */
                judge("x32", number, native(number | X32, 0, 0));
#endif
        }
}

static void *caller_main(void *unused)
{
        listener = install();
        (void)pthread_barrier_wait(&listening);
        if (listener < 0)
                return unused;
        if (words[1])
                judge("native", strtol(words[1], NULL, 0),
                      native(strtol(words[1], NULL, 0), strtol(words[2], NULL, 0),
                             strtol(words[3], NULL, 0)));
        else
                try_all();
        done = true;
        (void)native(SYS_getpid, 0, 0); /* wakes the listener */
        return unused;
}

static int report(void)
{
        for (size_t i = 0; i < refusals; i++)
                (void)printf("%s %ld %ld\n", refused[i].convention, refused[i].number, refused[i].error);
        return fflush(stdout) == 0 ? 0 : 5;
}

int main(int argc, char **argv)
{
        struct seccomp_notif request;
        struct seccomp_notif_resp answer;
        pthread_t caller;

        words = argv;
        if (argc != 1 && argc != 4)
                return 2;
        (void)pthread_barrier_init(&listening, NULL, 2);
        if (pthread_create(&caller, NULL, caller_main, NULL) != 0)
                return 3;
        (void)pthread_barrier_wait(&listening);
        if (listener < 0) {
                perror("seccomp");
                return 3;
        }
        for (;;) {
                memset(&request, 0, sizeof(request));
                if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
                        return 4;
                if (done)
                        return report();
                answer = (struct seccomp_notif_resp){.id = request.id, .error = -NOT_REFUSED};
                if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0)
                        return 4;
        }
}
