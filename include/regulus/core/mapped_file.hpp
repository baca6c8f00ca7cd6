#pragma once
// A file's bytes without reading them: mapped read-only; or bytes in memory that stand for a file.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

namespace regulus {

/// A whole file in memory, read-only, loaded by the system page by page. Unmapped when the last owner goes.
/// The file must not be shortened meanwhile (the system then ends the program with SIGBUS); replacing it by rename is safe.
class MappedFile {
public:
    /// Throws FileError when `path` is absent, unreadable or not a regular file.
    static std::shared_ptr<const MappedFile> open(const std::string& path);

    /// A copy of bytes that are in memory already, as a file of that name; begins at a multiple of 64.
    static std::shared_ptr<const MappedFile> copy_of(const void* bytes, std::size_t size, const std::string& name);

    /// Gives the system back the pages of mapped files that lie wholly within these bytes; whoever reads them again has them loaded again. Other memory stays as it is.
    static void release_pages(const void* bytes, std::size_t size) noexcept;

    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile();

    /// First byte; not null, also when the file is empty.
    const std::uint8_t* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    const std::string& path() const noexcept { return path_; }

private:
    MappedFile() = default;

    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
    bool mapped_ = false;  ///< else the bytes are our own
    std::string path_;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/core/mapped_file-impl.hpp>
#endif
