/* Protocol: see the supervisor's control socket. We send `vps1 console`, get a line `ok`, then raw bytes;
 * what we send are frames: 'd' length(u16 big endian) bytes, 'w' rows(u16) columns(u16). */
#include "console.h"

#include "cleanup.h"
#include "flow.h"
#include "say.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_BYTES = 512, ANSWER_SECONDS = 10, INPUT_BYTES = 4096, HEADER_BYTES = 3, SIZE_BYTES = 5 };

struct console {
        const struct request *request;
        struct terminal terminal;
        struct flow output;
        int socket; /* the sending side; the output flow has a descriptor of its own */
        int signals;
        int status; /* -1: goes on */
};

/* A path may be longer than a socket address holds: go through its directory's descriptor. */
static int connect_path(int fd, const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_free_ char *directory = strdup(path);
        _cleanup_fd_ int dir = -1;
        char *slash;

        if (!directory)
                return -ENOMEM;
        slash = strrchr(directory, '/');
        if (!slash)
                return -EINVAL;
        *slash = '\0';
        dir = open(slash == directory ? "/" : directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        if (snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir, slash + 1) >=
            (int)sizeof(address.sun_path))
                return -ENAMETOOLONG;
        return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

/* Byte by byte: what follows the line belongs to the console. */
static int read_line(int fd, char *line, size_t size)
{
        size_t length = 0;

        while (length + 1 < size) {
                ssize_t got = recv(fd, line + length, 1, 0);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return got < 0 ? -errno : -ECONNRESET;
                if (line[length] == '\n')
                        break;
                length++;
        }
        line[length] = '\0';
        return 0;
}

static int ask(int fd)
{
        static const char question[] = "vps1\tconsole\n";
        const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
        char answer[ANSWER_BYTES];
        const char *reason;
        int error;

        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
                return -errno;
        if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
                return -errno;
        error = read_line(fd, answer, sizeof(answer));
        if (error || strcmp(answer, "ok") == 0)
                return error;
        reason = strchr(answer, '\t'); /* error TAB errno TAB text */
        error = reason ? atoi(reason + 1) : 0;
        return error > 0 ? -error : -EPROTO;
}

static int send_all(int fd, const void *data, size_t size)
{
        while (size > 0) {
                ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

                if (sent < 0 && errno == EINTR)
                        continue;
                if (sent < 0)
                        return -errno;
                data = (const char *)data + sent;
                size -= (size_t)sent;
        }
        return 0;
}

static void put_u16(unsigned char *at, unsigned value)
{
        at[0] = (unsigned char)(value >> 8 & 0xff);
        at[1] = (unsigned char)(value & 0xff);
}

static void send_size(struct console *console)
{
        unsigned char frame[SIZE_BYTES] = {'w'};

        if (!terminal_read_size(&console->terminal))
                return;
        put_u16(frame + 1, console->terminal.size.ws_row);
        put_u16(frame + 3, console->terminal.size.ws_col);
        (void)send_all(console->socket, frame, sizeof(frame));
}

static void send_input(struct console *console)
{
        unsigned char frame[HEADER_BYTES + INPUT_BYTES] = {'d'};
        ssize_t got = read(STDIN_FILENO, frame + HEADER_BYTES, INPUT_BYTES);
        const unsigned char *escape;
        size_t length;

        if (got < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (got <= 0) {
                console->status = 0;
                return;
        }
        length = (size_t)got;
        escape = memchr(frame + HEADER_BYTES, console->request->escape, length);
        if (escape)
                length = (size_t)(escape - frame) - HEADER_BYTES;
        put_u16(frame + 1, (unsigned)length);
        if (length > 0 && send_all(console->socket, frame, HEADER_BYTES + length) < 0)
                escape = NULL; /* the end of the output will tell */
        if (escape)
                console->status = 0;
}

static void read_signals(struct console *console)
{
        struct signalfd_siginfo info;

        while (read(console->signals, &info, sizeof(info)) == sizeof(info)) {
                if (info.ssi_signo == SIGWINCH)
                        send_size(console);
                else
                        console->status = EXIT_SIGNAL + (int)info.ssi_signo;
        }
}

static int take_signals(struct console *console)
{
        sigset_t taken;

        (void)sigemptyset(&taken);
        for (const int *number = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, 0}; *number;
             number++)
                (void)sigaddset(&taken, *number);
        if (sigprocmask(SIG_BLOCK, &taken, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;
        console->signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
        return console->signals < 0 ? -errno : 0;
}

static int open_output(struct console *console)
{
        int copy = fcntl(console->socket, F_DUPFD_CLOEXEC, 0);
        struct endpoint out = endpoint_outer(STDOUT_FILENO, O_WRONLY, true);

        if (copy < 0)
                return -errno;
        flow_open(&console->output,
                  (struct endpoint){.fd = copy, .original = -1, .socket = true, .nonblocking = true}, out);
        console->output.copying = true;
        return 0;
}

static void relay(struct console *console)
{
        while (console->status < 0) {
                struct pollfd polls[4] = {
                        {.fd = console->signals, .events = POLLIN},
                        {.fd = STDIN_FILENO, .events = POLLIN},
                };

                flow_watch(&console->output, polls + 2);
                if (poll(polls, 4, -1) < 0)
                        continue;
                flow_step(&console->output, polls + 2);
                if (polls[1].revents)
                        send_input(console);
                if (polls[0].revents)
                        read_signals(console);
                if (!console->output.open && console->status < 0) {
                        terminal_restore(&console->terminal);
                        say("the console of %s has closed", console->request->name);
                        console->status = 0;
                }
        }
}

static const char *key_name(int byte, char name[8])
{
        if (byte < 32)
                (void)snprintf(name, 8, "Ctrl-%c", byte + 64);
        else
                (void)snprintf(name, 8, "%c", byte);
        return name;
}

static int attach(struct console *console)
{
        const char *name = console->request->name;
        char key[8];
        int error = take_signals(console);

        if (!error)
                error = open_output(console);
        if (error)
                return say_error(-error, "cannot open the console of %s", name);
        terminal_find(&console->terminal);
        if (console->terminal.is_input)
                say("console of %s, detach with %s", name, key_name(console->request->escape, key));
        error = terminal_raw(&console->terminal);
        if (error)
                return say_error(-error, "cannot set the terminal raw");
        send_size(console);
        relay(console);
        if (console->terminal.raw) {
                terminal_restore(&console->terminal);
                (void)fputc('\n', stderr);
                say("detached from %s", name);
        }
        flow_close(&console->output);
        return console->status;
}

int console_attach(const struct request *request)
{
        struct console console = {.request = request, .signals = -1, .status = -1};
        int error;

        console.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (console.socket < 0)
                return say_error(errno, "cannot open a socket");
        error = connect_path(console.socket, request->socket);
        if (error == -ENOENT || error == -ECONNREFUSED) {
                say("server %s is not running", request->name);
                return EXIT_ATTACH;
        }
        if (!error)
                error = ask(console.socket);
        return error ? say_error(-error, "cannot open the console of %s", request->name) : attach(&console);
}
