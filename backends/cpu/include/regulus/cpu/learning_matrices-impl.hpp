#pragma once
// Matrix products of learning kernels, and sums over rows.
#include <regulus/cpu/learning_lines-impl.hpp>
#include <regulus/cpu/onednn-impl.hpp>

namespace regulus::cpu {

/// c [rows, columns] = beta * c + a [rows, depth] . b [depth, columns]; a_turned: a is stored [depth, rows], b_turned: b is stored [columns, depth].
struct PlainProduct {
    bool a_turned, b_turned;
    std::int64_t rows, columns, depth;
    const float* a;
    std::int64_t a_pitch;
    const float* b;
    std::int64_t b_pitch;
    float beta;
    float* c;
    std::int64_t c_pitch;

    void run() const { dnnl::sgemm(a_turned ? 'T' : 'N', b_turned ? 'T' : 'N', rows, columns, depth, 1.f, a, a_pitch, b, b_pitch, beta, c, c_pitch); }
};

/// dst[c] += the sum of channel c over all pixels.
inline void add_pixel_sums(const float* src, std::int64_t pixels, std::int64_t channels, float* dst) {
    constexpr std::int64_t run = 16;
    parallel_for((channels + run - 1) / run, [&](std::int64_t task) {
        const std::int64_t first = task * run, count = std::min(run, channels - first);
        double sums[run] = {};
        for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
            for (std::int64_t c = 0; c < count; ++c) sums[c] += double(src[pixel * channels + first + c]);
        }
        for (std::int64_t c = 0; c < count; ++c) dst[first + c] += float(sums[c]);
    });
}

}  // namespace regulus::cpu
