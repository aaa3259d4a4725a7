#include "seccomp_compile.h"

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 256 };

static int complain(int line, const char *what)
{
        (void)fprintf(stderr, "vps-supervisor: seccomp line %d: %s\n", line, what);
        return -1;
}

static int parse_condition(char **words, struct scmp_arg_cmp *condition, int line)
{
        unsigned index = (unsigned)strtoul(words[0], NULL, 0);

        if (index > 5 || !words[1] || !words[2])
                return complain(line, "a condition is: INDEX eq|masked VALUE [MASK]");
        if (strcmp(words[1], "eq") == 0)
                *condition = (struct scmp_arg_cmp)SCMP_CMP64(index, SCMP_CMP_EQ, strtoull(words[2], NULL, 0));
        else if (strcmp(words[1], "masked") == 0 && words[3])
                *condition = (struct scmp_arg_cmp)SCMP_CMP64(
                        index, SCMP_CMP_MASKED_EQ, strtoull(words[3], NULL, 0), strtoull(words[2], NULL, 0));
        else
                return complain(line, "a comparison is eq or masked");
        return 0;
}

/* 32-bit programs make sockets through socketcall(2), whose arguments lie in memory, out of a filter's sight.
 * libseccomp then takes a condition on socket's first argument for one on socketcall's, and refuses every
 * socket. */
static bool hides_arguments(uint32_t architecture, int call)
{
        return call == SCMP_SYS(socket) && architecture != seccomp_arch_native();
}

static int add_rule(scmp_filter_ctx filter, uint32_t architecture, char *text, int line)
{
        char *words[8] = {0}, *rest = text;
        struct scmp_arg_cmp condition;
        unsigned conditions = 0;
        int call, result;

        for (int i = 0; i < 7 && rest; i++)
                words[i] = strsep(&rest, " \n");
        if (!words[0] || strcmp(words[0], "deny") != 0 || !words[1] || !words[2])
                return complain(line, "a rule is: deny ERRNO SYSCALL [CONDITION]");
        call = seccomp_syscall_resolve_name(words[2]);
        if (call == __NR_SCMP_ERROR)
                return 0;
        if (words[3] && *words[3]) {
                if (hides_arguments(architecture, call))
                        return 0;
                if (parse_condition(&words[3], &condition, line) < 0)
                        return -1;
                conditions = 1;
        }
        result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(strtoul(words[1], NULL, 10)), call, conditions,
                                        conditions ? &condition : NULL);
        /* EDOM: no such call on one of the architectures, as with 32-bit only ones. */
        return result < 0 && result != -EDOM ? complain(line, strerror(-result)) : 0;
}

/* For one architecture: 32-bit programs run too; anything of a third kind (x32) finds no system calls. */
static scmp_filter_ctx make_filter(uint32_t architecture)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int result = filter ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) : -1;

        if (result == 0) /* a binary tree instead of a list */
                result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (result == 0 && architecture != seccomp_arch_native())
                result = seccomp_arch_add(filter, architecture);
        if (result == 0 && architecture != seccomp_arch_native())
                result = seccomp_arch_remove(filter, seccomp_arch_native());
        if (result == 0)
                return filter;
        seccomp_release(filter);
        return NULL;
}

static const uint32_t architectures[] = {
#if defined(__x86_64__)
        SCMP_ARCH_X86_64,
        SCMP_ARCH_X86,
#elif defined(__aarch64__)
        SCMP_ARCH_AARCH64,
        SCMP_ARCH_ARM,
#endif
};

enum { ARCHITECTURES = sizeof(architectures) / sizeof(architectures[0]) };

static int add_everywhere(scmp_filter_ctx *filters, const char *text, int line)
{
        char copy[LINE_BYTES];

        for (size_t i = 0; i < ARCHITECTURES; i++) {
                (void)snprintf(copy, sizeof(copy), "%s", text);
                if (add_rule(filters[i], architectures[i], copy, line) < 0)
                        return -1;
        }
        return 0;
}

static int read_rules(scmp_filter_ctx *filters, FILE *in)
{
        char text[LINE_BYTES];

        for (int line = 1; fgets(text, sizeof(text), in); line++)
                if (*text != '\n' && add_everywhere(filters, text, line) < 0)
                        return -1;
        return ferror(in) ? complain(0, strerror(errno)) : 0;
}

/* Into the first; the others are gone then. */
static int merge(scmp_filter_ctx *filters)
{
        for (size_t i = 1; i < ARCHITECTURES; i++) {
                int result = seccomp_merge(filters[0], filters[i]);

                if (result < 0)
                        return complain(0, strerror(-result));
                filters[i] = NULL;
        }
        return 0;
}

int seccomp_compile(int in, int out)
{
        scmp_filter_ctx filters[ARCHITECTURES] = {NULL};
        FILE *rules = fdopen(in, "r");
        int result = rules ? 0 : complain(0, strerror(errno));

        for (size_t i = 0; i < ARCHITECTURES && result == 0; i++) {
                filters[i] = make_filter(architectures[i]);
                if (!filters[i])
                        result = complain(0, "cannot make a filter for this machine");
        }
        if (result == 0)
                result = read_rules(filters, rules);
        if (result == 0)
                result = merge(filters);
        if (result == 0)
                result = seccomp_export_bpf(filters[0], out);
        for (size_t i = 0; i < ARCHITECTURES; i++)
                if (filters[i])
                        seccomp_release(filters[i]);
        return result < 0 ? 1 : 0;
}
