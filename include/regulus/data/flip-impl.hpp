#pragma once
#include <algorithm>
#include <string>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/data/flip.hpp>
#include <regulus/data/run_writer.hpp>

namespace regulus {

REGULUS_INLINE Image flipped(const Image& image) {
    check_image(image, "flipped");
    Image result(image.height, image.width);
    for (std::int64_t y = 0; y < image.height; ++y) {
        const std::uint8_t* src = image.row(y);
        std::uint8_t* dst = result.row(y) + 3 * image.width;
        for (std::int64_t x = 0; x < image.width; ++x, src += 3) {
            dst -= 3;
            dst[0] = src[0], dst[1] = src[1], dst[2] = src[2];
        }
    }
    return result;
}

REGULUS_INLINE std::vector<double> flipped(std::vector<double> ring, double width) {
    if (ring.size() % 2 != 0) throw ArgumentError("flipped: a ring has an x and a y for each point, got " + std::to_string(ring.size()) + " numbers");
    for (std::size_t i = 0; i < ring.size(); i += 2) ring[i] = width - ring[i];
    return ring;
}

REGULUS_INLINE Rle flipped(const Rle& mask) {
    check_rle(mask);
    if (mask.height == 0 || mask.width == 0) return mask;
    std::vector<std::int64_t> ends;  // of the runs
    ends.reserve(mask.counts.size());
    std::int64_t end = 0;
    for (const std::uint32_t count : mask.counts) ends.push_back(end += count);
    data_detail::RunWriter writer;
    std::size_t run = ends.size() - 1;  // the one that the column's first pixel lies in
    for (std::int64_t column = mask.width - 1; column >= 0; --column) {
        const std::int64_t begin = column * mask.height, stop = begin + mask.height;
        while (run > 0 && ends[run - 1] > begin) --run;
        std::int64_t at = begin;
        for (std::size_t i = run; at < stop; ++i) {
            const std::int64_t until = std::min(ends[i], stop);
            writer.add(i % 2 == 1, until - at);
            at = std::max(at, until);
        }
    }
    return {mask.height, mask.width, writer.finish()};
}

}  // namespace regulus
