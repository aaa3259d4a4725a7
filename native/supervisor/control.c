/* The control socket: one request per connection, a line of words separated by tabs. A request's meaning
 * never changes once released; a new one gets a new word.
 *
 *   vps1 status                    ok, the state as KEY=VALUE lines, an empty line
 *   vps1 stop TIMEOUT_MS SIGNAL    ok; at the end `stopped EXIT`; end of file when nothing is left. SIGNAL
 *                                  0: the plan's
 *   vps1 kill                      as stop, at once
 *   vps1 restart TIMEOUT_MS        ok; `running INIT-PID` when the new init runs
 *   vps1 wait-ready                ok; `ready` when init says so and the checks of health are passed, or
 *                                  `stopped EXIT`
 *   vps1 wait                      ok; at the end `stopped EXIT`
 *   vps1 account                   ok, when a sample has been taken and all is saved (accounting.h)
 *   vps1 reload                    ok, when the plan in the run directory is the one to go by (reload.h)
 *   vps1 reset-usage               ok; counts and peaks begin anew
 *   vps1 reset-traffic             ok; counts of traffic do
 *   vps1 console                   ok; then raw output, and frames as input (console.c)
 *
 * What it cannot do it answers with `error ERRNO TEXT`.
 */
#include "reload.h"
#include "state.h"
#include "supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void client_close(struct client *client)
{
        (void)close(client->fd);
        free(client->input);
        *client = (struct client){.fd = -1};
}

static void answer(struct client *client, const char *text)
{
        (void)send(client->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void refuse(struct client *client, int error, const char *why)
{
        char text[128];

        (void)snprintf(text, sizeof(text), "error\t%d\t%s\n", error, why);
        answer(client, text);
        client_close(client);
}

static bool is_root(int fd)
{
        struct ucred peer;
        socklen_t size = sizeof(peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

void control_accept(struct supervisor *supervisor)
{
        int fd = accept4(supervisor->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return;
        for (int i = 0; i < MAX_CLIENTS && is_root(fd); i++) {
                struct client *client = &supervisor->clients[i];

                if (client->fd >= 0)
                        continue;
                *client = (struct client){.fd = fd, .kind = CLIENT_REQUEST, .input = malloc(CLIENT_BYTES)};
                if (!client->input)
                        client_close(client);
                return;
        }
        (void)close(fd);
}

static void say_status(struct supervisor *supervisor, struct client *client)
{
        char text[8192] = "ok\n";
        int length = state_text(&supervisor->server, text + 3, sizeof(text) - 5);

        (void)snprintf(text + 3 + length, 2, "\n");
        answer(client, text);
        client_close(client);
}

static void say_saved(struct client *client, int result)
{
        if (result < 0) {
                refuse(client, errno, "the account can't be saved");
                return;
        }
        answer(client, "ok\n");
        client_close(client);
}

static void request_reload(struct supervisor *supervisor, struct client *client)
{
        const char *why;

        if (plan_reload(&supervisor->server, &why) < 0) {
                refuse(client, errno, why);
                return;
        }
        health_configure(supervisor);
        answer(client, "ok\n");
        client_close(client);
}

static void wait_for(struct client *client, enum client_kind kind)
{
        client->kind = kind;
        answer(client, "ok\n");
}

enum { LAST_SIGNAL = 64 };

static const int64_t LONGEST_MS = 366LL * 24 * 3600 * 1000;

/* A whole number from 0 to `most`; 0 for a word that is missing or empty, -1 for any other. */
static int64_t number(const char *word, int64_t most)
{
        char *end;
        long long value;

        if (!word || !*word)
                return 0;
        errno = 0;
        value = strtoll(word, &end, 10);
        return errno || *end || value < 0 || value > most ? -1 : value;
}

static void request_stop(struct supervisor *supervisor, struct client *client, char **words)
{
        int64_t timeout_ms = number(words[2], LONGEST_MS);
        int64_t signal = number(words[3], LAST_SIGNAL);

        if (timeout_ms < 0 || signal < 0) {
                refuse(client, EINVAL, "no such timeout or signal");
                return;
        }
        wait_for(client, CLIENT_WAIT_STOPPED);
        stop_begin(supervisor, timeout_ms * 1000, (int)signal, false);
}

static void request_restart(struct supervisor *supervisor, struct client *client, char **words)
{
        int64_t timeout_ms = number(words[2], LONGEST_MS);

        if (timeout_ms < 0) {
                refuse(client, EINVAL, "no such timeout");
                return;
        }
        if (supervisor->stop.active) {
                refuse(client, EBUSY, "the server is stopping");
                return;
        }
        wait_for(client, CLIENT_WAIT_RUNNING);
        stop_begin(supervisor, timeout_ms * 1000, 0, true);
}

static void serve(struct supervisor *supervisor, struct client *client, char **words)
{
        const char *verb = words[1];

        if (!words[0] || strcmp(words[0], "vps1") != 0 || !verb) {
                refuse(client, EPROTO, "this supervisor speaks version 1 of the protocol");
        } else if (strcmp(verb, "status") == 0) {
                say_status(supervisor, client);
        } else if (strcmp(verb, "stop") == 0) {
                request_stop(supervisor, client, words);
        } else if (strcmp(verb, "kill") == 0) {
                wait_for(client, CLIENT_WAIT_STOPPED);
                stop_kill(supervisor);
        } else if (strcmp(verb, "restart") == 0) {
                request_restart(supervisor, client, words);
        } else if (strcmp(verb, "wait") == 0) {
                wait_for(client, CLIENT_WAIT_STOPPED);
        } else if (strcmp(verb, "wait-ready") == 0) {
                wait_for(client, CLIENT_WAIT_READY);
                if (server_is_up(&supervisor->server))
                        control_tell(supervisor, CLIENT_WAIT_READY, "ready\n", false);
        } else if (strcmp(verb, "account") == 0) {
                say_saved(client, accounting_save(&supervisor->accounting, &supervisor->server));
        } else if (strcmp(verb, "reload") == 0) {
                request_reload(supervisor, client);
        } else if (strcmp(verb, "reset-usage") == 0) {
                say_saved(client, accounting_reset(&supervisor->accounting, &supervisor->server));
        } else if (strcmp(verb, "reset-traffic") == 0) {
                say_saved(client, accounting_reset_traffic(&supervisor->accounting, &supervisor->server));
        } else if (strcmp(verb, "console") == 0) {
                answer(client, "ok\n");
                console_attach(supervisor, client);
        } else {
                refuse(client, ENOSYS, "no such request");
        }
}

void control_request(struct supervisor *supervisor, struct client *client)
{
        ssize_t got =
                recv(client->fd, client->input + client->used, CLIENT_BYTES - 1 - client->used, MSG_DONTWAIT);
        char line[CLIENT_BYTES], *rest = line, *words[5] = {0};
        unsigned char *end;

        if (got <= 0) {
                if (got == 0 || errno != EAGAIN)
                        client_close(client);
                return;
        }
        client->used += (size_t)got;
        end = memchr(client->input, '\n', client->used);
        if (!end) {
                if (client->used == CLIENT_BYTES - 1)
                        refuse(client, EMSGSIZE, "the request is too long");
                return;
        }
        *end = '\0';
        (void)snprintf(line, sizeof(line), "%s", (char *)client->input);
        client->used = 0;
        for (int i = 0; i < 4; i++)
                words[i] = strsep(&rest, "\t");
        serve(supervisor, client, words);
}

void control_tell(struct supervisor *supervisor, enum client_kind kind, const char *line, bool keep)
{
        for (int i = 0; i < MAX_CLIENTS; i++) {
                struct client *client = &supervisor->clients[i];

                if (client->fd < 0 || client->kind != kind)
                        continue;
                answer(client, line);
                if (!keep)
                        client_close(client);
        }
}
