#pragma once
#include <regulus/core/atomic_file.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace regulus {

REGULUS_INLINE void AtomicFile::fail(const char* what) const { throw FileError(std::string("cannot ") + what + " \"" + path_ + "\": " + std::strerror(errno)); }

REGULUS_INLINE AtomicFile::AtomicFile(const std::string& path) : path_(path) {
    static std::atomic<unsigned> counter{0};
    struct stat facts {};
    if (::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) throw FileError("cannot write \"" + path + "\": it is a folder or a device");
    for (int attempt = 0; attempt < 100; ++attempt) {
        temporary_ = path + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
        fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd_ >= 0 || errno != EEXIST) break;
    }
    if (fd_ < 0) fail("write");
}

REGULUS_INLINE AtomicFile::~AtomicFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(temporary_.c_str());
}

REGULUS_INLINE void AtomicFile::write(const void* bytes, std::size_t size) {
    constexpr std::size_t chunk = 1u << 30;
    const char* at = static_cast<const char*>(bytes);
    while (size != 0) {
        const ssize_t written = ::write(fd_, at, std::min(size, chunk));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail("write");
        at += written;
        size -= static_cast<std::size_t>(written);
    }
}

REGULUS_INLINE void AtomicFile::commit() {
    if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) fail("write");
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
        const int reason = errno;
        ::unlink(temporary_.c_str());
        errno = reason;
        fail("write");
    }
}

}  // namespace regulus
