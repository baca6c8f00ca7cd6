#pragma once
// Names as keys of random numbers, normal numbers, numbers one after the other; all from core/counter_random.hpp and as reproducible.
#include <cmath>
#include <cstdint>
#include <string_view>

#include <regulus/core/counter_random.hpp>

namespace regulus {

/// FNV-1a of the bytes, 64 bits.
constexpr std::uint64_t fnv1a64(std::string_view text) noexcept {
    std::uint64_t hash = 0xCBF29CE484222325u;
    for (const char c : text) hash = (hash ^ std::uint8_t(c)) * 0x100000001B3u;
    return hash;
}

/// A key of two: random_key(random_key(seed, epoch), index) differs from every other one.
constexpr std::uint64_t random_key(std::uint64_t key, std::uint64_t of) noexcept { return random_bits(random_bits(key, 0) ^ of, 1); }
constexpr std::uint64_t random_key(std::uint64_t key, std::string_view of) noexcept { return random_key(key, fnv1a64(of)); }

/// In [0, 1): a multiple of 2^-53 from 64 random bits.
constexpr double uniform_of(std::uint64_t bits) noexcept { return double(bits >> 11) * 0x1p-53; }

namespace detail {

// Where a product and a sum meet they are one fused operation, by name: so that no compiler has a choice and every machine gives the same bits.

/// The natural logarithm of x in (0, 1], within 2 units in the last place.
inline double exact_log(double x) noexcept {
    int exponent = 0;
    double m = std::frexp(x, &exponent);  // [1/2, 1)
    if (m < 0.70710678118654752) m *= 2, --exponent;
    const double s = (m - 1) / (m + 1), z = s * s;  // log m = 2 atanh s, |s| < 0.172
    double sum = 1.0 / 23;
    for (int k = 21; k >= 1; k -= 2) sum = std::fma(sum, z, 1.0 / k);
    return std::fma(double(exponent), 0.69314718055994531, 2 * s * sum);
}

/// cos(2 pi t), t in [0, 1).
inline double exact_cos_turns(double t) noexcept {
    constexpr double turn = 6.28318530717958648;
    double x = std::fabs(t - 0.5);  // cos(2 pi t) = -cos(2 pi x)
    double sign = -1;
    if (x > 0.25) x = 0.5 - x, sign = 1;
    const bool is_sine = x > 0.125;
    const double a = turn * (is_sine ? 0.25 - x : x), z = -a * a;  // |a| <= pi / 4
    double sum = 1;
    for (int k = 18; k >= 2; k -= 2) sum = std::fma(sum, z * (1.0 / double(is_sine ? k * (k + 1) : k * (k - 1))), 1.0);
    return sign * (is_sine ? a * sum : sum);
}

}  // namespace detail

/// Number i of a normal distribution, mean 0, deviation 1 (at most 8.6 of them away), from random_bits 2 i and 2 i + 1 of the stream `key`.
/// Source: Box and Muller, A Note on the Generation of Random Normal Deviates, 1958.
inline double random_normal(std::uint64_t key, std::uint64_t i) noexcept {
    const double u = uniform_of(random_bits(key, 2 * i)) + 0x1p-53, t = uniform_of(random_bits(key, 2 * i + 1));
    return std::sqrt(-2 * detail::exact_log(u)) * detail::exact_cos_turns(t);
}

/// The numbers of a key one after the other.
class RandomStream {
public:
    explicit constexpr RandomStream(std::uint64_t key) noexcept : key_(key) {}

    constexpr std::uint64_t bits() noexcept { return random_bits(key_, next_++); }
    /// In [0, 1).
    constexpr double uniform() noexcept { return uniform_of(bits()); }
    /// A whole number in [0, bound), each as likely; 0 for a bound of 0.
    constexpr std::uint64_t below(std::uint64_t bound) noexcept {
        if (bound == 0) return 0;
        const std::uint64_t few = (0 - bound) % bound;  // 2^64 mod bound: so many of the least numbers are left out
        for (;;) {
            const std::uint64_t number = bits();
            if (number >= few) return number % bound;
        }
    }
    double normal() noexcept { return random_normal(key_ ^ 0x6E6F726D616C7321u, normals_++); }

private:
    std::uint64_t key_;
    std::uint64_t next_ = 0, normals_ = 0;
};

}  // namespace regulus
