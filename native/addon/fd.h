/* A file descriptor that closes itself. */
#ifndef VPS_ADDON_FD_H
#define VPS_ADDON_FD_H

#include <unistd.h>

namespace vps
{

class Fd
{
      public:
        explicit Fd(int fd = -1) : fd_(fd)
        {
        }
        Fd(Fd &&other) noexcept : fd_(other.take())
        {
        }
        Fd(const Fd &) = delete;
        Fd &operator=(const Fd &) = delete;
        Fd &operator=(Fd &&) = delete;
        ~Fd()
        {
                if (fd_ >= 0)
                        (void)close(fd_);
        }

        int get() const
        {
                return fd_;
        }
        bool valid() const
        {
                return fd_ >= 0;
        }
        int take()
        {
                int taken = fd_;

                fd_ = -1;
                return taken;
        }

      private:
        int fd_;
};

} // namespace vps

#endif
