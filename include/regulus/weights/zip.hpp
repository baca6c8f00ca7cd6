#pragma once
// The directory of a zip file, checked so that what it says can be trusted.
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/mapped_file.hpp>

namespace regulus::detail {

struct ZipEntry {
    std::string name;
    std::uint64_t header = 0;  ///< offset of the local header
    std::uint64_t data = 0;    ///< offset of the stored bytes
    std::uint64_t packed = 0;  ///< bytes in the file
    std::uint64_t size = 0;    ///< bytes when unpacked; equals packed for stored entries
    std::uint32_t crc = 0;
    bool deflated = false;
};

inline constexpr std::uint64_t max_zip_entries = 100'000;

/// All entries in the order of the directory. Refuses (FileError with offset) whatever readers could understand in two ways: bytes before or
/// after the archive, duplicate names, overlapping entries, local headers that differ from the directory, encryption, other methods
/// than stored and deflate, several disks. Zip64 is understood. Checksums are left to who reads the bytes.
REGULUS_INLINE std::vector<ZipEntry> read_zip_directory(const MappedFile& file);

/// Unpacks raw deflate data of an entry that declares `size` bytes. Throws FileError when the data are broken or of another length.
REGULUS_INLINE std::vector<std::uint8_t> inflate(const std::uint8_t* packed, std::size_t packed_size, std::uint64_t size, const std::string& who);

}  // namespace regulus::detail

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/inflate-impl.hpp>
#include <regulus/weights/zip-impl.hpp>
#endif
