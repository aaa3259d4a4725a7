/* Leaves a chroot by the classic way, with a second one inside: then looks for a path. Prints `out` when it
 * is there, `in` when not.
 *
 *   chroot-escape PATH      PATH from the real root, without a slash in front */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        int root = open("/", O_RDONLY | O_DIRECTORY);

        if (argc != 2 || root < 0)
                return 2;
        (void)mkdir("/escape", 0700);
        if (chroot("/escape") < 0 || fchdir(root) < 0) {
                perror("chroot");
                return 3;
        }
        for (int i = 0; i < 100; i++)
                if (chdir("..") < 0)
                        return 3;
        if (chroot(".") < 0)
                return 3;
        puts(access(argv[1], F_OK) == 0 ? "out" : "in");
        return 0;
}
