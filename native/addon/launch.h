#ifndef VPS_ADDON_LAUNCH_H
#define VPS_ADDON_LAUNCH_H

#include <napi.h>

namespace vps
{

/* launch(supervisor, title, words): a promise of {pid, reportFd} — starts a supervisor with a plan. */
Napi::Value launch(const Napi::CallbackInfo &info);

} // namespace vps

#endif
