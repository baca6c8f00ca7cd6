#pragma once
#include <regulus/core/mapped_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace regulus {

namespace detail {

inline constexpr std::uint8_t no_bytes = 0;  // what an empty file points to
inline constexpr std::align_val_t own_alignment{64};

struct FileHandle {
    int fd;
    ~FileHandle() {
        if (fd >= 0) ::close(fd);
    }
};

/// The files that are mapped: where each begins, and its size.
struct Mappings {
    std::mutex mutex;
    std::map<const std::uint8_t*, std::size_t> sizes;
};

inline Mappings& mappings() {
    static Mappings& all = *new Mappings;  // outlives files that other static objects hold
    return all;
}

}  // namespace detail

REGULUS_INLINE std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
    if (path.empty() || path.find('\0') != std::string::npos) throw FileError("open: the file's name is empty or holds a zero byte");
    const detail::FileHandle file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat facts {};
    if (file.fd < 0 || ::fstat(file.fd, &facts) != 0) throw FileError("cannot open \"" + path + "\": " + std::strerror(errno));
    if (!S_ISREG(facts.st_mode)) throw FileError("cannot read \"" + path + "\": it is a folder or a device, a regular file is needed");

    const std::shared_ptr<MappedFile> result(new MappedFile);
    result->path_ = path;
    const std::size_t size = static_cast<std::size_t>(facts.st_size);
    if (size != 0) {
        void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
        if (memory == MAP_FAILED) throw FileError("cannot map \"" + path + "\": " + std::strerror(errno));
        result->data_ = static_cast<const std::uint8_t*>(memory);
        result->size_ = size;
        result->mapped_ = true;
        detail::Mappings& all = detail::mappings();
        const std::lock_guard lock(all.mutex);
        all.sizes.emplace(result->data_, size);
    } else {
        result->data_ = &detail::no_bytes;
    }
    return result;
}

REGULUS_INLINE std::shared_ptr<const MappedFile> MappedFile::copy_of(const void* bytes, std::size_t size, const std::string& name) {
    const std::shared_ptr<MappedFile> result(new MappedFile);
    result->path_ = name;
    result->data_ = &detail::no_bytes;
    if (size == 0) return result;
    auto* const own = static_cast<std::uint8_t*>(::operator new(size, detail::own_alignment));
    std::memcpy(own, bytes, size);
    result->data_ = own;
    result->size_ = size;
    return result;
}

REGULUS_INLINE void MappedFile::release_pages(const void* bytes, std::size_t size) noexcept {
    const auto* const begin = static_cast<const std::uint8_t*>(bytes);
    detail::Mappings& all = detail::mappings();
    const std::lock_guard lock(all.mutex);  // no file is unmapped meanwhile
    auto file = all.sizes.upper_bound(begin);
    if (file == all.sizes.begin()) return;
    --file;
    const std::size_t offset = std::size_t(begin - file->first), page = std::size_t(::sysconf(_SC_PAGESIZE));
    if (offset >= file->second) return;
    const std::size_t first = (offset + page - 1) / page * page, last = (offset + std::min(size, file->second - offset)) / page * page;
    // The mapping is private and cannot be written: what its pages hold is the file's.
    if (first < last) ::madvise(const_cast<std::uint8_t*>(file->first) + first, last - first, MADV_DONTNEED);
}

REGULUS_INLINE MappedFile::~MappedFile() {
    if (mapped_) {
        detail::Mappings& all = detail::mappings();
        const std::lock_guard lock(all.mutex);
        all.sizes.erase(data_);
        ::munmap(const_cast<std::uint8_t*>(data_), size_);
    } else if (size_ != 0) {
        ::operator delete(const_cast<std::uint8_t*>(data_), detail::own_alignment);
    }
}

}  // namespace regulus
