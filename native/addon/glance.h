/* Looks at many small files in one call: from JavaScript each file is several calls, and a list of a thousand
 * servers is thousands of files. */
#ifndef VPS_ADDON_GLANCE_H
#define VPS_ADDON_GLANCE_H

#include <napi.h>

namespace vps
{

/* All three take paths, each with a NUL after it, in one string, and answer in their order: undefined where
 * nothing is there. The first other failure is thrown. They wait until all is read. */

/* readTexts(paths): (string | undefined)[] — what the files hold. A directory has no text, and a file that
 * is gone with its process or cgroup, or turned off in this kernel, neither. */
Napi::Value read_texts(const Napi::CallbackInfo &info);

/* fileVersions(paths): (string | undefined)[] — inode, size and time of change, to be compared. */
Napi::Value file_versions(const Napi::CallbackInfo &info);

/* readTargets(paths): (string | undefined)[] — where symbolic links lead; what is none has no target. */
Napi::Value read_targets(const Napi::CallbackInfo &info);

} // namespace vps

#endif
