// .pcd in its three forms, and LZF. First byte 'L': the rest is LZF data for as many bytes as the next byte says, and also data to be compressed; else a whole file.
#include "fuzz_points.hpp"

#include <regulus/data/lzf.hpp>

namespace {

void lzf(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const std::string packed = lzf_compress({bytes, size});
    std::vector<std::uint8_t> out(size);
    lzf_decompress({reinterpret_cast<const std::uint8_t*>(packed.data()), packed.size()}, out, "fuzzed");
    if (size != 0 && std::memcmp(out.data(), bytes, size) != 0) std::abort();
    if (size > packed.size() * lzf_greatest_ratio) std::abort();
    out.resize(bytes[0] * std::size_t{4});
    try {
        lzf_decompress({bytes + 1, size - 1}, out, "fuzzed");
    } catch (const FileError&) {}
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    if (size > 1 && bytes[0] == 'L') {
        lzf(bytes + 1, size - 1);
        return 0;
    }
    PointCloudOptions options;
    options.format = PointCloudFormat::pcd;
    options.fields = {"intensity", "t"};
    options.missing = 0.5f;
    PointCloud cloud;
    if (!fuzz::read_cloud(bytes, size, options, cloud)) return 0;
    for (const PcdData data : {PcdData::ascii, PcdData::binary, PcdData::binary_compressed}) fuzz::check_written(encode_pcd(cloud, options.fields, data), cloud, options);
    return 0;
}
