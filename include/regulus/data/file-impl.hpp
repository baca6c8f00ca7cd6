#pragma once
#include <regulus/data/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace regulus {
namespace data_detail {

/// Closes a descriptor at the end of its scope.
class FileHandle {
public:
    explicit FileHandle(int descriptor) noexcept : descriptor_(descriptor) {}
    FileHandle(const FileHandle&) = delete;
    FileHandle& operator=(const FileHandle&) = delete;
    ~FileHandle() { close(); }

    int get() const noexcept { return descriptor_; }
    bool valid() const noexcept { return descriptor_ >= 0; }

    /// False when the system could not store what was written.
    bool close() noexcept {
        const bool good = descriptor_ < 0 || ::close(descriptor_) == 0;
        descriptor_ = -1;
        return good;
    }

private:
    int descriptor_;
};

inline FileError read_error(const std::string& path, const std::string& why) { return FileError("read: \"" + path + "\" " + why); }

inline FileError write_error(const std::string& path, const std::string& why) { return FileError("write: \"" + path + "\" " + why); }

inline bool write_all(int descriptor, std::span<const std::uint8_t> bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(std::size_t(written));
    }
    return true;
}

/// Where a symbolic link leads, so that the link stays and its target is replaced.
inline std::string link_target(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
    return resolved == nullptr ? path : std::string(resolved.get());
}

}  // namespace data_detail

REGULUS_INLINE std::vector<std::uint8_t> read_file(const std::string& path, std::int64_t max_bytes) {
    const data_detail::FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid()) throw data_detail::read_error(path, std::string("cannot be opened: ") + std::strerror(errno));
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) throw data_detail::read_error(path, std::string("cannot be examined: ") + std::strerror(errno));
    if (S_ISDIR(facts.st_mode)) throw data_detail::read_error(path, "is a directory; name a file in it");
    if (!S_ISREG(facts.st_mode)) throw data_detail::read_error(path, "is not a regular file");
    if (facts.st_size > max_bytes) {
        throw data_detail::read_error(path, "has " + std::to_string(facts.st_size) + " bytes, more than the limit of " + std::to_string(max_bytes));
    }
    std::vector<std::uint8_t> bytes(std::size_t(facts.st_size));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t got = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw data_detail::read_error(path, std::string("cannot be read: ") + std::strerror(errno));
        if (got == 0) break;  // cut while we read
        filled += std::size_t(got);
    }
    bytes.resize(filled);
    return bytes;
}

REGULUS_INLINE void write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
    struct stat facts {};
    const bool exists = ::stat(path.c_str(), &facts) == 0;
    if (exists && S_ISDIR(facts.st_mode)) throw data_detail::write_error(path, "is a directory; name a file in it");
    if (exists && ::access(path.c_str(), W_OK) != 0) throw data_detail::write_error(path, std::string("cannot be written: ") + std::strerror(errno));
    if (exists && !S_ISREG(facts.st_mode)) {
        data_detail::FileHandle device(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (!device.valid() || !data_detail::write_all(device.get(), bytes) || !device.close()) {
            throw data_detail::write_error(path, std::string("cannot be written: ") + std::strerror(errno));
        }
        return;
    }
    static std::atomic<unsigned> serial{0};
    const std::string target = exists ? data_detail::link_target(path) : path;
    const std::string neighbour = target + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(serial.fetch_add(1));
    data_detail::FileHandle file(::open(neighbour.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.valid()) throw data_detail::write_error(path, std::string("cannot be created: ") + std::strerror(errno));
    if (exists) (void)::fchmod(file.get(), facts.st_mode & 07777);
    const bool stored = data_detail::write_all(file.get(), bytes) && file.close() && ::rename(neighbour.c_str(), target.c_str()) == 0;
    if (!stored) {
        const int reason = errno;
        ::unlink(neighbour.c_str());
        throw data_detail::write_error(path, std::string("cannot be written: ") + std::strerror(reason));
    }
}

REGULUS_INLINE void write_file(const std::string& path, std::string_view text) {
    write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace regulus
