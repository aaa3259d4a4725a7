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

/* Faults travel as fields between tabs, and some kernel files have tabs and lines. */
static void one_line(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < ' ')
                        *text = ' ';
}

int fault_refused(struct fault *fault, const char *call, const char *name, const char *asked)
{
        (void)fault_set(fault, errno, call, NULL);
        (void)snprintf(fault->path, sizeof(fault->path), "%s: asked %s", name, asked);
        one_line(fault->path);
        return -1;
}

int fault_differs(struct fault *fault, const char *name, const char *asked, const char *is)
{
        (void)fault_set(fault, ERANGE, "read back", NULL);
        (void)snprintf(fault->path, sizeof(fault->path), "%s: asked %s, is %s", name, asked, is);
        one_line(fault->path);
        return -1;
}
