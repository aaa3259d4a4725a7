/* Opens a file by its handle, past every directory: the "shocker" escape. Prints the errno, 0 when it was
 * possible.
 *
 *   by-handle DIRECTORY FILE     DIRECTORY is any one of the same file system */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
        struct file_handle *handle = calloc(1, sizeof(*handle) + MAX_HANDLE_SZ);
        int mount_id, directory = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;

        if (directory < 0 || !handle)
                return 2;
        handle->handle_bytes = MAX_HANDLE_SZ;
        if (name_to_handle_at(AT_FDCWD, argv[2], handle, &mount_id, 0) < 0) {
                perror("name_to_handle_at");
                return 3;
        }
        printf("open_by_handle_at %d\n", open_by_handle_at(directory, handle, O_RDONLY) < 0 ? errno : 0);
        return 0;
}
