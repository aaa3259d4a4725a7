/* The console: what init and its children write goes to the log and to whoever is attached. */
#include "supervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static void remember(struct supervisor *supervisor, const char *data, size_t length)
{
        size_t keep;

        if (length >= RING_BYTES) {
                memcpy(supervisor->ring, data + length - RING_BYTES, RING_BYTES);
                supervisor->ring_used = RING_BYTES;
                return;
        }
        keep = supervisor->ring_used + length > RING_BYTES ? RING_BYTES - length : supervisor->ring_used;
        memmove(supervisor->ring, supervisor->ring + supervisor->ring_used - keep, keep);
        memcpy(supervisor->ring + keep, data, length);
        supervisor->ring_used = keep + length;
}

/* A client that does not read loses output: the server is never held up by whoever looks at it. */
static void show(struct client *client, const char *data, size_t length)
{
        if (send(client->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
                client_close(client);
}

void console_output(struct supervisor *supervisor)
{
        char data[8192];
        ssize_t got;

        while ((got = read(supervisor->server.console_master, data, sizeof(data))) > 0) {
                log_append(&supervisor->log, data, (size_t)got);
                remember(supervisor, data, (size_t)got);
                for (int i = 0; i < MAX_CLIENTS; i++)
                        if (supervisor->clients[i].fd >= 0 && supervisor->clients[i].kind == CLIENT_CONSOLE)
                                show(&supervisor->clients[i], data, (size_t)got);
        }
}

void console_attach(struct supervisor *supervisor, struct client *client)
{
        client->kind = CLIENT_CONSOLE;
        if (supervisor->ring_used > 0)
                show(client, supervisor->ring, supervisor->ring_used);
}

/* A whole frame's length, 0 when there is more to come, -1 for nonsense. d: u16 length, data. w: u16 rows,
 * u16 columns. */
static int frame_length(const struct client *client)
{
        const unsigned char *input = client->input;

        if (client->used < 3)
                return 0;
        if (input[0] == 'w')
                return client->used >= 5 ? 5 : 0;
        if (input[0] == 'd') {
                size_t length = 3 + (size_t)(input[1] << 8 | input[2]);

                if (length > CLIENT_BYTES)
                        return -1;
                return client->used >= length ? (int)length : 0;
        }
        return -1;
}

static void take_frame(struct supervisor *supervisor, const unsigned char *frame, size_t length)
{
        struct winsize size = {0};

        if (frame[0] == 'd') {
                /* A guest that does not read its console loses what is typed, as on any full tty. */
                (void)!write(supervisor->server.console_master, frame + 3, length - 3);
                return;
        }
        size.ws_row = (unsigned short)(frame[1] << 8 | frame[2]);
        size.ws_col = (unsigned short)(frame[3] << 8 | frame[4]);
        (void)ioctl(supervisor->server.console_master, TIOCSWINSZ, &size);
}

void console_input(struct supervisor *supervisor, struct client *client)
{
        ssize_t got =
                recv(client->fd, client->input + client->used, CLIENT_BYTES - client->used, MSG_DONTWAIT);
        int length;

        if (got <= 0) {
                if (got == 0 || errno != EAGAIN)
                        client_close(client);
                return;
        }
        client->used += (size_t)got;
        while ((length = frame_length(client)) > 0) {
                take_frame(supervisor, client->input, (size_t)length);
                client->used -= (size_t)length;
                memmove(client->input, client->input + length, client->used);
        }
        if (length < 0)
                client_close(client);
}
