#ifndef VPS_ADDON_PROGRAM_H
#define VPS_ADDON_PROGRAM_H

#include <napi.h>

namespace vps
{

/* runProgram(path, argv, environment, input, plan): a promise of {status, stdout, stderr} — runs a program to
 * its end. `input` is what it reads at descriptor 0, `plan` (may be undefined) what it finds at 3, sealed;
 * `status` is that of waitpid(2). */
Napi::Value run_program(const Napi::CallbackInfo &info);

} // namespace vps

#endif
