// PNG files. The checksum of every chunk is put right first, or no changed byte would get past it; a first byte of 'C' leaves the rest as it is.
#include <algorithm>
#include <vector>

#include <regulus/weights/crc32.hpp>

#include "fuzz_picture.hpp"

namespace {

std::uint32_t big_endian(const std::uint8_t* at) { return std::uint32_t(at[0]) << 24 | std::uint32_t(at[1]) << 16 | std::uint32_t(at[2]) << 8 | at[3]; }

/// A chunk is its length, type, data and the checksum of type and data.
void correct_checksums(std::vector<std::uint8_t>& png) {
    for (std::size_t at = 8; png.size() - std::min(at, png.size()) >= 12;) {
        const std::size_t length = big_endian(&png[at]);
        if (length > png.size() - at - 12) return;
        const std::uint32_t sum = regulus::detail::crc32(&png[at + 4], length + 4);
        for (std::size_t i = 0; i < 4; ++i) png[at + 8 + length + i] = std::uint8_t(sum >> (24 - 8 * i));
        at += length + 12;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size != 0 && bytes[0] == 'C') {
        regulus::fuzz::read_picture({bytes + 1, size - 1});
        regulus::fuzz::read_labels({bytes + 1, size - 1});
        return 0;
    }
    std::vector<std::uint8_t> png(bytes, bytes + size);
    correct_checksums(png);
    regulus::fuzz::read_picture(png);
    regulus::fuzz::read_labels(png);
    return 0;
}
