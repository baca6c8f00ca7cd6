#pragma once
// LZF, the compression of .pcd files (M. Lehmann's LibLZF format): literal runs and copies from the last 8 KiB.
#include <cstdint>
#include <span>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

namespace regulus {

/// Never fails; data that does not repeat grows by one byte in 32.
std::string lzf_compress(std::span<const std::uint8_t> bytes);

/// A copy of at most 264 bytes takes three: what declares more than this many times its compressed size is refused before memory is taken.
inline constexpr std::size_t lzf_greatest_ratio = 88;

/// Fills `out` exactly. Throws FileError, `<who>: ...`, when the data gives fewer bytes or more, is cut short or copies from before its beginning.
void lzf_decompress(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> out, const std::string& who);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/lzf-impl.hpp>
#endif
