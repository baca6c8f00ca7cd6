#pragma once
// How large a picture may be.
#include <cstdint>
#include <string>

#include <regulus/core/error.hpp>

namespace regulus {

/// What a picture may cost before it is refused. Both are checked before memory is taken.
struct PictureLimits {
    std::int64_t max_pixels = std::int64_t{1} << 28;
    std::int64_t max_file_bytes = std::int64_t{1} << 30;
};

namespace data_detail {

inline void check_limits(std::int64_t height, std::int64_t width, const std::string& name, const PictureLimits& limits) {
    if (height > 0 && width > 0 && height <= limits.max_pixels / width) return;
    throw FileError("read_image: \"" + name + "\" is " + std::to_string(height) + " x " + std::to_string(width) + " pixels; the limit is " +
                    std::to_string(limits.max_pixels) + " pixels");
}

}  // namespace data_detail

}  // namespace regulus
