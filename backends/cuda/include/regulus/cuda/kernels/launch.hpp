#pragma once
// cuda/kernels/: the bodies of the CUDA backend's own kernels, as plain C++ that the host compiles too. A kernel is a struct whose fields are its arguments:
//
//   size(), operator()(i)                 one call per index, in any order (an "index kernel")
//   phases(thread), run(phase, thread)    blocks of `threads` threads that meet between phases (a "block kernel"); the same number of phases for all of a block
//
// The .cu files launch them; tests run them on the host, the threads of a phase in several orders: a result that depends on the order fails there.
// Atomics are used only where the order cannot show (sums, minima and bits of integers).
#include <cstddef>
#include <cstdint>

#include <regulus/core/config.hpp>

namespace regulus::cuda {

/// A thread of a launch as a block kernel sees it.
struct Thread {
    std::int32_t block;
    std::int32_t index;    // in the block
    std::int32_t count;    // of the block
    std::byte* shared;     // of the block, aligned to 16; undefined at the first phase

    template <class T>
    REGULUS_HOST_DEVICE T* shared_as(std::size_t offset = 0) const { return reinterpret_cast<T*>(shared + offset); }
};

template <class K>
concept IndexKernel = requires(const K& kernel) { kernel(kernel.size()); };

/// Threads of a block; the compiler keeps registers few enough for them.
template <class K>
constexpr unsigned threads_of() {
    if constexpr (IndexKernel<K>) return 256;
    else return K::threads;
}

/// body(i) for first, first + step, ... below size. Never steps over the end of 32 bits: a size may be next to it.
template <class Body>
REGULUS_HOST_DEVICE inline void strided(std::uint32_t first, std::uint32_t step, std::uint32_t size, const Body& body) {
    for (std::uint32_t i = first; i < size; i += step) {
        body(i);
        if (size - i <= step) break;
    }
}

REGULUS_HOST_DEVICE inline std::uint32_t atomic_add(std::uint32_t* at, std::uint32_t value) {
#if defined(__CUDA_ARCH__)
    return atomicAdd(at, value);
#else
    const std::uint32_t before = *at;
    *at += value;
    return before;
#endif
}

REGULUS_HOST_DEVICE inline void atomic_or(std::uint32_t* at, std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
    atomicOr(at, bits);
#else
    *at |= bits;
#endif
}

REGULUS_HOST_DEVICE inline void atomic_min(std::int32_t* at, std::int32_t value) {
#if defined(__CUDA_ARCH__)
    atomicMin(at, value);
#else
    if (value < *at) *at = value;
#endif
}

/// The part [first, last) of [0, count) that falls to a thread when each takes a run of neighbours.
struct Share {
    std::int64_t first, last;
};
REGULUS_HOST_DEVICE inline Share share_of(const Thread& thread, std::int64_t count) {
    const std::int64_t each = (count + thread.count - 1) / thread.count;
    const std::int64_t first = each * thread.index < count ? each * thread.index : count;
    return {first, first + each < count ? first + each : count};
}

/// Makes each of `count` numbers the sum of those before it; returns the sum of all.
REGULUS_HOST_DEVICE inline std::int32_t sum_before(std::int32_t* numbers, std::int32_t count) {
    std::int32_t sum = 0;
    for (std::int32_t i = 0; i < count; ++i) {
        const std::int32_t own = numbers[i];
        numbers[i] = sum;
        sum += own;
    }
    return sum;
}

/// The bits of a float, and back.
REGULUS_HOST_DEVICE inline std::uint32_t bits_of(float value) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}
REGULUS_HOST_DEVICE inline float float_of(std::uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

}  // namespace regulus::cuda
