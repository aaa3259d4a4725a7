#ifndef VPS_ADDON_FLOCK_H
#define VPS_ADDON_FLOCK_H

#include <napi.h>

namespace vps
{

/* flock(fd, exclusive, wait): Promise<boolean> — flock(2). A free lock is taken at once; waiting for a held
 * one takes a thread of its own. */
Napi::Value flock_file(const Napi::CallbackInfo &info);

} // namespace vps

#endif
