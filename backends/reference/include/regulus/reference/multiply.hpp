#pragma once
// The one inner loop that convolutions and linear layers share.
#include <algorithm>
#include <cstdint>

namespace regulus::reference {

/// c[0..n) += a0 * b0[..] + a1 * b1[..] + a2 * b2[..] + a3 * b3[..]
template <class T>
inline void add_four_rows(std::int64_t n, const T* a, const T* b, std::int64_t b_pitch, T* c) {
    const T a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    const T* b0 = b;
    const T* b1 = b + b_pitch;
    const T* b2 = b + 2 * b_pitch;
    const T* b3 = b + 3 * b_pitch;
#if defined(_OPENMP)
#pragma omp simd
#endif
    for (std::int64_t j = 0; j < n; ++j) c[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j];
}

/// c [m, n] += a [m, k] . b [k, n]; pitches are elements between rows. Each element of c is summed in the order of k.
template <class T>
void multiply_add(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_pitch, const T* b, std::int64_t b_pitch, T* c, std::int64_t c_pitch) {
    constexpr std::int64_t block = 64;  // rows of b that stay in the cache while all rows of c pass
    for (std::int64_t begin = 0; begin < k; begin += block) {
        const std::int64_t end = std::min(begin + block, k);
        for (std::int64_t row = 0; row < m; ++row) {
            T* sum = c + row * c_pitch;
            std::int64_t at = begin;
            for (; at + 4 <= end; at += 4) add_four_rows(n, a + row * a_pitch + at, b + at * b_pitch, b_pitch, sum);
            for (; at < end; ++at) {
                const T factor = a[row * a_pitch + at];
                for (std::int64_t j = 0; j < n; ++j) sum[j] += factor * b[at * b_pitch + j];
            }
        }
    }
}

}  // namespace regulus::reference
