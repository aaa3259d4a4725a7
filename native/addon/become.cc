/* Before process.execve(): the words at descriptor 3, none of Node's descriptors, and none of what Node and
 * libuv have changed in what a program inherits. */
#include "become.h"

#include "failure.h"
#include "memfd.h"

#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vps
{

namespace
{

enum { WORDS_FD = 3 };

/* Node ignores SIGPIPE and SIGXFSZ; what is ignored stays so through exec. */
void reset_signals(Napi::Env env)
{
        sigset_t none;

        for (int number : {SIGPIPE, SIGXFSZ})
                if (signal(number, SIG_DFL) == SIG_ERR)
                        fail_errno(env, "signal");
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, nullptr) < 0)
                fail_errno(env, "sigprocmask");
}

/* libuv makes pipes and terminals non-blocking; the flag belongs to the open file, and so to other programs
 * too. */
void reset_stdio(Napi::Env env)
{
        for (int fd = 0; fd <= 2; fd++) {
                int flags = fcntl(fd, F_GETFL);

                if (flags >= 0 && (flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
                        fail_errno(env, "fcntl");
        }
}

} // namespace

void prepare_exec(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Fd words = sealed_memfd(env, "vps-attach", info[0].As<Napi::Buffer<char>>());

        reset_signals(env);
        reset_stdio(env);
        if (close_range(WORDS_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                fail_errno(env, "close_range");
        if (dup2(words.get(), WORDS_FD) < 0)
                fail_errno(env, "dup2");
}

} // namespace vps
