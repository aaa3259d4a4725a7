/* Compiles a seccomp filter once per profile; its result is stored and goes into launch plans. */
#ifndef VPS_SECCOMP_COMPILE_H
#define VPS_SECCOMP_COMPILE_H

/* Reads lines from `in`, writes an array of struct sock_filter to `out`. What no line names is allowed.
 *
 *   deny ERRNO-NUMBER SYSCALL [ARGUMENT-INDEX eq|masked VALUE [MASK]]
 *
 * masked: (argument & MASK) == VALUE. System calls that the kernel's headers did not know when libseccomp was
 * built are skipped. Returns an exit status; says on stderr what is wrong. */
int seccomp_compile(int in, int out);

#endif
