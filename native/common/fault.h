/* A fault: which step failed, in which system call, on which path, with which errno. It travels from child to
 * parent as data and becomes a sentence only in TypeScript. */
#ifndef VPS_FAULT_H
#define VPS_FAULT_H

struct fault {
        int step; /* index into the plan's steps; -1 when no step is to blame */
        int error;
        char call[32];
        char path[1024];
};

/* Fills the fault from errno and returns -1, so that a caller can write `return fault_errno(…)`. */
int fault_errno(struct fault *fault, const char *call, const char *path);
/* Of a file by its directory and its name there. */
int fault_errno_in(struct fault *fault, const char *call, const char *directory, const char *name);
int fault_set(struct fault *fault, int error, const char *call, const char *path);
/* The kernel was given `asked` for `name` and refused it (fault_refused, errno as it is), or took it and has
 * another value now (fault_differs). */
int fault_refused(struct fault *fault, const char *call, const char *name, const char *asked);
int fault_differs(struct fault *fault, const char *name, const char *asked, const char *is);

#endif
