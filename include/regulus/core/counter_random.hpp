#pragma once
// Random numbers by their position in a stream: the same on every machine, whatever the number of threads and the order of asking.
#include <cstdint>

namespace regulus {

/// 64 random bits: number i of the stream that `seed` names. Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014 (splitmix64).
constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t i) noexcept {
    std::uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/// A number in [0, 1), a multiple of 2^-24.
constexpr double random_uniform(std::uint64_t seed, std::uint64_t i) noexcept { return double(random_bits(seed, i) >> 40) * 0x1p-24; }

/// A number in 0 .. bound - 1, 1 <= bound < 2^32; each is as likely as the other to 2^-32.
constexpr std::uint64_t random_below(std::uint64_t seed, std::uint64_t i, std::uint64_t bound) noexcept { return (random_bits(seed, i) >> 32) * bound >> 32; }

}  // namespace regulus
