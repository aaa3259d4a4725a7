/* Extended attributes that kernfs keeps for the owner of a cgroup.
 *
 *   attributes set FILE NAME     gives FILE the attribute NAME
 *   attributes list FILE…        the names of each, one a line */
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static int list(const char *file)
{
        char names[65536];
        ssize_t size = listxattr(file, names, sizeof(names));

        for (char *name = names; size > 0 && name < names + size; name += strlen(name) + 1)
                (void)puts(name);
        return size < 0;
}

int main(int argc, char **argv)
{
        int failed = 0;

        if (argc == 4 && strcmp(argv[1], "set") == 0)
                return setxattr(argv[2], argv[3], "1", 1, 0) < 0;
        for (int i = 2; i < argc; i++)
                failed |= list(argv[i]);
        return failed;
}
