/* The floor of a process that stands beside a server: it waits. */
#include <unistd.h>

int main(void)
{
        return pause();
}
