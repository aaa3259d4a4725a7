/* The resources of getrlimit(2), as they are called in a definition: those of Linux, all sixteen. */
#ifndef VPS_RLIMITS_H
#define VPS_RLIMITS_H

enum { RLIMITS = 16 };

struct named_rlimit {
        const char *name;
        int resource;
};

extern const struct named_rlimit rlimits[RLIMITS];

#endif
