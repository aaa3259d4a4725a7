/* Processes by descriptor. Waiting is a poll in Node's own event loop: no thread, no timer. */
#include "pidfd.h"

#include "failure.h"

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

namespace vps
{

Napi::Value pidfd_open_process(const Napi::CallbackInfo &info)
{
        int pid = info[0].As<Napi::Number>();
        long fd = syscall(SYS_pidfd_open, pid, 0);

        if (fd < 0)
                fail_errno(info.Env(), "pidfd_open");
        return Napi::Number::New(info.Env(), static_cast<double>(fd));
}

void pidfd_signal_process(const Napi::CallbackInfo &info)
{
        int pidfd = info[0].As<Napi::Number>();
        int signal = info[1].As<Napi::Number>();

        if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) < 0)
                fail_errno(info.Env(), "pidfd_send_signal");
}

namespace
{

/* Lives from pidfdWait() until libuv has closed the handle; the JavaScript `cancel` holds a share, so that
 * calling it late is harmless. */
struct Wait {
        uv_poll_t poll;
        int fd;
        bool settled = false;
        Napi::Env env;
        Napi::Promise::Deferred deferred;
        napi_async_cleanup_hook_handle hook = nullptr;
        std::shared_ptr<Wait> self;

        Wait(Napi::Env env, int fd) : fd(fd), env(env), deferred(Napi::Promise::Deferred::New(env))
        {
        }
};

void closed(uv_handle_t *handle)
{
        auto *wait = static_cast<Wait *>(handle->data);

        (void)close(wait->fd);
        if (wait->hook)
                (void)napi_remove_async_cleanup_hook(wait->hook);
        wait->self.reset();
}

void stop(Wait *wait)
{
        wait->settled = true;
        uv_close(reinterpret_cast<uv_handle_t *>(&wait->poll), closed);
}

/* Called by the event loop, outside of any JavaScript frame: settling needs scopes, and microtasks must run
 * after. */
void ended(uv_poll_t *poll, int status, int)
{
        auto *wait = static_cast<Wait *>(poll->data);
        auto share = wait->self;

        if (wait->settled)
                return;
        Napi::HandleScope scope(wait->env);
        Napi::AsyncContext context(wait->env, "vps-pidfd");
        Napi::CallbackScope callback(wait->env, context);
        stop(wait);
        if (status < 0)
                wait->deferred.Reject(to_error(wait->env, {-status, "poll", ""}));
        else
                wait->deferred.Resolve(Napi::Boolean::New(wait->env, true));
}

/* The environment goes down with somebody still waiting: close the handle, nobody is left to be told. */
void environment_ends(napi_async_cleanup_hook_handle, void *data)
{
        auto *wait = static_cast<Wait *>(data);

        if (!wait->settled)
                stop(wait);
}

void cancel(Wait *wait)
{
        if (wait->settled)
                return;
        stop(wait);
        wait->deferred.Resolve(Napi::Boolean::New(wait->env, false));
}

/* The duplicate lets the caller close its own number while we poll. */
int duplicate(Napi::Env env, int fd)
{
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        if (copy < 0)
                fail_errno(env, "fcntl");
        return copy;
}

} // namespace

Napi::Value pidfd_wait(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        uv_loop_t *loop = nullptr;
        auto wait = std::make_shared<Wait>(env, duplicate(env, info[0].As<Napi::Number>()));
        int error = napi_get_uv_event_loop(env, &loop) == napi_ok ? 0 : UV_EINVAL;

        if (!error)
                error = uv_poll_init(loop, &wait->poll, wait->fd);
        if (error) {
                (void)close(wait->fd);
                fail(env, {-error, "poll", ""});
        }
        wait->poll.data = wait.get();
        wait->self = wait;
        (void)napi_add_async_cleanup_hook(env, environment_ends, wait.get(), &wait->hook);
        error = uv_poll_start(&wait->poll, UV_READABLE, ended);
        if (error) {
                stop(wait.get());
                fail(env, {-error, "poll", ""});
        }
        auto result = Napi::Object::New(env);
        result.Set("promise", wait->deferred.Promise());
        result.Set("cancel",
                   Napi::Function::New(env, [wait](const Napi::CallbackInfo &) { cancel(wait.get()); }));
        return result;
}

} // namespace vps
