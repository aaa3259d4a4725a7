/* Errors that reach JavaScript: an instance of the class which TypeScript handed in, made of errno, the
 * system call and the path it was about. */
#ifndef VPS_ADDON_FAILURE_H
#define VPS_ADDON_FAILURE_H

#include <napi.h>

#include <string>

namespace vps
{

/* What failed, kept as plain data so that it can be made on any thread. */
struct Failure {
        int error = 0;
        std::string syscall;
        std::string path;
};

/* Remembers the class to throw: `new Class(code, errno, syscall, path, description)`. Once per environment.
 */
void set_error_class(const Napi::CallbackInfo &info);

/* The JavaScript error of a failure; only on the JavaScript thread. */
Napi::Value to_error(Napi::Env env, const Failure &failure);

/* Throws it (C++ exceptions are on: this does not return). */
[[noreturn]] void fail(Napi::Env env, const Failure &failure);

/* The same with errno as it is now. */
[[noreturn]] void fail_errno(Napi::Env env, const char *syscall, const std::string &path = "");

} // namespace vps

#endif
