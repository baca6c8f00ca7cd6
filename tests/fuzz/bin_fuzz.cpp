// Rows of float32. The first byte gives the number of columns and whether a known short file is completed.
#include "fuzz_points.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    if (size == 0) return 0;
    PointCloudOptions options;
    options.format = PointCloudFormat::bin;
    options.columns = 3 + bytes[0] % 6;
    options.complete_last_point = bytes[0] >= 128;
    options.max_points = 1000;
    PointCloud cloud;
    if (fuzz::read_cloud(bytes + 1, size - 1, options, cloud)) fuzz::check_written(encode_bin(cloud), cloud, options);
    return 0;
}
