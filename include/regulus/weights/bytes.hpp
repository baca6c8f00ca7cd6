#pragma once
// Little-endian numbers in files, and the sentence of every refusal.
#include <cstdint>
#include <cstring>
#include <string>

#include <regulus/core/error.hpp>

namespace regulus::detail {

template <class T> T load_little(const std::uint8_t* bytes) noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(bytes[i]) << (8 * i));
    return value;
}

template <class T> void append_little(std::string& out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// True when [begin, begin + size) lies inside [0, limit); never overflows.
constexpr bool lies_within(std::uint64_t begin, std::uint64_t size, std::uint64_t limit) noexcept { return begin <= limit && size <= limit - begin; }

[[noreturn]] inline void refuse(const std::string& path, const std::string& what) { throw FileError("\"" + path + "\": " + what); }

[[noreturn]] inline void refuse_at(const std::string& path, std::uint64_t offset, const std::string& what) {
    throw FileError("\"" + path + "\", offset " + std::to_string(offset) + ": " + what);
}

}  // namespace regulus::detail
