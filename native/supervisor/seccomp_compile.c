#include "seccomp_compile.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int add_rule(scmp_filter_ctx filter, char *text, int line)
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
                if (parse_condition(&words[3], &condition, line) < 0)
                        return -1;
                conditions = 1;
        }
        result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(strtoul(words[1], NULL, 10)), call, conditions,
                                        conditions ? &condition : NULL);
        /* EDOM: no such call on one of the architectures, as with 32-bit only ones. */
        return result < 0 && result != -EDOM ? complain(line, strerror(-result)) : 0;
}

static int read_rules(scmp_filter_ctx filter, FILE *in)
{
        char text[256];

        for (int line = 1; fgets(text, sizeof(text), in); line++)
                if (*text != '\n' && add_rule(filter, text, line) < 0)
                        return -1;
        return ferror(in) ? complain(0, strerror(errno)) : 0;
}

/* 32-bit programs run too; anything of another kind (x32) finds no system calls. */
static int add_architectures(scmp_filter_ctx filter)
{
        int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

        if (result == 0)
                result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE,
                                          2); /* a binary tree instead of a list */
#if defined(__x86_64__)
        if (result == 0)
                result = seccomp_arch_add(filter, SCMP_ARCH_X86);
#elif defined(__aarch64__)
        if (result == 0)
                result = seccomp_arch_add(filter, SCMP_ARCH_ARM);
#endif
        return result;
}

int seccomp_compile(int in, int out)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        FILE *rules = fdopen(in, "r");
        int result;

        if (!filter || !rules)
                return 1;
        result = add_architectures(filter);
        if (result < 0)
                (void)complain(0, strerror(-result));
        else
                result = read_rules(filter, rules);
        if (result == 0)
                result = seccomp_export_bpf(filter, out);
        seccomp_release(filter);
        return result < 0 ? 1 : 0;
}
