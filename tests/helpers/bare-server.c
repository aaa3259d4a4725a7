/* A server without a supervisor, for the tests of vps-attach and vps-init: all seven namespaces, 65,536 ids,
 * /proc, a /dev with a devpts, the host's files below; then vps-init as pid 1.
 *
 *   bare-server ID-BASE CGROUP INIT SETUP-SCRIPT [COMMAND…]
 *
 * CGROUP ("" for none) is where pid 1 is born. SETUP-SCRIPT runs as the server's root in its namespaces
 * before INIT does. Prints `PID START` of init on descriptor 3 and waits; dies (and the server with it) when
 * its stdin ends. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int result, const char *what)
{
        if (result < 0) {
                perror(what);
                exit(1);
        }
}

static void device(const char *name)
{
        char to[64], from[64];

        (void)snprintf(to, sizeof(to), "/dev/%s", name);
        (void)snprintf(from, sizeof(from), "/proc/self/fd/3/%s", name);
        check(mknod(to, S_IFREG | 0666, 0), to);
        check(mount(from, to, NULL, MS_BIND, NULL), to);
}

static void make_dev(void)
{
        static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
        int host = open("/dev", O_PATH | O_DIRECTORY);

        check(dup2(host, 3), "dup2");
        check(mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755"), "/dev");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                device(names[i]);
        check(mkdir("/dev/pts", 0755), "/dev/pts");
        check(mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                    "newinstance,ptmxmode=666,mode=620"),
              "devpts");
        check(symlink("pts/ptmx", "/dev/ptmx"), "/dev/ptmx");
        check(symlink("/proc/self/fd", "/dev/fd"), "/dev/fd");
        check(symlink("/proc/self/fd/1", "/dev/stdout"), "/dev/stdout");
}

static void setup(const char *script)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                (void)execl("/bin/sh", "sh", "-ec", script, NULL);
                _exit(127);
        }
        check(waitpid(pid, &status, 0), "waitpid");
        if (status) {
                (void)fprintf(stderr, "bare-server: the set-up failed: %d\n", status);
                exit(1);
        }
}

static void server(int go, int program, char **argv)
{
        char byte;

        check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        if (read(go, &byte, 1) != 1)
                exit(1);
        check(setgroups(0, NULL), "setgroups");
        check(setresgid(0, 0, 0), "setresgid");
        check(setresuid(0, 0, 0), "setresuid");
        check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        check(unshare(CLONE_NEWCGROUP), "unshare");
        check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/");
        check(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "/proc");
        make_dev();
        check(sethostname("bare", 4), "sethostname");
        setup(argv[4]);
        argv[4] = (char *)"vps-init";
        (void)setsid();
        (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        (void)syscall(SYS_execveat, program, "", argv + 4, environ, AT_EMPTY_PATH);
        perror("execveat");
        exit(1);
}

static void write_map(pid_t pid, const char *file, const char *base)
{
        char path[64], map[64];
        int fd;

        (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
        (void)snprintf(map, sizeof(map), "0 %s 65536\n", base);
        fd = open(path, O_WRONLY);
        check(fd, path);
        check((int)write(fd, map, strlen(map)), path);
        (void)close(fd);
}

static void announce(pid_t pid)
{
        char path[64], text[1024];
        const char *at;
        ssize_t got;
        int fd;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY);
        check(fd, path);
        got = read(fd, text, sizeof(text) - 1);
        check((int)got, path);
        text[got] = '\0';
        at = strrchr(text, ')') + 2;
        for (int field = 3; field < 22; field++)
                at = strchr(at, ' ') + 1;
        check(dprintf(3, "%d %llu\n", pid, strtoull(at, NULL, 10)), "descriptor 3");
}

/* Until init listens: its signals are blocked, as a supervisor looks for it. */
static void wait_init(pid_t pid)
{
        char path[64], text[4096];

        (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
        for (;;) {
                int fd = open(path, O_RDONLY);
                ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
                const char *blocked;

                if (fd >= 0)
                        (void)close(fd);
                if (got <= 0 || waitpid(pid, NULL, WNOHANG) != 0)
                        exit(1);
                text[got] = '\0';
                blocked = strstr(text, "SigBlk:\t");
                if (blocked && strtoull(blocked + 8, NULL, 16) != 0)
                        return;
                (void)usleep(1000);
        }
}

static int wait_end(pid_t pid)
{
        int status;
        struct pollfd polls[] = {{.fd = 0, .events = POLLIN},
                                 {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN}};

        while (poll(polls, 2, -1) < 0 && errno == EINTR)
                ;
        if (!polls[1].revents)
                (void)kill(pid, SIGKILL);
        check(waitpid(pid, &status, 0), "waitpid");
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
        struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                           CLONE_NEWUTS | CLONE_NEWIPC,
                                  .exit_signal = SIGCHLD};
        int go[2], program;
        pid_t pid;

        if (argc < 5)
                return 2;
        if (argv[2][0]) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)open(argv[2], O_RDONLY | O_DIRECTORY);
        }
        program = open(argv[3], O_PATH | O_CLOEXEC);
        check(program, argv[3]);
        check(pipe(go), "pipe");
        pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
        if (pid == 0)
                server(go[0], program, argv);
        check(pid, "clone3");
        write_map(pid, "uid_map", argv[1]);
        write_map(pid, "gid_map", argv[1]);
        check((int)write(go[1], "g", 1), "write");
        wait_init(pid);
        announce(pid);
        return wait_end(pid);
}
