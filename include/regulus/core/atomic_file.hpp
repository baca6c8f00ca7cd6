#pragma once
// A file that appears whole or not at all.
#include <cstddef>
#include <string>
#include <string_view>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

namespace regulus {

/// Writes into a temporary file in the folder of `path`; commit() renames it to `path`, replacing what was there. Destroyed without commit(),
/// it removes the temporary file and leaves `path` as it was. Every function throws FileError naming `path`.
class AtomicFile {
public:
    explicit AtomicFile(const std::string& path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(const void* bytes, std::size_t size);
    void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
    void commit();

private:
    [[noreturn]] void fail(const char* what) const;

    std::string path_;
    std::string temporary_;
    int fd_ = -1;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/core/atomic_file-impl.hpp>
#endif
