// .ply in its three forms.
#include "fuzz_points.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    PointCloudOptions options;
    options.format = PointCloudFormat::ply;
    options.fields = {"intensity", "t"};
    options.missing = 0.5f;
    PointCloud cloud;
    if (!fuzz::read_cloud(bytes, size, options, cloud)) return 0;
    for (const PlyData data : {PlyData::ascii, PlyData::binary_little_endian, PlyData::binary_big_endian}) fuzz::check_written(encode_ply(cloud, options.fields, data), cloud, options);
    return 0;
}
