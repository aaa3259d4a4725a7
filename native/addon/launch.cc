/* Starting a supervisor. */
#include "launch.h"

#include "failure.h"
#include "fd.h"
#include "memfd.h"
#include "spawn.h"

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <utility>

namespace vps
{

namespace
{

enum { PLAN_FD = 3, REPORT_FD = 4 };

/* Descriptors of the child: /dev/null three times, the plan, the report channel, nothing else; its directory
 * is /. */
int describe_files(posix_spawn_file_actions_t *actions, int plan, int report)
{
        int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);

        for (int fd = 1; !error && fd <= 2; fd++)
                error = posix_spawn_file_actions_adddup2(actions, 0, fd);
        if (!error)
                error = posix_spawn_file_actions_adddup2(actions, plan, PLAN_FD);
        if (!error)
                error = posix_spawn_file_actions_adddup2(actions, report, REPORT_FD);
        if (!error)
                error = posix_spawn_file_actions_addclosefrom_np(actions, REPORT_FD + 1);
        if (!error)
                error = posix_spawn_file_actions_addchdir_np(actions, "/");
        return error;
}

int spawn(const std::string &path, std::string title, int plan, int report, pid_t *pid)
{
        char path_variable[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        char *argv[] = {title.data(), nullptr};
        char *envp[] = {path_variable, nullptr};
        SpawnActions actions;
        SpawnAttributes attributes;
        int error = describe_files(&actions.value, plan, report);

        if (!error)
                error = default_signals(&attributes.value, POSIX_SPAWN_SETSID);
        if (!error)
                error = posix_spawn(pid, path.c_str(), &actions.value, &attributes.value, argv, envp);
        return error;
}

/* The process we spawned forks the real supervisor and exits: at once, or when its starter has let it go on
 * (a scope of systemd). How it ended does not matter here: what went wrong is said on the report channel. */
void reap(pid_t pid)
{
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
                ;
}

/* What a start is about, until it is told how it went. */
struct Launch {
        std::string path;
        std::string title;
        Fd plan;
        Fd ours;
        Fd theirs;
        pid_t pid = -1;
        int error = 0;
};

void settle(Napi::Env env, const Napi::Promise::Deferred &deferred, Launch &launch)
{
        auto result = Napi::Object::New(env);

        if (launch.error)
                return deferred.Reject(to_error(env, {launch.error, "posix_spawn", launch.path}));
        result.Set("pid", Napi::Number::New(env, launch.pid));
        result.Set("reportFd", Napi::Number::New(env, launch.ours.take()));
        deferred.Resolve(result);
}

/* A thread of its own, for the parent of a vfork sleeps until exec has read the program: time in which
 * JavaScript prepares the next server. The thread stays until it has reaped what it spawned. */
void spawn_on_thread(Napi::Env env, const Napi::Promise::Deferred &deferred,
                     const std::shared_ptr<Launch> &launch)
{
        auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo &) {});
        auto done = Napi::ThreadSafeFunction::New(env, nothing, "vps-launch", 0, 1);
        auto work = [launch, done, deferred]() mutable {
                launch->error = spawn(launch->path, launch->title, launch->plan.get(), launch->theirs.get(),
                                      &launch->pid);
                pid_t pid = launch->pid;
                bool spawned = !launch->error;

                (void)close(launch->plan.take());
                (void)close(launch->theirs.take());
                (void)done.BlockingCall([launch, deferred](Napi::Env env, Napi::Function) {
                        settle(env, deferred, *launch);
                });
                (void)done.Release();
                if (spawned)
                        reap(pid);
        };
        try {
                std::thread(work).detach();
        } catch (const std::system_error &failed) {
                (void)done.Release();
                launch->error = failed.code().value();
                settle(env, deferred, *launch);
        }
}

/* More than any report is. */
const size_t MOST_REPORT = 1024 * 1024;

struct Reading {
        std::string text;
        int error = 0;
};

/* The supervisor keeps the channel open until the server is up; what its starter waits for is said before. */
bool has_started(const std::string &text)
{
        size_t line = text.compare(0, 8, "started\t") == 0 ? 0 : text.find("\nstarted\t");

        return line != std::string::npos && text.find('\n', line + 1) != std::string::npos;
}

void read_all(int fd, Reading &reading)
{
        char buffer[4096];

        while (!has_started(reading.text)) {
                ssize_t got = read(fd, buffer, sizeof(buffer));

                if (got < 0 && errno == EINTR)
                        continue;
                if (got > 0 && reading.text.size() > MOST_REPORT)
                        reading.error = EFBIG;
                if (got < 0)
                        reading.error = errno;
                if (got <= 0 || reading.error)
                        return;
                reading.text.append(buffer, static_cast<size_t>(got));
        }
}

void tell_report(Napi::Env env, const Napi::Promise::Deferred &deferred, const Reading &reading)
{
        if (reading.error)
                deferred.Reject(to_error(env, {reading.error, "read", ""}));
        else
                deferred.Resolve(Napi::String::New(env, reading.text));
}

/* A thread of its own: a report comes in many small pieces, each of which would wake JavaScript, and libuv's
 * threads are for what ends by itself. */
void read_on_thread(Napi::Env env, const Napi::Promise::Deferred &deferred, int fd)
{
        auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo &) {});
        auto done = Napi::ThreadSafeFunction::New(env, nothing, "vps-report", 0, 1);
        auto work = [fd, done, deferred]() mutable {
                auto reading = std::make_shared<Reading>();

                read_all(fd, *reading);
                (void)done.BlockingCall([reading, deferred](Napi::Env env, Napi::Function) {
                        tell_report(env, deferred, *reading);
                });
                (void)done.Release();
        };
        try {
                std::thread(work).detach();
        } catch (const std::system_error &failed) {
                Reading none;

                (void)done.Release();
                none.error = failed.code().value();
                tell_report(env, deferred, none);
        }
}

} // namespace

Napi::Value read_report(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        auto deferred = Napi::Promise::Deferred::New(env);

        read_on_thread(env, deferred, info[0].As<Napi::Number>());
        return deferred.Promise();
}

Napi::Value launch(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        auto deferred = Napi::Promise::Deferred::New(env);
        std::string path = info[0].As<Napi::String>();
        std::string title = info[1].As<Napi::String>();
        Fd plan = sealed_memfd(env, title, info[2].As<Napi::Buffer<char>>());
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                fail_errno(env, "socketpair");
        Fd ours(pair[0]);
        Fd low(pair[1]);
        Fd theirs(fcntl(low.get(), F_DUPFD_CLOEXEC, FIRST_FREE_FD));
        if (!theirs.valid())
                fail_errno(env, "fcntl");
        spawn_on_thread(env, deferred,
                        std::make_shared<Launch>(
                                Launch{path, title, std::move(plan), std::move(ours), std::move(theirs)}));
        return deferred.Promise();
}

} // namespace vps
