/* Bytes in a sealed memfd: what C reads can no longer be changed by anyone. */
#ifndef VPS_ADDON_MEMFD_H
#define VPS_ADDON_MEMFD_H

#include "fd.h"

#include <napi.h>

#include <string>

namespace vps
{

/* A close-on-exec memfd with these bytes, sealed against every change; throws. Its number is at least 10, so
 * that it can be put at a small number of a child without standing in the way. */
Fd sealed_memfd(Napi::Env env, const std::string &name, const Napi::Buffer<char> &bytes);

/* One for a child to write to, as above in all else. */
Fd empty_memfd(Napi::Env env, const std::string &name);

/* memfd(name, bytes): number */
Napi::Value memfd(const Napi::CallbackInfo &info);

} // namespace vps

#endif
