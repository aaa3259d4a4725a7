#include "idle.h"

#include "syscalls.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* A fault brings in 64 KiB around it. The two calls below are made in place, so that they need the pages of
 * this function only, and not those of the C library's wrappers as well. */
#if defined(__x86_64__)
static inline long call(long number, long a, long b, long c, long d)
{
        register long fourth __asm__("r10") = d;
        long result;

        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                         : "rcx", "r11", "memory");
        return result;
}
#elif defined(__aarch64__)
static inline long call(long number, long a, long b, long c, long d)
{
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;
        register long x4 __asm__("x4") = 0;

        __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
        return x0;
}
#else
#error "vps runs on x86_64 and aarch64"
#endif

int idle_poll(struct pollfd *polled, nfds_t count)
{
        const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
        size_t headers = getauxval(AT_PHNUM);
        uintptr_t page = (uintptr_t)getauxval(AT_PAGESZ);
        struct {
                uintptr_t begin;
                size_t length;
        } text[4];
        size_t parts = 0;

        for (size_t i = 0; i < headers && parts < 4; i++) {
                uintptr_t begin = header[i].p_vaddr & ~(page - 1);

                if (header[i].p_type != PT_LOAD || header[i].p_flags & PF_W)
                        continue;
                text[parts].begin = begin;
                text[parts++].length = header[i].p_vaddr + header[i].p_memsz - begin;
        }
        for (size_t i = 0; i < parts; i++)
                (void)call(SYS_madvise, (long)text[i].begin, (long)text[i].length, MADV_DONTNEED, 0);
        return (int)call(SYS_ppoll, (long)polled, (long)count, 0, 0);
}
