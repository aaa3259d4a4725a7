/*
 * The test host's agent: runs one command at a time for the driver outside, over a virtio-serial port.
 *
 * Both directions carry frames: type (1 byte), length (4 bytes, big endian), payload.
 *
 *   driver -> guest   R  run: NUL-terminated words: mode (pipe|tty), cwd, number of K=V words, K=V words,
 * argv words I  bytes for the command's stdin         E  end of stdin W  terminal size: rows, columns (u16
 * each, big endian) S  one byte: signal for the command's process group guest -> driver   H  the agent is up
 * O  stdout (or terminal)      F  stderr X  the command ended: 'e' status | 's' signal (2 bytes)
 *
 * X is sent when the command itself ends, even if a child of it still holds the pipes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { CHUNK = 32 * 1024, MAX_FRAME = 1024 * 1024 };

struct frame {
        uint8_t type;
        uint32_t length;
        char *payload; /* length bytes and a NUL, freed by the receiver */
};

struct command {
        pid_t pid; /* 0: none runs */
        bool tty;
        int in, out, err; /* -1: closed; with a terminal, in and out are the same master */
        char *pending;    /* bytes for stdin that it has not taken yet */
        size_t pending_length, pending_done;
};

static void die(const char *what)
{
        perror(what);
        exit(EXIT_FAILURE);
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

static void write_all(int fd, const void *bytes, size_t length)
{
        const char *at = bytes;
        while (length > 0) {
                ssize_t n = write(fd, at, length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        die("write to port");
                at += n;
                length -= (size_t)n;
        }
}

/* A port whose other side is not there yet reads as 0 bytes: wait rather than spin. */
static void read_all(int fd, void *bytes, size_t length)
{
        char *at = bytes;
        while (length > 0) {
                ssize_t n = read(fd, at, length);
                if (n < 0 && errno != EINTR)
                        die("read from port");
                if (n == 0)
                        usleep(50 * 1000);
                if (n > 0) {
                        at += n;
                        length -= (size_t)n;
                }
        }
}

static void send_frame(int port, uint8_t type, const void *payload, uint32_t length)
{
        uint8_t head[5] = {type, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                           (uint8_t)length};
        write_all(port, head, sizeof(head));
        write_all(port, payload, length);
}

static struct frame receive_frame(int port)
{
        uint8_t head[5];
        read_all(port, head, sizeof(head));
        struct frame frame = {.type = head[0],
                              .length = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 |
                                        (uint32_t)head[3] << 8 | head[4]};
        if (frame.length > MAX_FRAME) {
                fprintf(stderr, "frame of %u bytes\n", frame.length);
                exit(EXIT_FAILURE);
        }
        frame.payload = calloc(1, frame.length + 1);
        if (!frame.payload)
                die("calloc");
        read_all(port, frame.payload, frame.length);
        return frame;
}

/* Situation: child of the agent, own session; stdio is in place. Never returns. */
static void run_child(const char *cwd, char **env, size_t env_count, char **argv)
{
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        for (size_t i = 0; i < env_count; i++)
                putenv(env[i]);
        if (chdir(cwd) < 0)
                fprintf(stderr, "%s: %s\n", cwd, strerror(errno));
        else if (execvp(argv[0], argv) < 0)
                fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
}

static void set_nonblocking(int fd)
{
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                die("fcntl");
}

static void start_on_pipes(struct command *command, const char *cwd, char **env, size_t env_count,
                           char **argv)
{
        int in[2], out[2], err[2];
        if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
                die("pipe2");
        command->pid = fork();
        if (command->pid < 0)
                die("fork");
        if (command->pid == 0) {
                setsid();
                if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0)
                        _exit(126);
                run_child(cwd, env, env_count, argv);
        }
        close(in[0]);
        close(out[1]);
        close(err[1]);
        command->in = in[1];
        command->out = out[0];
        command->err = err[0];
        set_nonblocking(command->in);
        set_nonblocking(command->out);
        set_nonblocking(command->err);
}

static void start_on_terminal(struct command *command, const char *cwd, char **env, size_t env_count,
                              char **argv)
{
        int master;
        command->pid = forkpty(&master, NULL, NULL, NULL);
        if (command->pid < 0)
                die("forkpty");
        if (command->pid == 0)
                run_child(cwd, env, env_count, argv);
        if (fcntl(master, F_SETFD, FD_CLOEXEC) < 0)
                die("fcntl");
        set_nonblocking(master);
        command->in = command->out = master;
        command->err = -1;
}

static char *next_word(char **at, const char *end)
{
        char *word = *at;
        if (word >= end)
                return NULL;
        *at += strlen(word) + 1;
        return word;
}

static void start(struct command *command, const struct frame *frame)
{
        char *at = frame->payload;
        const char *end = at + frame->length;
        const char *mode = next_word(&at, end);
        const char *cwd = next_word(&at, end);
        const char *count = next_word(&at, end);
        size_t words = 0;
        for (const char *p = at; p < end; p += strlen(p) + 1)
                words++;
        char **list = calloc(words + 1, sizeof(char *));
        if (!list)
                die("calloc");
        for (size_t i = 0; i < words; i++)
                list[i] = next_word(&at, end);
        size_t env_count = count ? strtoul(count, NULL, 10) : 0;
        if (!mode || !cwd || env_count >= words) {
                fprintf(stderr, "bad run frame\n");
                exit(EXIT_FAILURE);
        }
        *command = (struct command){.in = -1, .out = -1, .err = -1, .tty = strcmp(mode, "tty") == 0};
        (command->tty ? start_on_terminal : start_on_pipes)(command, cwd, list, env_count, list + env_count);
        free(list);
}

static void close_stdin(struct command *command)
{
        if (command->tty)
                (void)!write(command->in, "\004", 1);
        else
                close_fd(&command->in);
}

static void feed(struct command *command)
{
        ssize_t n = write(command->in, command->pending + command->pending_done,
                          command->pending_length - command->pending_done);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
                n = (ssize_t)(command->pending_length - command->pending_done); /* reader gone: drop */
                if (!command->tty)
                        close_fd(&command->in);
        }
        if (n > 0)
                command->pending_done += (size_t)n;
        if (command->pending_done < command->pending_length)
                return;
        free(command->pending);
        command->pending = NULL;
        command->pending_length = command->pending_done = 0;
}

/* Sends what there is to read; returns false at the end of the stream. */
static bool relay(int port, uint8_t type, int fd)
{
        static char chunk[CHUNK];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n > 0)
                send_frame(port, type, chunk, (uint32_t)n);
        return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static void drain(int port, uint8_t type, int fd)
{
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        while (fd >= 0 && poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN))
                if (!relay(port, type, fd))
                        break;
}

static void finish(int port, struct command *command, int status)
{
        drain(port, 'O', command->out);
        drain(port, 'F', command->err);
        if (command->tty)
                command->out = -1; /* the same master as `in` */
        close_fd(&command->in);
        close_fd(&command->out);
        close_fd(&command->err);
        free(command->pending);
        uint8_t result[2] = {WIFSIGNALED(status) ? 's' : 'e',
                             (uint8_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status))};
        *command = (struct command){.in = -1, .out = -1, .err = -1};
        send_frame(port, 'X', result, sizeof(result));
}

static void reap(int port, int signals, struct command *command)
{
        struct signalfd_siginfo info;
        if (read(signals, &info, sizeof(info)) < 0 && errno != EAGAIN)
                die("read signalfd");
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == command->pid)
                        finish(port, command, status);
}

static void resize(struct command *command, const struct frame *frame)
{
        const uint8_t *size = (const uint8_t *)frame->payload;
        struct winsize window = {.ws_row = (unsigned short)(size[0] << 8 | size[1]),
                                 .ws_col = (unsigned short)(size[2] << 8 | size[3])};
        if (command->tty && ioctl(command->in, TIOCSWINSZ, &window) < 0)
                perror("TIOCSWINSZ");
}

/* Frames that come after the command's end (late input, a late signal) are dropped. */
static void handle(struct command *command, struct frame frame)
{
        if (frame.type == 'R' && command->pid == 0) {
                start(command, &frame);
        } else if (command->pid != 0) {
                if (frame.type == 'I' && command->in >= 0) {
                        command->pending = frame.payload;
                        command->pending_length = frame.length;
                        command->pending_done = 0;
                        feed(command);
                        return;
                }
                if (frame.type == 'E' && command->in >= 0)
                        close_stdin(command);
                if (frame.type == 'W' && frame.length == 4)
                        resize(command, &frame);
                if (frame.type == 'S' && frame.length == 1)
                        kill(-command->pid, frame.payload[0]);
        }
        free(frame.payload);
}

static int open_port(const char *path)
{
        for (;;) {
                int port = open(path, O_RDWR | O_CLOEXEC);
                if (port >= 0)
                        return port;
                if (errno != ENOENT)
                        die(path);
                usleep(50 * 1000);
        }
}

static int watch_children(void)
{
        sigset_t mask;
        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                die("sigprocmask");
        signal(SIGPIPE, SIG_IGN);
        int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                die("signalfd");
        return fd;
}

int main(int argc, char **argv)
{
        if (argc != 2) {
                fprintf(stderr, "usage: %s PORT\n", argv[0]);
                return 2;
        }
        int port = open_port(argv[1]);
        int signals = watch_children();
        struct command command = {.in = -1, .out = -1, .err = -1};
        send_frame(port, 'H', "", 0);
        for (;;) {
                struct pollfd fds[] = {
                        /* while stdin waits for its reader, nothing more is taken from the driver */
                        {.fd = command.pending ? -1 : port, .events = POLLIN},
                        {.fd = signals, .events = POLLIN},
                        {.fd = command.out, .events = POLLIN},
                        {.fd = command.err, .events = POLLIN},
                        {.fd = command.pending ? command.in : -1, .events = POLLOUT},
                };
                if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0 && errno != EINTR)
                        die("poll");
                if (fds[2].revents && !relay(port, 'O', command.out)) {
                        if (command.tty)
                                command.out = -1; /* the master stays open as `in` */
                        else
                                close_fd(&command.out);
                }
                if (fds[3].revents && !relay(port, 'F', command.err))
                        close_fd(&command.err);
                if (fds[4].revents)
                        feed(&command);
                if (fds[0].revents & POLLIN)
                        handle(&command, receive_frame(port));
                else if (fds[0].revents & POLLHUP)
                        usleep(50 * 1000);
                if (fds[1].revents)
                        reap(port, signals, &command);
        }
}
