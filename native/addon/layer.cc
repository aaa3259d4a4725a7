#include "layer.h"

#include "../common/syscalls.h"
#include "failure.h"
#include "fd.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <utility>
#include <vector>

namespace vps
{

namespace
{

/* Attributes of overlayfs itself mean something where they stand, and nowhere else. */
const char OF_OVERLAYS[] = "trusted.overlay.";

enum class Kind { image, directory, file, link };

struct Entry {
        Kind kind;
        std::string path; /* the server's, absolute */
        mode_t mode;
        uid_t uid;
        gid_t gid;
        bool is_of_image;
        std::string content;
};

Kind kind_of(const std::string &word)
{
        if (word == "image")
                return Kind::image;
        if (word == "directory")
                return Kind::directory;
        return word == "file" ? Kind::file : Kind::link;
}

Entry entry_of(const Napi::Array &fields)
{
        Entry entry;
        Napi::Value content = fields.Get(5u);

        entry.kind = kind_of(fields.Get(0u).As<Napi::String>());
        entry.path = fields.Get(1u).As<Napi::String>().Utf8Value();
        entry.mode = fields.Get(2u).As<Napi::Number>().Uint32Value();
        entry.uid = fields.Get(3u).As<Napi::Number>().Uint32Value();
        entry.gid = fields.Get(4u).As<Napi::Number>().Uint32Value();
        entry.is_of_image = entry.kind == Kind::image;
        if (entry.kind == Kind::directory)
                entry.is_of_image = content.As<Napi::Boolean>();
        if (entry.kind == Kind::file) {
                auto bytes = content.As<Napi::Buffer<char>>();

                entry.content.assign(bytes.Data(), bytes.Length());
        }
        if (entry.kind == Kind::link)
                entry.content = content.As<Napi::String>().Utf8Value();
        return entry;
}

bool write_all(int fd, const std::string &bytes)
{
        size_t done = 0;

        while (done < bytes.size()) {
                ssize_t written = write(fd, bytes.data() + done, bytes.size() - done);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return false;
                done += static_cast<size_t>(written);
        }
        return true;
}

/* Mode last: chown(2) takes set-id bits away. */
bool give(int fd, mode_t mode, uid_t uid, gid_t gid)
{
        return fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0;
}

/* Access lists and labels, as overlayfs copies them with a directory. What the layer's file system does not
 * know is left out, unless it keeps somebody out. */
bool copy_attribute(int from, int to, const char *name)
{
        bool is_guard = strncmp(name, "system.", 7) == 0 || strncmp(name, "security.", 9) == 0;
        ssize_t size = fgetxattr(from, name, nullptr, 0);
        std::vector<char> value(size > 0 ? static_cast<size_t>(size) : 0);

        if (size < 0)
                return errno == ENODATA;
        size = fgetxattr(from, name, value.data(), value.size());
        if (size < 0)
                return errno == ENODATA;
        return fsetxattr(to, name, value.data(), static_cast<size_t>(size), 0) == 0 ||
               (errno == EOPNOTSUPP && !is_guard);
}

bool copy_attributes(int from, int to)
{
        ssize_t size = flistxattr(from, nullptr, 0);

        if (size <= 0)
                return size == 0 || errno == EOPNOTSUPP;
        std::vector<char> names(static_cast<size_t>(size) + 1, '\0');
        size = flistxattr(from, names.data(), names.size() - 1);
        if (size < 0)
                return false;
        for (const char *name = names.data(); name < names.data() + size; name += strlen(name) + 1)
                if (strncmp(name, OF_OVERLAYS, strlen(OF_OVERLAYS)) != 0 && !copy_attribute(from, to, name))
                        return false;
        return true;
}

/* Fills one layer, on a thread of libuv's: a journal of the file system may have to be waited for. */
class Filling : public Napi::AsyncWorker
{
      public:
        Filling(Napi::Env env, Fd &&image, Fd &&layer, std::vector<Entry> &&entries)
            : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), image_(std::move(image)),
              layer_(std::move(layer)), entries_(std::move(entries))
        {
        }
        Napi::Promise promise() const
        {
                return deferred_.Promise();
        }

      protected:
        void Execute() override
        {
                for (const Entry &entry : entries_) {
                        if (make(entry))
                                continue;
                        failure_.path = entry.path;
                        return SetError(failure_.syscall);
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
        bool make(const Entry &entry)
        {
                size_t slash = entry.path.rfind('/');
                std::string name = entry.path.substr(slash + 1);

                if (!enter(entry.path.substr(0, slash)))
                        return false;
                switch (entry.kind) {
                case Kind::image:
                case Kind::directory:
                        return make_directory(entry, name);
                case Kind::file:
                        return make_file(entry, name);
                case Kind::link:
                        return make_link(entry, name);
                }
                return false;
        }

        /* Several entries in a row are mostly in one directory. */
        bool enter(const std::string &path)
        {
                if (parent_ && path == parent_path_)
                        return true;
                parent_.emplace(open_below(layer_.get(), path.empty() ? "." : path.substr(1)));
                parent_path_ = path;
                return parent_->valid() || failed("openat2");
        }

        static Fd open_below(int root, const std::string &path)
        {
                return Fd(sys_openat2(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
                                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
        }

        bool make_directory(const Entry &entry, const std::string &name)
        {
                mode_t mode = entry.mode;
                uid_t uid = entry.uid;
                gid_t gid = entry.gid;

                if (mkdirat(parent_->get(), name.c_str(), 0700) < 0)
                        return failed("mkdir");
                Fd made(openat(parent_->get(), name.c_str(),
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
                if (!made.valid())
                        return failed("open");
                if (entry.is_of_image) {
                        Fd original = open_below(image_.get(), entry.path.substr(1));
                        struct stat st;

                        if (!original.valid())
                                return failed("openat2");
                        if (fstat(original.get(), &st) < 0)
                                return failed("stat");
                        if (!copy_attributes(original.get(), made.get()))
                                return failed("setxattr");
                        if (entry.kind == Kind::image) {
                                mode = st.st_mode & 07777;
                                uid = st.st_uid;
                                gid = st.st_gid;
                        }
                }
                return give(made.get(), mode, uid, gid) || failed("chown");
        }

        /* Without a temporary file: a layer that was not finished is thrown away as a whole. */
        bool make_file(const Entry &entry, const std::string &name)
        {
                Fd file(openat(parent_->get(), name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));

                if (!file.valid())
                        return failed("open");
                if (!write_all(file.get(), entry.content))
                        return failed("write");
                if (!give(file.get(), entry.mode, entry.uid, entry.gid))
                        return failed("chown");
                /* On its way to the disk, as in tree.cc. */
                (void)sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
                return true;
        }

        bool make_link(const Entry &entry, const std::string &name)
        {
                if (symlinkat(entry.content.c_str(), parent_->get(), name.c_str()) < 0)
                        return failed("symlink");
                return fchownat(parent_->get(), name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) ==
                               0 ||
                       failed("chown");
        }

        bool failed(const char *syscall)
        {
                failure_.error = errno;
                failure_.syscall = syscall;
                return false;
        }

        Napi::Promise::Deferred deferred_;
        Fd image_;
        Fd layer_;
        std::vector<Entry> entries_;
        std::optional<Fd> parent_;
        std::string parent_path_;
        Failure failure_;
};

Fd open_root(Napi::Env env, const std::string &path)
{
        Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));

        if (!fd.valid())
                fail_errno(env, "open", path);
        return fd;
}

} // namespace

Napi::Value layer_fill(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        Fd image = open_root(env, info[0].As<Napi::String>());
        Fd layer = open_root(env, info[1].As<Napi::String>());
        auto list = info[2].As<Napi::Array>();
        std::vector<Entry> entries;

        for (uint32_t index = 0; index < list.Length(); index++)
                entries.push_back(entry_of(list.Get(index).As<Napi::Array>()));
        auto *filling = new Filling(env, std::move(image), std::move(layer), std::move(entries));
        filling->Queue();
        return filling->promise();
}

} // namespace vps
