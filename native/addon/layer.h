/* The layer of a server that is being made: still empty, and nobody else's yet. What is wanted in it is
 * written at once, straight into its directory, without a mount. */
#ifndef VPS_ADDON_LAYER_H
#define VPS_ADDON_LAYER_H

#include <napi.h>

namespace vps
{

/* layerFill(image, layer, entries): Promise<void> — makes what the entries say, in their order, parents
 * first. Each is an array: [kind, path, mode, uid, gid, content]. Kinds:
 *
 *   "image"      the directory that the image has there, with its owner, mode and attributes, so that what
 * follows can be in it "directory"  a new one, or one of the image with another owner and mode; content is
 * whether the image has it "file"       content is a Buffer "link"       content is where it leads
 *
 * Nothing may be in the layer that is to be made. */
Napi::Value layer_fill(const Napi::CallbackInfo &info);

} // namespace vps

#endif
