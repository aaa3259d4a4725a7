/* Flushes and renames in a row, each of which waits for the disk, on one trip to another thread. */
#ifndef VPS_ADDON_DURABLE_H
#define VPS_ADDON_DURABLE_H

#include <napi.h>

namespace vps
{

/* durably(steps): Promise<void> — does what the steps say, in their order. Each is an array: [path], a file
 * or a directory to be flushed, or [from, to], a name to be changed. The first that fails ends it. */
Napi::Value durably(const Napi::CallbackInfo &info);

} // namespace vps

#endif
