/* Programs that end by themselves. Node's own spawn forks, and a process that holds hundreds of servers
 * stands still for milliseconds while its page tables are copied. */
#include "program.h"

#include "failure.h"
#include "fd.h"
#include "memfd.h"
#include "spawn.h"

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace vps
{

namespace
{

enum { PLAN_FD = 3 };

struct Program {
        std::string path;
        std::vector<std::string> argv;
        std::vector<std::string> environment;
        Fd input;
        Fd plan; /* may be none */
        Fd out;
        Fd err;
        int status = 0;
        std::string said = {};
        std::string complained = {};
        Failure failure = {};
};

std::vector<std::string> texts(const Napi::Value &value)
{
        auto array = value.As<Napi::Array>();
        std::vector<std::string> result;

        for (uint32_t at = 0; at < array.Length(); at++)
                result.push_back(array.Get(at).As<Napi::String>());
        return result;
}

std::vector<char *> pointers(std::vector<std::string> &words)
{
        std::vector<char *> result;

        for (std::string &word : words)
                result.push_back(word.data());
        result.push_back(nullptr);
        return result;
}

int describe_files(posix_spawn_file_actions_t *actions, const Program &program)
{
        int above = program.plan.valid() ? PLAN_FD + 1 : PLAN_FD;
        int error = posix_spawn_file_actions_adddup2(actions, program.input.get(), 0);

        if (!error)
                error = posix_spawn_file_actions_adddup2(actions, program.out.get(), 1);
        if (!error)
                error = posix_spawn_file_actions_adddup2(actions, program.err.get(), 2);
        if (!error && program.plan.valid())
                error = posix_spawn_file_actions_adddup2(actions, program.plan.get(), PLAN_FD);
        if (!error)
                error = posix_spawn_file_actions_addclosefrom_np(actions, above);
        return error;
}

int spawn(Program &program, pid_t *pid)
{
        std::vector<char *> argv = pointers(program.argv);
        std::vector<char *> environment = pointers(program.environment);
        SpawnActions actions;
        SpawnAttributes attributes;
        int error = describe_files(&actions.value, program);

        if (!error)
                error = default_signals(&attributes.value, 0);
        if (!error)
                error = posix_spawn(pid, program.path.c_str(), &actions.value, &attributes.value, argv.data(),
                                    environment.data());
        return error;
}

/* All that was written to a memfd, wherever its writer left the offset. */
bool read_whole(int fd, std::string &text)
{
        struct stat found;
        size_t done = 0;

        if (fstat(fd, &found) < 0)
                return false;
        text.resize(static_cast<size_t>(found.st_size));
        while (done < text.size()) {
                ssize_t got = pread(fd, &text[done], text.size() - done, static_cast<off_t>(done));

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return false;
                done += static_cast<size_t>(got);
        }
        return true;
}

void run(Program &program)
{
        pid_t pid = -1;
        int error = spawn(program, &pid);

        if (error) {
                program.failure = {error, "posix_spawn", program.path};
                return;
        }
        while (waitpid(pid, &program.status, 0) < 0)
                if (errno != EINTR) {
                        program.failure = {errno, "waitpid", program.path};
                        return;
                }
        if (!read_whole(program.out.get(), program.said) ||
            !read_whole(program.err.get(), program.complained))
                program.failure = {errno, "pread", program.path};
}

void settle(Napi::Env env, const Napi::Promise::Deferred &deferred, const Program &program)
{
        auto result = Napi::Object::New(env);

        if (program.failure.error)
                return deferred.Reject(to_error(env, program.failure));
        result.Set("status", Napi::Number::New(env, program.status));
        result.Set("stdout", Napi::String::New(env, program.said));
        result.Set("stderr", Napi::String::New(env, program.complained));
        deferred.Resolve(result);
}

/* A thread of its own: how long a program takes is its own affair, and libuv's four are for files. */
void run_on_thread(Napi::Env env, const Napi::Promise::Deferred &deferred,
                   const std::shared_ptr<Program> &program)
{
        auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo &) {});
        auto done = Napi::ThreadSafeFunction::New(env, nothing, "vps-program", 0, 1);
        auto work = [program, done, deferred]() mutable {
                run(*program);
                (void)done.BlockingCall([program, deferred](Napi::Env env, Napi::Function) {
                        settle(env, deferred, *program);
                });
                (void)done.Release();
        };
        try {
                std::thread(work).detach();
        } catch (const std::system_error &failed) {
                (void)done.Release();
                program->failure = {failed.code().value(), "pthread_create", program->path};
                settle(env, deferred, *program);
        }
}

} // namespace

Napi::Value run_program(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        auto deferred = Napi::Promise::Deferred::New(env);
        auto program = std::make_shared<Program>(Program{
                info[0].As<Napi::String>(), texts(info[1]), texts(info[2]),
                sealed_memfd(env, "input", info[3].As<Napi::Buffer<char>>()),
                info[4].IsUndefined() ? Fd() : sealed_memfd(env, "plan", info[4].As<Napi::Buffer<char>>()),
                empty_memfd(env, "stdout"), empty_memfd(env, "stderr")});

        run_on_thread(env, deferred, program);
        return deferred.Promise();
}

} // namespace vps
