// Zip files: torch checkpoints and .npz. Checksums are put right first, or no changed byte would get past them; a first byte of 'C' leaves the rest as it is.
#include "fuzz_file.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <regulus/weights/bytes.hpp>
#include <regulus/weights/crc32.hpp>

namespace {

void put(std::uint8_t* at, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) at[i] = std::uint8_t(value >> (8 * i));
}

/// Follows the directory as far as it makes sense and writes each stored entry's checksum into its two headers.
void correct_checksums(std::vector<std::uint8_t>& zip) {
    using regulus::detail::lies_within;
    using regulus::detail::load_little;
    const std::string_view all(reinterpret_cast<const char*>(zip.data()), zip.size());
    const std::size_t end = all.rfind("PK\5\6");
    if (end == std::string_view::npos || !lies_within(end, 22, zip.size())) return;
    std::uint64_t at = load_little<std::uint32_t>(&zip[end + 16]);
    while (lies_within(at, 46, zip.size()) && all.substr(at, 4) == "PK\1\2") {
        const std::uint64_t size = load_little<std::uint32_t>(&zip[at + 20]), header = load_little<std::uint32_t>(&zip[at + 42]);
        if (lies_within(header, 30, zip.size())) {
            const std::uint64_t data = header + 30 + load_little<std::uint16_t>(&zip[header + 26]) + load_little<std::uint16_t>(&zip[header + 28]);
            if (lies_within(data, size, zip.size())) {
                const std::uint32_t sum = regulus::detail::crc32(zip.data() + data, size);
                put(&zip[header + 14], sum);
                put(&zip[at + 16], sum);
            }
        }
        at += 46 + std::uint64_t(load_little<std::uint16_t>(&zip[at + 28])) + load_little<std::uint16_t>(&zip[at + 30]) + load_little<std::uint16_t>(&zip[at + 32]);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size != 0 && bytes[0] == 'C') {
        regulus::fuzz::read_everything(bytes + 1, size - 1);
        return 0;
    }
    std::vector<std::uint8_t> zip(bytes, bytes + size);
    correct_checksums(zip);
    regulus::fuzz::read_everything(zip.data(), zip.size());
    return 0;
}
