#include "tree.h"

#include "../common/syscalls.h"
#include "failure.h"
#include "fd.h"

#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace vps
{

namespace
{

/* Nobody in a server can make names like this one mean anything: it is replaced each time. */
const char *const TEMPORARY = ".vps-new";

Fd open_layer(Napi::Env env, const std::string &path)
{
        Fd fd(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));

        if (!fd.valid())
                fail_errno(env, "open", path);
        return fd;
}

/* By descriptor, for a path may hold what the options of overlayfs give a meaning to, and be longer than
 * fsconfig(2) takes. */
void set_layer(Napi::Env env, int fs, const char *key, const std::string &path, const Fd &layer)
{
        std::string link = "/proc/self/fd/" + std::to_string(layer.get());

        if (sys_fsconfig(fs, FSCONFIG_SET_STRING, key, link.c_str(), 0) < 0)
                fail_errno(env, "fsconfig", path);
}

void set_option(Napi::Env env, int fs, const char *key, const char *value)
{
        if (sys_fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0)
                fail_errno(env, "fsconfig", key);
}

/* The mark of a volatile mount keeps every later one away; it is for whoever loses data in a crash, which
 * here its maker takes care of. */
void forget_volatile(int work)
{
        (void)unlinkat(work, "work/incompat/volatile/dirty", 0);
        (void)unlinkat(work, "work/incompat/volatile", AT_REMOVEDIR);
        (void)unlinkat(work, "work/incompat", AT_REMOVEDIR);
}

/* The mount itself, on a thread of libuv's: overlayfs tries out what the layer's file system can do, and may
 * have to wait for its journal. */
class Mounting : public Napi::AsyncWorker
{
      public:
        Mounting(Napi::Env env, std::string upper, Fd &&fs, Fd &&work, std::vector<Fd> &&layers)
            : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), upper_(std::move(upper)),
              fs_(std::move(fs)), work_(std::move(work)), layers_(std::move(layers))
        {
        }
        Napi::Promise promise() const
        {
                return deferred_.Promise();
        }

      protected:
        void Execute() override
        {
                if (sys_fsconfig(fs_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
                        return note("mount");
                root_ = sys_fsmount(fs_.get(), MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
                if (root_ < 0)
                        note("fsmount");
                forget_volatile(work_.get());
        }
        void OnOK() override
        {
                deferred_.Resolve(Napi::Number::New(Env(), root_));
        }
        void OnError(const Napi::Error &) override
        {
                deferred_.Reject(to_error(Env(), failure_));
        }

      private:
        void note(const char *syscall)
        {
                failure_ = {errno, syscall, upper_};
                SetError(syscall);
        }

        Napi::Promise::Deferred deferred_;
        std::string upper_;
        Fd fs_;
        Fd work_;
        std::vector<Fd> layers_; /* the options speak of them by their numbers */
        Failure failure_;
        int root_ = -1;
};

struct Place {
        int tree;
        std::string path;
        uint64_t resolve;
};

Place place(const Napi::CallbackInfo &info)
{
        const uint64_t within = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
        bool follow = info[2].As<Napi::Boolean>();

        return {info[0].As<Napi::Number>(), info[1].As<Napi::String>(),
                follow ? within : within | RESOLVE_NO_SYMLINKS};
}

int open_at(const Place &place, const std::string &path, uint64_t flags)
{
        return sys_openat2(place.tree, path.c_str(), flags | O_CLOEXEC, 0, place.resolve);
}

/* The directory that the last component is in, and its name. */
Fd open_parent(Napi::Env env, const Place &place, std::string *name)
{
        size_t slash = place.path.rfind('/');
        std::string parent = slash == 0 ? "/" : place.path.substr(0, slash);
        Fd directory(open_at(place, parent, O_PATH | O_DIRECTORY));

        *name = place.path.substr(slash + 1);
        if (!directory.valid())
                fail_errno(env, "openat2", place.path);
        return directory;
}

bool is_missing()
{
        return errno == ENOENT || errno == ENOTDIR;
}

bool write_all(int fd, const char *data, size_t size)
{
        while (size > 0) {
                ssize_t written = write(fd, data, size);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return false;
                data += written;
                size -= static_cast<size_t>(written);
        }
        return true;
}

/* Mode last: chown(2) takes set-id bits away. */
bool give(int fd, mode_t mode, uid_t uid, gid_t gid)
{
        return fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0;
}

/* A name that a directory stands at can't be replaced; the failure tells of the name that was meant. */
void put_in_place(Napi::Env env, int directory, const std::string &name, const std::string &path)
{
        int error;

        if (renameat(directory, TEMPORARY, directory, name.c_str()) == 0)
                return;
        error = errno;
        (void)unlinkat(directory, TEMPORARY, 0);
        fail(env, {error, "rename", path});
}

/* What an interrupted write left, or somebody put there to be in the way. */
void clear_temporary(Napi::Env env, int directory, const std::string &path)
{
        if (unlinkat(directory, TEMPORARY, 0) == 0 || errno == ENOENT)
                return;
        if (errno != EISDIR || unlinkat(directory, TEMPORARY, AT_REMOVEDIR) < 0)
                fail_errno(env, "unlink", path);
}

} // namespace

Napi::Value tree_open(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        auto lowers = info[0].As<Napi::Array>();
        std::string upper_path = info[1].As<Napi::String>();
        std::string work_path = info[2].As<Napi::String>();
        Fd upper = open_layer(env, upper_path);
        Fd work = open_layer(env, work_path);
        std::vector<Fd> layers;
        std::string lowerdir;
        std::string first = lowers.Get(0u).As<Napi::String>();

        for (uint32_t index = 0; index < lowers.Length(); index++) {
                layers.push_back(open_layer(env, lowers.Get(index).As<Napi::String>()));
                lowerdir +=
                        (index ? ":/proc/self/fd/" : "/proc/self/fd/") + std::to_string(layers.back().get());
        }
        Fd fs(sys_fsopen("overlay"));
        if (!fs.valid())
                fail_errno(env, "fsopen", "overlay");
        forget_volatile(work.get());
        if (sys_fsconfig(fs.get(), FSCONFIG_SET_STRING, "lowerdir", lowerdir.c_str(), 0) < 0)
                fail_errno(env, "fsconfig", first);
        set_layer(env, fs.get(), "upperdir", upper_path, upper);
        set_layer(env, fs.get(), "workdir", work_path, work);
        set_option(env, fs.get(), "redirect_dir", "on");
        set_option(env, fs.get(), "xino", "auto");
        /* Else the end of the mount would flush all of the host's file system. */
        set_option(env, fs.get(), "volatile", nullptr);
        layers.push_back(std::move(upper));
        auto *mounting = new Mounting(env, upper_path, std::move(fs), std::move(work), std::move(layers));
        mounting->Queue();
        return mounting->promise();
}

Napi::Value tree_stat(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        /* The last component may be a link though none may be on the way: so by its parent. */
        size_t slash = where.path.rfind('/');
        std::string parent = slash == 0 ? "/" : where.path.substr(0, slash);
        Fd directory(open_at(where, parent, O_PATH | O_DIRECTORY));
        std::string name = where.path.substr(slash + 1);
        struct stat st;

        if (!directory.valid()) {
                if (is_missing())
                        return env.Undefined();
                fail_errno(env, "openat2", where.path);
        }
        if (fstatat(directory.get(), name.c_str(), &st,
                    AT_SYMLINK_NOFOLLOW | (name.empty() ? AT_EMPTY_PATH : 0)) < 0) {
                if (is_missing())
                        return env.Undefined();
                fail_errno(env, "stat", where.path);
        }
        auto result = Napi::Object::New(env);
        result.Set("mode", Napi::Number::New(env, st.st_mode));
        result.Set("uid", Napi::Number::New(env, st.st_uid));
        result.Set("gid", Napi::Number::New(env, st.st_gid));
        result.Set("names", Napi::Number::New(env, static_cast<double>(st.st_nlink)));
        return result;
}

Napi::Value tree_read(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        auto most = static_cast<size_t>(info[3].As<Napi::Number>().Int64Value());
        /* Looked at before it is opened: a device or a pipe would notice. Nobody changes it in between, for
         * the server does not run. */
        Fd seen(open_at(where, where.path, O_PATH));
        struct stat st;

        if (!seen.valid()) {
                if (is_missing())
                        return env.Undefined();
                fail_errno(env, "openat2", where.path);
        }
        if (fstat(seen.get(), &st) < 0)
                fail_errno(env, "stat", where.path);
        if (!S_ISREG(st.st_mode))
                fail(env, {S_ISDIR(st.st_mode) ? EISDIR : EINVAL, "open", where.path});
        if (static_cast<size_t>(st.st_size) > most)
                fail(env, {EFBIG, "open", where.path});
        Fd file(open_at(where, where.path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
        if (!file.valid())
                fail_errno(env, "openat2", where.path);
        std::string bytes(static_cast<size_t>(st.st_size), '\0');
        size_t length = 0;
        while (length < bytes.size()) {
                ssize_t got = read(file.get(), bytes.data() + length, bytes.size() - length);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        fail_errno(env, "read", where.path);
                if (got == 0)
                        break;
                length += static_cast<size_t>(got);
        }
        return Napi::Buffer<char>::Copy(env, bytes.data(), length);
}

Napi::Value tree_read_link(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        std::string name;
        char target[4096];
        ssize_t length;
        Fd directory = open_parent(env, where, &name);

        length = readlinkat(directory.get(), name.c_str(), target, sizeof(target));
        if (length < 0 && (is_missing() || errno == EINVAL))
                return env.Undefined();
        if (length < 0)
                fail_errno(env, "readlink", where.path);
        return Napi::String::New(env, target, static_cast<size_t>(length));
}

Napi::Value tree_list(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        Fd fd(open_at(where, where.path, O_RDONLY | O_DIRECTORY | O_NONBLOCK));

        if (!fd.valid()) {
                if (is_missing())
                        return env.Undefined();
                fail_errno(env, "openat2", where.path);
        }
        std::unique_ptr<DIR, int (*)(DIR *)> directory(fdopendir(fd.get()), closedir);
        if (!directory)
                fail_errno(env, "opendir", where.path);
        (void)fd.take(); /* it is the stream's now */
        auto names = Napi::Array::New(env);
        uint32_t count = 0;
        errno = 0;
        while (const dirent *entry = readdir(directory.get())) {
                std::string name = entry->d_name;

                if (name != "." && name != "..")
                        names.Set(count++, Napi::String::New(env, name));
                errno = 0;
        }
        if (errno)
                fail_errno(env, "readdir", where.path);
        return names;
}

Napi::Value tree_enter(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        Fd directory(open_at(where, where.path, O_RDONLY | O_DIRECTORY | O_NONBLOCK));

        if (!directory.valid()) {
                if (is_missing())
                        return env.Undefined();
                fail_errno(env, "openat2", where.path);
        }
        return Napi::Number::New(env, directory.take());
}

void tree_write(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        auto bytes = info[3].As<Napi::Buffer<char>>();
        std::string name;
        Fd directory = open_parent(env, where, &name);

        clear_temporary(env, directory.get(), where.path);
        Fd file(openat(directory.get(), TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600));
        if (!file.valid())
                fail_errno(env, "open", where.path);
        if (!write_all(file.get(), bytes.Data(), bytes.Length()) ||
            !give(file.get(), info[4].As<Napi::Number>().Uint32Value(),
                  info[5].As<Napi::Number>().Uint32Value(), info[6].As<Napi::Number>().Uint32Value())) {
                int error = errno;

                (void)unlinkat(directory.get(), TEMPORARY, 0);
                fail(env, {error, "write", where.path});
        }
        /* On its way to the disk, so that the next commit of the file system, which is the caller's, finds
         * it there. Only a hint: what it can't do the caller's order of things makes good. */
        (void)sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
        put_in_place(env, directory.get(), name, where.path);
}

void tree_link(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        std::string target = info[3].As<Napi::String>();
        std::string name;
        Fd directory = open_parent(env, where, &name);

        clear_temporary(env, directory.get(), where.path);
        if (symlinkat(target.c_str(), directory.get(), TEMPORARY) < 0)
                fail_errno(env, "symlink", where.path);
        if (fchownat(directory.get(), TEMPORARY, info[4].As<Napi::Number>().Uint32Value(),
                     info[5].As<Napi::Number>().Uint32Value(), AT_SYMLINK_NOFOLLOW) < 0)
                fail_errno(env, "chown", where.path);
        put_in_place(env, directory.get(), name, where.path);
}

Napi::Value tree_directory(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Place where = place(info);
        bool own = info[6].As<Napi::Boolean>();
        std::string name;
        Fd parent = open_parent(env, where, &name);
        bool made = mkdirat(parent.get(), name.c_str(), 0700) == 0;

        if (!made && errno != EEXIST)
                fail_errno(env, "mkdir", where.path);
        Fd directory(openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!directory.valid())
                fail_errno(env, "open", where.path);
        if ((made || own) &&
            !give(directory.get(), info[3].As<Napi::Number>().Uint32Value(),
                  info[4].As<Napi::Number>().Uint32Value(), info[5].As<Napi::Number>().Uint32Value()))
                fail_errno(env, "chown", where.path);
        return Napi::Boolean::New(env, made);
}

} // namespace vps
