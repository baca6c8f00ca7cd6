#pragma once
// The checksum of zip files (CRC-32, reflected polynomial 0xEDB88320), eight bytes a step.
#include <array>
#include <cstddef>
#include <cstdint>

namespace regulus::detail {

constexpr std::array<std::array<std::uint32_t, 256>, 8> make_crc32_tables() {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
        tables[0][i] = value;
    }
    for (std::size_t k = 1; k < 8; ++k) {
        for (std::size_t i = 0; i < 256; ++i) tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xFF];
    }
    return tables;
}

inline constexpr auto crc32_tables = make_crc32_tables();

/// CRC-32 of `size` bytes; `before` is the CRC-32 of what precedes them.
constexpr std::uint32_t crc32(const std::uint8_t* bytes, std::size_t size, std::uint32_t before = 0) noexcept {
    const auto& t = crc32_tables;
    std::uint32_t crc = ~before;
    for (; size >= 8; bytes += 8, size -= 8) {
        const std::uint32_t low = crc ^ (std::uint32_t(bytes[0]) | std::uint32_t(bytes[1]) << 8 | std::uint32_t(bytes[2]) << 16 | std::uint32_t(bytes[3]) << 24);
        crc = t[7][low & 0xFF] ^ t[6][(low >> 8) & 0xFF] ^ t[5][(low >> 16) & 0xFF] ^ t[4][low >> 24] ^ t[3][bytes[4]] ^ t[2][bytes[5]] ^ t[1][bytes[6]] ^ t[0][bytes[7]];
    }
    for (; size != 0; ++bytes, --size) crc = (crc >> 8) ^ t[0][(crc ^ *bytes) & 0xFF];
    return ~crc;
}

}  // namespace regulus::detail
