#ifndef VPS_ADDON_BECOME_H
#define VPS_ADDON_BECOME_H

#include <napi.h>

namespace vps
{

/* prepareExec(words) — makes this process fit to become vps-attach by process.execve(). There is no way back.
 */
void prepare_exec(const Napi::CallbackInfo &info);

} // namespace vps

#endif
