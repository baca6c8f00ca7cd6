#pragma once
// Clouds made up for tests, and files that vanish at the end of a test.
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <unistd.h>

#include <regulus/data/file.hpp>
#include <regulus/data/point_cloud.hpp>

namespace regulus::testing {

/// Points of five finite numbers with all kinds of bits: large, tiny, denormal, negative zero.
inline PointCloud awkward_cloud(std::size_t points) {
    PointCloud cloud;
    cloud.features = 5;
    std::uint64_t state = 88172645463325252u;
    while (cloud.values.size() < 5 * points) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const float value = std::bit_cast<float>(static_cast<std::uint32_t>(state >> 16));
        if (std::isfinite(value)) cloud.values.push_back(cloud.values.size() % 7 == 0 ? -0.0f : cloud.values.size() % 5 == 3 ? float(state % 256) : value);
    }
    return cloud;
}

/// A path in the working folder of the test; what is there is removed at the end.
class TemporaryPath {
public:
    explicit TemporaryPath(const std::string& suffix = "") {
        static int count = 0;
        path_ = "points_test_" + std::to_string(::getpid()) + "_" + std::to_string(count++) + suffix;
    }
    TemporaryPath(const TemporaryPath&) = delete;
    TemporaryPath& operator=(const TemporaryPath&) = delete;
    ~TemporaryPath() { ::unlink(path_.c_str()); }

    const std::string& text() const noexcept { return path_; }
    std::string bytes() const {
        const auto data = read_file(path_, 1 << 28);
        return {data.begin(), data.end()};
    }

private:
    std::string path_;
};

}  // namespace regulus::testing
