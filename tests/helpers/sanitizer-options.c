/* Linked into the sanitized builds: the supervisor has no environment to take options from. A report goes to
 * a file of its own, and the process ends with a status that nothing else has. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

#define OPTIONS                                                                                              \
        "log_path=" VPS_REPORTS "/report:exitcode=99:detect_stack_use_after_return=1:print_stacktrace=1"

const char *__asan_default_options(void)
{
        return OPTIONS;
}

const char *__ubsan_default_options(void)
{
        return OPTIONS;
}
