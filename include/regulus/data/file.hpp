#pragma once
// Whole files in and out of memory.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

namespace regulus {

/// The bytes of a regular file. Throws FileError ("read: ...") for what is missing, a directory or a device, not readable,
/// or longer than max_bytes.
std::vector<std::uint8_t> read_file(const std::string& path, std::int64_t max_bytes);

/// Replaces the file in one step: writes a neighbour and renames it. Throws FileError ("write: ...") and leaves
/// nothing behind when any step fails. A path of an existing device or pipe (as /dev/stdout) is written to directly.
void write_file(const std::string& path, std::span<const std::uint8_t> bytes);
void write_file(const std::string& path, std::string_view text);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/file-impl.hpp>
#endif
