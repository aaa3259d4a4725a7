#include "fault.h"

#include <errno.h>
#include <stdio.h>

int fault_set(struct fault *fault, int error, const char *call, const char *path)
{
        fault->error = error;
        (void)snprintf(fault->call, sizeof(fault->call), "%s", call);
        (void)snprintf(fault->path, sizeof(fault->path), "%s", path ? path : "");
        return -1;
}

int fault_errno_in(struct fault *fault, const char *call, const char *directory, const char *name)
{
        (void)fault_set(fault, errno, call, NULL);
        (void)snprintf(fault->path, sizeof(fault->path), "%s/%s", directory ? directory : "", name);
        return -1;
}

int fault_errno(struct fault *fault, const char *call, const char *path)
{
        return fault_set(fault, errno, call, path);
}
