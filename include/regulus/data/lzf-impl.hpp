#pragma once
#include <regulus/data/lzf.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

namespace regulus {

// A byte c < 32 begins a run of c + 1 literals. Else its upper three bits are the length less 2 (7: the next byte is added), its lower five bits and one more byte
// the distance less 1.

REGULUS_INLINE std::string lzf_compress(std::span<const std::uint8_t> bytes) {
    constexpr std::size_t farthest = 8192, longest = 264, table_bits = 14;
    std::string out;
    std::vector<std::size_t> last(std::size_t{1} << table_bits, SIZE_MAX);  // where three such bytes stood last
    const std::size_t size = bytes.size();
    std::size_t run = 0;  // where the literals not yet written begin
    const auto flush = [&](std::size_t end) {
        while (run < end) {
            const std::size_t length = std::min<std::size_t>(end - run, 32);
            out += static_cast<char>(length - 1);
            out.append(reinterpret_cast<const char*>(bytes.data()) + run, length);
            run += length;
        }
    };
    for (std::size_t at = 0; at + 2 < size;) {
        const std::uint32_t three = bytes[at] | std::uint32_t(bytes[at + 1]) << 8 | std::uint32_t(bytes[at + 2]) << 16;
        std::size_t& entry = last[(three * 2654435761u) >> (32 - table_bits)];
        const std::size_t before = entry;
        entry = at;
        if (before == SIZE_MAX || at - before > farthest || std::memcmp(&bytes[before], &bytes[at], 3) != 0) {
            ++at;
            continue;
        }
        std::size_t length = 3;
        while (length < longest && at + length < size && bytes[before + length] == bytes[at + length]) ++length;
        flush(at);
        const std::size_t distance = at - before - 1;
        out += static_cast<char>((std::min<std::size_t>(length - 2, 7) << 5) | distance >> 8);
        if (length >= 9) out += static_cast<char>(length - 9);
        out += static_cast<char>(distance & 255);
        run = at += length;
    }
    flush(size);
    return out;
}

REGULUS_INLINE void lzf_decompress(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> out, const std::string& who) {
    std::size_t from = 0, to = 0;
    const auto refuse = [&](const char* what) { throw FileError(who + ": compressed byte " + std::to_string(from) + ": " + what); };
    const auto need = [&](std::size_t in, std::size_t given) {
        if (bytes.size() - from < in) refuse("the compressed data is cut short");
        if (out.size() - to < given) refuse("the data is longer than declared");
    };
    while (from < bytes.size()) {
        const std::size_t control = bytes[from++];
        if (control < 32) {
            const std::size_t length = control + 1;
            need(length, length);
            std::memcpy(out.data() + to, bytes.data() + from, length);
            from += length;
            to += length;
            continue;
        }
        std::size_t length = control >> 5;
        if (length == 7) {
            need(1, 0);
            length += bytes[from++];
        }
        length += 2;
        need(1, length);
        const std::size_t distance = ((control & 31) << 8 | bytes[from++]) + 1;
        if (distance > to) refuse("a copy reaches before the beginning");
        for (std::size_t i = 0; i < length; ++i, ++to) out[to] = out[to - distance];  // byte by byte: a copy may overlap what it makes
    }
    if (to != out.size()) refuse("the data is shorter than declared");
}

}  // namespace regulus
