/* vps.node: what TypeScript cannot do by itself. JavaScript checks, this converts, the kernel acts; the typed
 * face is src/native/. */
#include "become.h"
#include "durable.h"
#include "failure.h"
#include "flock.h"
#include "glance.h"
#include "launch.h"
#include "layer.h"
#include "memfd.h"
#include "pidfd.h"
#include "program.h"
#include "tree.h"

static Napi::Object init(Napi::Env env, Napi::Object exports)
{
        exports.Set("setErrorClass", Napi::Function::New(env, vps::set_error_class));
        exports.Set("memfd", Napi::Function::New(env, vps::memfd));
        exports.Set("launch", Napi::Function::New(env, vps::launch));
        exports.Set("readReport", Napi::Function::New(env, vps::read_report));
        exports.Set("durably", Napi::Function::New(env, vps::durably));
        exports.Set("flock", Napi::Function::New(env, vps::flock_file));
        exports.Set("readTexts", Napi::Function::New(env, vps::read_texts));
        exports.Set("fileVersions", Napi::Function::New(env, vps::file_versions));
        exports.Set("readTargets", Napi::Function::New(env, vps::read_targets));
        exports.Set("pidfdOpen", Napi::Function::New(env, vps::pidfd_open_process));
        exports.Set("pidfdSignal", Napi::Function::New(env, vps::pidfd_signal_process));
        exports.Set("pidfdWait", Napi::Function::New(env, vps::pidfd_wait));
        exports.Set("runProgram", Napi::Function::New(env, vps::run_program));
        exports.Set("prepareExec", Napi::Function::New(env, vps::prepare_exec));
        exports.Set("treeOpen", Napi::Function::New(env, vps::tree_open));
        exports.Set("treeStat", Napi::Function::New(env, vps::tree_stat));
        exports.Set("treeRead", Napi::Function::New(env, vps::tree_read));
        exports.Set("treeReadLink", Napi::Function::New(env, vps::tree_read_link));
        exports.Set("treeList", Napi::Function::New(env, vps::tree_list));
        exports.Set("treeEnter", Napi::Function::New(env, vps::tree_enter));
        exports.Set("treeWrite", Napi::Function::New(env, vps::tree_write));
        exports.Set("treeLink", Napi::Function::New(env, vps::tree_link));
        exports.Set("treeDirectory", Napi::Function::New(env, vps::tree_directory));
        exports.Set("layerFill", Napi::Function::New(env, vps::layer_fill));
        return exports;
}

NODE_API_MODULE(vps, init)
