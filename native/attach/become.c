#include "account.h"
#include "channel.h"
#include "cleanup.h"
#include "confine.h"
#include "enter.h"
#include "environment.h"
#include "pty.h"
#include "say.h"
#include "script.h"
#include "signals.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Until here we were the host's root without an id in the server: privileged by capabilities alone. */
static void become_server_root(const struct entry *entry)
{
        if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                give_up(entry, EXIT_ATTACH, errno, "cannot become root of server %s", entry->request->name);
        /* One that belongs to the server; where its quota of keys is used up, the one from outside serves. */
        (void)confine_keyring();
        (void)umask(022);
}

/* Copied, so that no file of the host's comes in and no two servers share one. */
static void take_script(const struct entry *entry)
{
        static char path[SCRIPT_PATH];
        int error = script_copy(path);

        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot hand the script to server %s",
                        entry->request->name);
        entry->request->argv[entry->request->script] = path;
}

static void take_terminal(const struct entry *entry)
{
        struct message message = {.kind = MESSAGE_PTY};
        _cleanup_fd_ int master = -1;
        _cleanup_fd_ int slave = -1;
        int error = pty_open(entry->terminal, &master, &slave);

        if (!error)
                error = channel_send(entry->channel, &message, master);
        if (!error && ioctl(slave, TIOCSCTTY, 0) < 0)
                error = -errno;
        for (int fd = 0; !error && fd <= 2; fd++)
                if (dup2(slave, fd) < 0)
                        error = -errno;
        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot open a terminal in server %s",
                        entry->request->name);
}

static void find_account(const struct entry *entry, struct account *account)
{
        const char *user = entry->request->user;
        const char *name = entry->request->name;

        switch (account_find(account, user)) {
        case ACCOUNT_FOUND:
                return;
        case ACCOUNT_NO_USER:
                give_up(entry, EXIT_ATTACH, 0, "server %s has no user %.*s", name, (int)strcspn(user, ":"),
                        user);
        case ACCOUNT_NO_GROUP:
                give_up(entry, EXIT_ATTACH, 0, "server %s has no group %s", name, strchr(user, ':') + 1);
        case ACCOUNT_NO_MEMORY:
                give_up(entry, EXIT_ATTACH, ENOMEM, "cannot read the users of server %s", name);
        }
}

/* /dev/stdout and /dev/tty are opened again by name: the user must own what is behind them. */
static void own_streams(const struct entry *entry, const struct account *account)
{
        for (int fd = 0; fd <= 2; fd++)
                if (fchown(fd, account->uid, entry->request->tty ? (gid_t)-1 : account->gid) < 0)
                        give_up(entry, EXIT_ATTACH, errno, "cannot become user %s of server %s",
                                entry->request->user, entry->request->name);
        if (entry->request->tty)
                (void)fchmod(0, 0620);
}

static void confine(const struct entry *entry)
{
        const char *name = entry->request->name;
        int error = confine_capabilities(entry->request->caps);

        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot drop the capabilities server %s has not", name);
        error = confine_system_calls(entry->request->seccomp);
        if (error)
                give_up(entry, EXIT_ATTACH, -error, "cannot load the system call filter of server %s", name);
}

static void become_user(const struct entry *entry, const struct account *account)
{
        if (setgroups(account->group_count, account->groups) < 0 ||
            setresgid(account->gid, account->gid, account->gid) < 0 ||
            setresuid(account->uid, account->uid, account->uid) < 0)
                give_up(entry, EXIT_ATTACH, errno, "cannot become user %s of server %s", entry->request->user,
                        entry->request->name);
}

/* A directory that was asked for must be there; a missing home is no reason not to work. */
static void change_directory(const struct entry *entry, const struct account *account)
{
        const char *cwd = entry->request->cwd;

        if (cwd[0] && chdir(cwd) < 0)
                give_up(entry, EXIT_ATTACH, errno, "cannot enter directory %s of server %s", cwd,
                        entry->request->name);
        if (!cwd[0] && chdir(account->home) < 0 && chdir("/") < 0)
                give_up(entry, EXIT_ATTACH, errno, "cannot enter directory / of server %s",
                        entry->request->name);
}

/* SIGKILL when vps-attach dies, also where no cgroup does it. Set after the last change of credentials, which
 * clears it; and if it has died before, the channel knows. */
static void die_with_parent(const struct entry *entry)
{
        char byte;

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
            recv(entry->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
                _exit(EXIT_ATTACH);
}

static _Noreturn void cannot_execute(const struct entry *entry, const char *program)
{
        int error = errno;
        const char *name = entry->request->name;

        if (error == ENOENT && !strchr(program, '/'))
                give_up(entry, EXIT_NOT_FOUND, 0, "%s: command not found in server %s", program, name);
        give_up(entry, error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, error,
                "%s in server %s", program, name);
}

/* As login(1): a dash before the shell's name. A command then runs in the environment that the login shell
 * makes. */
static _Noreturn void execute_shell(const struct entry *entry, const struct account *account)
{
        const char *slash = strrchr(account->shell, '/');
        const char *base = slash ? slash + 1 : account->shell;
        char argv0[PATH_MAX + 1];
        char **argv;
        size_t count = 0;

        while (entry->request->argv[count])
                count++;
        argv = calloc(count + 5, sizeof(*argv));
        if (!argv)
                give_up(entry, EXIT_ATTACH, ENOMEM, "cannot start a shell");
        (void)snprintf(argv0, sizeof(argv0), "%s%s", entry->request->login ? "-" : "", base);
        argv[0] = argv0;
        if (count > 0) {
                argv[1] = (char *)"-c";
                argv[2] = (char *)"exec \"$@\"";
                argv[3] = (char *)base;
                memcpy(argv + 4, entry->request->argv, count * sizeof(*argv));
        }
        (void)execv(account->shell, argv);
        cannot_execute(entry, account->shell);
}

_Noreturn void become_command(const struct entry *entry)
{
        const struct request *request = entry->request;
        struct account account;

        if (setsid() < 0)
                give_up(entry, EXIT_ATTACH, errno, "cannot start a session");
        become_server_root(entry);
        if (request->tty)
                take_terminal(entry);
        if (request->script)
                take_script(entry);
        find_account(entry, &account);
        own_streams(entry, &account);
        environ = environment_make(request, &account);
        if (!environ)
                give_up(entry, EXIT_ATTACH, ENOMEM, "cannot make the environment");
        confine(entry);
        become_user(entry, &account);
        change_directory(entry, &account);
        die_with_parent(entry);
        signals_reset();
        if (request->login || !request->argv[0])
                execute_shell(entry, &account);
        (void)execvp(request->argv[0], request->argv);
        cannot_execute(entry, request->argv[0]);
}
