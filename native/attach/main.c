/* vps-attach: a command inside a running server (`vps exec`, `vps enter`), or its console (`vps console`).
 *
 * Situation: the admin's program in the foreground of the admin's shell, root of the host. vps resolved
 * everything and has become this program; what to do stands at descriptor 3 (request.h). The command never
 * gets a descriptor of the host: all it sees are pipes or a terminal of its own, and this process stands
 * between.
 *
 *   vps-attach ─┬─ vps-watch     kills what is left if vps-attach is killed
 *               ├─ joiner        enters the namespaces, forks the command, ends (enter.c)
 *               └─ the command   (become.c)
 */
#include "console.h"
#include "exec.h"
#include "request.h"
#include "say.h"
#include "script.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORDS_FD = 3 };

/* A closed standard stream would be taken by the next thing we open. */
static int complete_streams(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd < 0)
                return -1;
        return close(fd);
}

/* Of the other descriptors only the script stays. */
static int close_others(const struct request *request)
{
        if (!request->script)
                return close_range(WORDS_FD, ~0U, 0);
        if (fcntl(SCRIPT_FD, F_SETFD, FD_CLOEXEC) < 0)
                return -1;
        return close_range(WORDS_FD, SCRIPT_FD - 1, 0) < 0 ? -1 : close_range(SCRIPT_FD + 1, ~0U, 0);
}

/* Ends as the command did, for a caller who wants to tell a signal from a status above 128. */
static int end_by(int number)
{
        const struct rlimit none = {0, 0};

        (void)setrlimit(RLIMIT_CORE, &none);
        signals_reset();
        (void)raise(number);
        return EXIT_SIGNAL + number;
}

int main(void)
{
        struct request request;
        int error = request_read(WORDS_FD, &request);
        int status;

        if (error)
                return say_error(-error, "vps-attach is started by vps, not by hand");
        if (close_others(&request) < 0 || complete_streams() < 0)
                return say_error(errno, "cannot prepare descriptors");
        if (strcmp(request.mode, "console") == 0)
                status = console_attach(&request);
        else
                status = exec_command(&request);
        request_free(&request);
        return status < 0 ? end_by(-status) : status;
}
