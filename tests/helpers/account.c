/* Whose account does it go on?
 *
 *   account owner FILE      the user that owns the user namespace FILE is, or belongs to
 *   account inotify         takes inotify instances until there are no more, prints how many, and keeps them
 * until its standard input ends */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

static int tell_owner(const char *file)
{
        int namespace = open(file, O_RDONLY | O_CLOEXEC);
        uid_t owner;

        if (namespace < 0 || ioctl(namespace, NS_GET_OWNER_UID, &owner) < 0)
                return 1;
        return printf("%u\n", owner) < 0;
}

static int hoard(void)
{
        struct rlimit files;
        int count = 0;
        char byte;

        (void)getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        while (inotify_init1(IN_CLOEXEC) >= 0)
                count++;
        (void)printf("%d\n", count);
        (void)fflush(stdout);
        return read(0, &byte, 1) < 0;
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "owner") == 0)
                return tell_owner(argv[2]);
        return argc == 2 && strcmp(argv[1], "inotify") == 0 ? hoard() : 2;
}
