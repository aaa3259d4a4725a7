/* flock(2) without blocking JavaScript. A waiter gets its own thread and not one of libuv's four: else four
 * waiters would starve the file operations that the lock's holder, in this same process, needs in order to
 * let go. */
#include "flock.h"

#include "failure.h"
#include "fd.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <thread>

namespace vps
{

namespace
{

int flock_uninterrupted(int fd, int operation)
{
        int result;

        do
                result = flock(fd, operation);
        while (result < 0 && errno == EINTR);
        return result;
}

void settle(Napi::Env env, const Napi::Promise::Deferred &deferred, int error)
{
        if (!error)
                deferred.Resolve(Napi::Boolean::New(env, true));
        else if (error == EWOULDBLOCK)
                deferred.Resolve(Napi::Boolean::New(env, false));
        else
                deferred.Reject(to_error(env, {error, "flock", ""}));
}

/* The duplicate shares the open file and thus the lock; the caller may close its own number meanwhile. */
void wait_on_thread(Napi::Env env, const Napi::Promise::Deferred &deferred, int fd, int operation)
{
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        if (copy < 0)
                return settle(env, deferred, errno);
        auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo &) {});
        auto done = Napi::ThreadSafeFunction::New(env, nothing, "vps-flock", 0, 1);
        auto work = [copy, operation, done, deferred]() mutable {
                Fd held(copy);
                int error = flock_uninterrupted(held.get(), operation) < 0 ? errno : 0;
                auto tell = [error, deferred](Napi::Env env, Napi::Function) {
                        settle(env, deferred, error);
                };

                (void)done.BlockingCall(tell);
                (void)done.Release();
        };
        try {
                std::thread(work).detach();
        } catch (const std::system_error &failed) {
                (void)close(copy);
                (void)done.Release();
                settle(env, deferred, failed.code().value());
        }
}

} // namespace

Napi::Value flock_file(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        auto deferred = Napi::Promise::Deferred::New(env);
        int fd = info[0].As<Napi::Number>();
        int operation = info[1].As<Napi::Boolean>() ? LOCK_EX : LOCK_SH;
        bool wait = info[2].As<Napi::Boolean>();
        int error = flock_uninterrupted(fd, operation | LOCK_NB) < 0 ? errno : 0;

        if (error == EWOULDBLOCK && wait)
                wait_on_thread(env, deferred, fd, operation);
        else
                settle(env, deferred, error);
        return deferred.Promise();
}

} // namespace vps
