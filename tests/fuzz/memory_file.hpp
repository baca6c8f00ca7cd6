#pragma once
// A file in memory that has a path, for readers that open one; rewriting it touches no disk.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace regulus::fuzz {

class MemoryFile {
public:
    MemoryFile() : fd_(::memfd_create("regulus", 0)), path_("/proc/self/fd/" + std::to_string(fd_)) {}
    ~MemoryFile() { ::close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    const std::string& path() const noexcept { return path_; }

    void write(const void* bytes, std::size_t size) {
        if (fd_ < 0 || ::ftruncate(fd_, static_cast<off_t>(size)) != 0 || ::pwrite(fd_, bytes, size, 0) != static_cast<ssize_t>(size)) std::abort();
    }

private:
    int fd_;
    std::string path_;
};

}  // namespace regulus::fuzz
