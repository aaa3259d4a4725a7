#include "devices.h"

#include "cleanup.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* The registers of a program. R1 holds the context when it begins, R0 the answer when it ends. */
enum { ANSWER = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE, MAJOR, MINOR };

enum { PROLOGUE = 4, PER_RULE = 5, EPILOGUE = 2 };

struct rule {
        uint32_t major, minor;
        bool any_minor;
};

static struct bpf_insn load(int to, size_t offset)
{
        return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
                                 .dst_reg = (uint8_t)to & 0xf,
                                 .src_reg = CONTEXT,
                                 .off = (int16_t)offset};
}

/* Of 32 bits, as device numbers are: a 64 bit comparison would extend the sign of the constant. */
static struct bpf_insn skip_unless(int reg, uint32_t value, size_t distance)
{
        return (struct bpf_insn){.code = BPF_JMP32 | BPF_JNE | BPF_K,
                                 .dst_reg = (uint8_t)reg & 0xf,
                                 .off = (int16_t)distance,
                                 .imm = (int32_t)value};
}

static struct bpf_insn answer(int allowed)
{
        return (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = ANSWER, .imm = allowed};
}

static struct bpf_insn leave_program(void)
{
        return (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
}

/* The lower half of access_type is the kind of device, the upper what is to be done with it: what may be
 * opened at all may be read, written and made. */
static size_t write_program(struct bpf_insn *program, const struct rule *rules, size_t count)
{
        struct bpf_insn *at = program;

        *at++ = load(TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
        *at++ = (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K, .dst_reg = TYPE, .imm = 0xffff};
        *at++ = load(MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
        *at++ = load(MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
        for (size_t i = 0; i < count; i++) {
                size_t last = rules[i].any_minor ? 2 : 3; /* comparisons of this rule */

                *at++ = skip_unless(TYPE, BPF_DEVCG_DEV_CHAR, last + 1);
                *at++ = skip_unless(MAJOR, rules[i].major, last);
                if (!rules[i].any_minor)
                        *at++ = skip_unless(MINOR, rules[i].minor, last - 1);
                *at++ = answer(1);
                *at++ = leave_program();
        }
        *at++ = answer(0);
        *at++ = leave_program();
        return (size_t)(at - program);
}

static bool read_number(const char **text, uint32_t *number)
{
        char *end;
        unsigned long value;

        if (**text < '0' || **text > '9')
                return false;
        errno = 0;
        value = strtoul(*text, &end, 10);
        *text = end;
        *number = (uint32_t)value;
        return errno == 0 && value <= UINT32_MAX;
}

/* c:MAJOR:MINOR or c:MAJOR:* */
static bool read_rule(const char *text, struct rule *rule)
{
        *rule = (struct rule){0};
        if (strncmp(text, "c:", 2) != 0)
                return false;
        text += 2;
        if (!read_number(&text, &rule->major) || *text++ != ':')
                return false;
        if (strcmp(text, "*") == 0)
                return rule->any_minor = true;
        return read_number(&text, &rule->minor) && !*text;
}

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
        return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load_program(const struct bpf_insn *program, size_t count, struct fault *fault)
{
        static const char license[] = "MIT";
        union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                               .insns = (uint64_t)(uintptr_t)program,
                               .insn_cnt = (uint32_t)count,
                               .license = (uint64_t)(uintptr_t)license};
        int fd;

        (void)snprintf(attr.prog_name, sizeof(attr.prog_name), "vps_devices");
        fd = bpf(BPF_PROG_LOAD, &attr);
        return fd < 0 ? fault_errno(fault, "bpf BPF_PROG_LOAD", NULL) : fd;
}

/* BPF_F_ALLOW_MULTI: a program that systemd has on a group above stays in force beside it. The group holds
 * the program; its death is the program's. */
static int attach_program(int cgroup, int program, struct fault *fault)
{
        union bpf_attr attr = {.target_fd = (uint32_t)cgroup,
                               .attach_bpf_fd = (uint32_t)program,
                               .attach_type = BPF_CGROUP_DEVICE,
                               .attach_flags = BPF_F_ALLOW_MULTI};

        return bpf(BPF_PROG_ATTACH, &attr) < 0 ? fault_errno(fault, "bpf BPF_PROG_ATTACH", NULL) : 0;
}

/* devices RULE…: only these may be opened by whatever lives in payload, attached commands included, however a
 * node came into its sight. */
int step_devices(const struct server *server, const struct step *step, struct fault *fault)
{
        size_t count = (size_t)step->count;
        _cleanup_free_ struct rule *rules = calloc(count + 1, sizeof(*rules));
        _cleanup_free_ struct bpf_insn *program =
                calloc(PROLOGUE + count * PER_RULE + EPILOGUE, sizeof(*program));
        _cleanup_fd_ int fd = -1;

        if (!rules || !program)
                return fault_errno(fault, "calloc", NULL);
        for (size_t i = 0; i < count; i++)
                if (!read_rule(step->args[i], &rules[i]))
                        return fault_set(fault, EINVAL, "plan", step->args[i]);
        fd = load_program(program, write_program(program, rules, count), fault);
        return fd < 0 ? -1 : attach_program(server->payload, fd, fault);
}

int devices_probe(void)
{
        struct bpf_insn program[PROLOGUE + EPILOGUE];
        struct fault fault;
        _cleanup_fd_ int fd = load_program(program, write_program(program, NULL, 0), &fault);

        return fd < 0 ? 1 : 0;
}
