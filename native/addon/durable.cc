#include "durable.h"

#include "failure.h"
#include "fd.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <utility>
#include <vector>

namespace vps
{

namespace
{

struct Step {
        std::string path;
        std::string to; /* empty: the path is to be flushed */
};

bool flush(const std::string &path, const char **syscall)
{
        Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));

        *syscall = "open";
        if (!fd.valid())
                return false;
        *syscall = "fsync";
        return fsync(fd.get()) == 0 || errno == EINVAL; /* a file system without fsync of directories */
}

class Doing : public Napi::AsyncWorker
{
      public:
        Doing(Napi::Env env, std::vector<Step> &&steps)
            : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), steps_(std::move(steps))
        {
        }
        Napi::Promise promise() const
        {
                return deferred_.Promise();
        }

      protected:
        void Execute() override
        {
                for (const Step &step : steps_) {
                        const char *syscall = "rename";
                        bool done = step.to.empty() ? flush(step.path, &syscall)
                                                    : rename(step.path.c_str(), step.to.c_str()) == 0;

                        if (done)
                                continue;
                        failure_ = {errno, syscall, step.to.empty() ? step.path : step.to};
                        return SetError(syscall);
                }
        }
        void OnOK() override
        {
                deferred_.Resolve(Env().Undefined());
        }
        void OnError(const Napi::Error &) override
        {
                deferred_.Reject(to_error(Env(), failure_));
        }

      private:
        Napi::Promise::Deferred deferred_;
        std::vector<Step> steps_;
        Failure failure_;
};

} // namespace

Napi::Value durably(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        auto list = info[0].As<Napi::Array>();
        std::vector<Step> steps;

        for (uint32_t index = 0; index < list.Length(); index++) {
                auto words = list.Get(index).As<Napi::Array>();
                Step step;

                step.path = words.Get(0u).As<Napi::String>().Utf8Value();
                if (words.Length() > 1)
                        step.to = words.Get(1u).As<Napi::String>().Utf8Value();
                steps.push_back(std::move(step));
        }
        auto *doing = new Doing(env, std::move(steps));
        doing->Queue();
        return doing->promise();
}

} // namespace vps
