#include "shutdown.h"

#include "inbox.h"
#include "reap.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
        GRACE_MS = 5000,
        KILL_MS = 1000, /* for the killed to be gone; a process that hangs in the kernel must not keep us */
        LOOK_MS = 20,   /* processes that were attached from the host are no children of ours: no SIGCHLD for
                           them */
};

static long long now_ms(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* kill(-1, 0) reaches every process that we may see but ourselves. */
static bool alone(void)
{
        reap_all(0, NULL);
        return kill(-1, 0) < 0;
}

static bool wait_alone(int limit_ms)
{
        long long end = now_ms() + limit_ms;

        while (!alone()) {
                if (now_ms() >= end)
                        return false;
                (void)inbox_next(LOOK_MS);
        }
        return true;
}

/* Is this process the leader of a session that has a terminal? Its name in /proc/PID/stat may hold anything,
 * so the fields are counted from the last ')': state ppid pgrp session tty. */
static bool leads_terminal(pid_t pid)
{
        char path[64];
        char line[512];
        const char *fields;
        int session;
        int tty;
        FILE *file;
        size_t got;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        file = fopen(path, "re");
        if (!file)
                return false;
        got = fread(line, 1, sizeof(line) - 1, file);
        (void)fclose(file);
        line[got] = '\0';
        fields = strrchr(line, ')');
        return fields && sscanf(fields, ") %*c %*d %*d %d %d", &session, &tty) == 2 && session == pid &&
               tty != 0;
}

/* An interactive shell ignores SIGTERM; what it understands is that its terminal hangs up. Without a /proc of
 * the guest it just takes the whole grace. */
static void hang_up_terminals(void)
{
        DIR *proc = opendir("/proc");
        struct dirent *entry;

        if (!proc)
                return;
        while ((entry = readdir(proc))) {
                pid_t pid =
                        isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;

                if (pid > 1 && leads_terminal(pid))
                        (void)kill(pid, SIGHUP);
        }
        (void)closedir(proc);
}

void shutdown_all(void)
{
        (void)kill(-1, SIGTERM);
        hang_up_terminals();
        (void)kill(-1, SIGCONT); /* the stopped must run to end */
        if (wait_alone(GRACE_MS))
                return;
        (void)kill(-1, SIGKILL);
        (void)wait_alone(KILL_MS);
}
