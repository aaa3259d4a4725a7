#include "terminal.h"

#include <errno.h>
#include <unistd.h>

void terminal_find(struct terminal *terminal)
{
        *terminal = (struct terminal){.fd = -1};
        if (isatty(STDIN_FILENO))
                terminal->fd = STDIN_FILENO;
        else if (isatty(STDOUT_FILENO))
                terminal->fd = STDOUT_FILENO;
        if (terminal->fd < 0)
                return;
        terminal->is_input = terminal->fd == STDIN_FILENO;
        terminal->known = tcgetattr(terminal->fd, &terminal->modes) == 0;
        (void)terminal_read_size(terminal);
}

int terminal_raw(struct terminal *terminal)
{
        struct termios raw = terminal->modes;

        if (!terminal->known || !terminal->is_input)
                return 0;
        cfmakeraw(&raw);
        if (tcsetattr(terminal->fd, TCSADRAIN, &raw) < 0)
                return -errno;
        terminal->raw = true;
        return 0;
}

void terminal_restore(struct terminal *terminal)
{
        if (!terminal->raw)
                return;
        (void)tcsetattr(terminal->fd, TCSADRAIN, &terminal->modes);
        terminal->raw = false;
}

bool terminal_read_size(struct terminal *terminal)
{
        return terminal->fd >= 0 && ioctl(terminal->fd, TIOCGWINSZ, &terminal->size) == 0;
}
