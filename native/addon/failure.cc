#include "failure.h"

#include <cerrno>
#include <cstring>
#include <memory>

namespace vps
{

namespace
{
struct ErrorClass {
        Napi::FunctionReference constructor;
};
} // namespace

void set_error_class(const Napi::CallbackInfo &info)
{
        auto holder = std::make_unique<ErrorClass>();

        holder->constructor = Napi::Persistent(info[0].As<Napi::Function>());
        info.Env().SetInstanceData(holder.release());
}

Napi::Value to_error(Napi::Env env, const Failure &failure)
{
        const char *code = strerrorname_np(failure.error);
        auto *holder = env.GetInstanceData<ErrorClass>();
        Napi::Value path = failure.path.empty() ? env.Undefined() : Napi::String::New(env, failure.path);

        if (!holder)
                return Napi::Error::New(env, failure.syscall + ": " + strerror(failure.error)).Value();
        return holder->constructor.New({
                Napi::String::New(env, code ? code : "EUNKNOWN"),
                Napi::Number::New(env, failure.error),
                Napi::String::New(env, failure.syscall),
                path,
                Napi::String::New(env, strerror(failure.error)),
        });
}

void fail(Napi::Env env, const Failure &failure)
{
        throw Napi::Error(env, to_error(env, failure));
}

void fail_errno(Napi::Env env, const char *syscall, const std::string &path)
{
        fail(env, {errno, syscall, path});
}

} // namespace vps
