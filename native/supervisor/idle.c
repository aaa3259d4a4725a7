#include "idle.h"

#include "syscalls.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

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

struct range {
        uintptr_t begin;
        size_t length;
};

enum { MOST_RANGES = 4 };

extern const char __ehdr_start; /* the linker's name for the first byte of the program */

/* How far the program was moved from the addresses in its headers: not at all, unless it is position
 * independent. */
static uintptr_t load_bias(const ElfW(Phdr) * header, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (header[i].p_type == PT_LOAD && header[i].p_offset == 0)
                        return (uintptr_t)&__ehdr_start - header[i].p_vaddr;
        return 0;
}

static size_t find_text(struct range *ranges)
{
        const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
        size_t count = getauxval(AT_PHNUM), found = 0;
        uintptr_t page = (uintptr_t)getauxval(AT_PAGESZ), bias = load_bias(header, count);

        for (size_t i = 0; i < count && found < MOST_RANGES; i++) {
                uintptr_t begin = header[i].p_vaddr & ~(page - 1);

                if (header[i].p_type != PT_LOAD || header[i].p_flags & PF_W)
                        continue;
                ranges[found++] = (struct range){bias + begin, header[i].p_vaddr + header[i].p_memsz - begin};
        }
        return found;
}

enum { STACK_BYTES = 256 * 1024 };

/* What deeper calls have left on the stack is garbage; nothing else is mapped that near below it, as the
 * kernel keeps a gap of 256 pages (stack_guard_gap). Of unmapped pages madvise says ENOMEM, after the others
 * are done. */
static inline uintptr_t unused_stack(uintptr_t page)
{
        return ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - 2 * page - STACK_BYTES;
}

int idle_poll(struct pollfd *polled, nfds_t count, int milliseconds)
{
        struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
        struct range text[MOST_RANGES];
        size_t ranges = find_text(text);
        uintptr_t page = (uintptr_t)getauxval(AT_PAGESZ);

        for (size_t i = 0; i < ranges; i++)
                (void)call(SYS_madvise, (long)text[i].begin, (long)text[i].length, MADV_DONTNEED, 0);
        (void)call(SYS_madvise, (long)unused_stack(page), STACK_BYTES, MADV_DONTNEED, 0);
        return (int)call(SYS_ppoll, (long)polled, (long)count, milliseconds < 0 ? 0 : (long)&limit, 0);
}
