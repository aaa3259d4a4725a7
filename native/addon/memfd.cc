#include "memfd.h"

#include "failure.h"
#include "spawn.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace vps
{

namespace
{

/* MFD_NOEXEC_SEAL is Linux 6.3; a host may insist on it (vm.memfd_noexec=2), an older one refuses it. */
int create_memfd(const char *name)
{
        const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
        int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

        return fd < 0 && errno == EINVAL ? memfd_create(name, flags) : fd;
}

bool write_all(int fd, const char *data, size_t size)
{
        while (size > 0) {
                ssize_t written = write(fd, data, size);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return false;
                data += written;
                size -= static_cast<size_t>(written);
        }
        return true;
}

} // namespace

Fd empty_memfd(Napi::Env env, const std::string &name)
{
        Fd low(create_memfd(name.c_str()));

        if (!low.valid())
                fail_errno(env, "memfd_create");
        Fd fd(fcntl(low.get(), F_DUPFD_CLOEXEC, FIRST_FREE_FD));
        if (!fd.valid())
                fail_errno(env, "fcntl");
        return fd;
}

Fd sealed_memfd(Napi::Env env, const std::string &name, const Napi::Buffer<char> &bytes)
{
        Fd fd = empty_memfd(env, name);

        if (!write_all(fd.get(), bytes.Data(), bytes.Length()))
                fail_errno(env, "write");
        if (lseek(fd.get(), 0, SEEK_SET) < 0)
                fail_errno(env, "lseek");
        if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                fail_errno(env, "fcntl");
        return fd;
}

Napi::Value memfd(const Napi::CallbackInfo &info)
{
        Fd fd = sealed_memfd(info.Env(), info[0].As<Napi::String>(), info[1].As<Napi::Buffer<char>>());

        return Napi::Number::New(info.Env(), fd.take());
}

} // namespace vps
