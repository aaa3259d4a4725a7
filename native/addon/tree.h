/* The file tree of a server that does not run, reached through an overlay mount that is attached nowhere: it
 * is gone with its descriptor, whatever becomes of this process.
 *
 * Paths are the server's. They are resolved in the kernel as if the tree were all there is: neither `..` nor
 * a symbolic link leads out. FOLLOW says whether links are followed at all on the way; a link in the last
 * place is never written through. Owner ids are those on disk, 0 to 65535. */
#ifndef VPS_ADDON_TREE_H
#define VPS_ADDON_TREE_H

#include <napi.h>

namespace vps
{

/* treeOpen(lower, upper, work): number — a descriptor of the root, to be closed. Nothing else may have the
 * layer mounted. */
Napi::Value tree_open(const Napi::CallbackInfo &info);

/* treeStat(tree, path, follow): {mode, uid, gid, names} | undefined — of what stands there, a link not
 * followed. */
Napi::Value tree_stat(const Napi::CallbackInfo &info);

/* treeRead(tree, path, follow, most): Buffer | undefined — a regular file of at most `most` bytes; links in
 * the last place are followed if those on the way are. */
Napi::Value tree_read(const Napi::CallbackInfo &info);

/* treeReadLink(tree, path): string | undefined */
Napi::Value tree_read_link(const Napi::CallbackInfo &info);

/* treeList(tree, path, follow): string[] | undefined — the names in a directory. */
Napi::Value tree_list(const Napi::CallbackInfo &info);

/* treeEnter(tree, path, follow): number | undefined — a descriptor of a directory, to be closed. */
Napi::Value tree_enter(const Napi::CallbackInfo &info);

/* treeWrite(tree, path, follow, bytes, mode, uid, gid) — beside it and in one go; whatever stands there, but
 * for a directory, is replaced. */
void tree_write(const Napi::CallbackInfo &info);

/* treeLink(tree, path, follow, target, uid, gid) — the same with a symbolic link. */
void tree_link(const Napi::CallbackInfo &info);

/* treeDirectory(tree, path, follow, mode, uid, gid, own): boolean — makes a directory; true when it was not
 * there. With `own`, one that was gets owner and mode as well. */
Napi::Value tree_directory(const Napi::CallbackInfo &info);

} // namespace vps

#endif
