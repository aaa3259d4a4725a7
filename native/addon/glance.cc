#include "glance.h"

#include "failure.h"
#include "fd.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <initializer_list>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <vector>

namespace vps
{

namespace
{

constexpr size_t MANY = 64;  /* fewer are read before another thread has started */
constexpr size_t BLOCK = 16; /* taken by a thread at a time */
constexpr unsigned MOST_THREADS = 4;

/* One thing looked at: nothing there, a text, or a failure (then `error` is set). */
struct Answer {
        bool there = false;
        int error = 0;
        const char *syscall = "";
        std::string text;
};

using Look = Answer (*)(const std::string &path);

Answer found(std::string &&text)
{
        Answer answer;

        answer.there = true;
        answer.text = std::move(text);
        return answer;
}

/* With errno as it is: an answer that nothing is there if it is one of `absent`. */
Answer not_found(const char *syscall, std::initializer_list<int> absent)
{
        Answer answer;

        if (std::find(absent.begin(), absent.end(), errno) == absent.end()) {
                answer.error = errno;
                answer.syscall = syscall;
        }
        return answer;
}

Answer no_text(const char *syscall)
{
        return not_found(syscall, {ENOENT, ENOTDIR, EISDIR, ESRCH, ENODEV, EOPNOTSUPP});
}

Answer text_of(const std::string &path)
{
        Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
        std::string text;
        char bytes[4096];
        ssize_t got;

        if (!fd.valid())
                return no_text("open");
        while ((got = read(fd.get(), bytes, sizeof bytes)) > 0)
                text.append(bytes, static_cast<size_t>(got));
        return got < 0 ? no_text("read") : found(std::move(text));
}

Answer version_of(const std::string &path)
{
        struct stat st;

        if (stat(path.c_str(), &st) < 0)
                return not_found("stat", {ENOENT, ENOTDIR});
        return found(std::to_string(st.st_ino) + " " + std::to_string(st.st_size) + " " +
                     std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec));
}

Answer target_of(const std::string &path)
{
        char target[PATH_MAX];
        ssize_t length = readlink(path.c_str(), target, sizeof target);

        if (length < 0)
                return not_found("readlink", {ENOENT, ENOTDIR, EINVAL});
        return found(std::string(target, static_cast<size_t>(length)));
}

std::vector<std::string> split(const std::string &joined)
{
        std::vector<std::string> paths;
        size_t begin = 0;

        for (size_t end; (end = joined.find('\0', begin)) != std::string::npos; begin = end + 1)
                paths.push_back(joined.substr(begin, end - begin));
        return paths;
}

/* Where there are many, on several threads: most of the time is the kernel's. */
std::vector<Answer> look_at(const std::vector<std::string> &paths, Look look)
{
        std::vector<Answer> answers(paths.size());
        std::atomic<size_t> next = 0;
        auto work = [&] {
                for (size_t begin; (begin = next.fetch_add(BLOCK)) < paths.size();) {
                        size_t end = std::min(begin + BLOCK, paths.size());

                        for (size_t index = begin; index < end; index++)
                                answers[index] = look(paths[index]);
                }
        };
        unsigned wanted =
                paths.size() < MANY ? 1 : std::min(std::thread::hardware_concurrency(), MOST_THREADS);
        std::vector<std::thread> helpers;

        helpers.reserve(MOST_THREADS);
        try {
                while (helpers.size() + 1 < wanted)
                        helpers.emplace_back(work);
        } catch (const std::system_error &) {
                /* no more threads to be had: those that there are do it */
        }
        work();
        for (std::thread &helper : helpers)
                helper.join();
        return answers;
}

Napi::Value look_at_all(const Napi::CallbackInfo &info, Look look)
{
        Napi::Env env = info.Env();
        std::vector<std::string> paths = split(info[0].As<Napi::String>().Utf8Value());
        std::vector<Answer> answers = look_at(paths, look);
        Napi::Array values = Napi::Array::New(env, answers.size());

        for (uint32_t index = 0; index < answers.size(); index++) {
                const Answer &answer = answers[index];

                if (answer.error != 0)
                        fail(env, {answer.error, answer.syscall, paths[index]});
                values.Set(index, answer.there ? Napi::String::New(env, answer.text) : env.Undefined());
        }
        return values;
}

} // namespace

Napi::Value read_texts(const Napi::CallbackInfo &info)
{
        return look_at_all(info, text_of);
}

Napi::Value file_versions(const Napi::CallbackInfo &info)
{
        return look_at_all(info, version_of);
}

Napi::Value read_targets(const Napi::CallbackInfo &info)
{
        return look_at_all(info, target_of);
}

} // namespace vps
