#ifndef VPS_ADDON_PIDFD_H
#define VPS_ADDON_PIDFD_H

#include <napi.h>

namespace vps
{

/* pidfdOpen(pid): number — close-on-exec, as pidfd_open(2) makes it. */
Napi::Value pidfd_open_process(const Napi::CallbackInfo &info);

/* pidfdSignal(pidfd, signal) */
void pidfd_signal_process(const Napi::CallbackInfo &info);

/* pidfdWait(pidfd): {promise, cancel()} — resolves true when the process has ended, false when cancelled. */
Napi::Value pidfd_wait(const Napi::CallbackInfo &info);

} // namespace vps

#endif
