#ifndef VPS_ADDON_LAUNCH_H
#define VPS_ADDON_LAUNCH_H

#include <napi.h>

namespace vps
{

/* launch(supervisor, title, words): a promise of {pid, reportFd} — starts a supervisor with a plan. */
Napi::Value launch(const Napi::CallbackInfo &info);

/* readReport(fd): a promise of all that came over a report channel, up to the line `started …` or its end.
 * The descriptor stays the caller's, who closes it after that. */
Napi::Value read_report(const Napi::CallbackInfo &info);

} // namespace vps

#endif
