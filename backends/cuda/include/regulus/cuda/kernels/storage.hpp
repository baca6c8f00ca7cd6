#pragma once
// Element types of maps on the device. All arithmetic is float32; the storage type says how values lie in memory.
#include <regulus/core/dtype.hpp>
#include <regulus/cuda/kernels/launch.hpp>
#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace regulus::cuda {

enum class Storage : std::uint8_t { f32, f16, bf16 };

struct Half {
    std::uint16_t bits;
};
struct BFloat16 {
    std::uint16_t bits;
};

REGULUS_HOST_DEVICE inline float widened(float x) { return x; }
REGULUS_HOST_DEVICE inline float widened(Half x) {
#if defined(__CUDA_ARCH__)
    return __half2float(__ushort_as_half(x.bits));
#else
    return half_to_float(x.bits);
#endif
}
REGULUS_HOST_DEVICE inline float widened(BFloat16 x) { return float_of(std::uint32_t(x.bits) << 16); }

REGULUS_HOST_DEVICE inline void store(float* to, float x) { *to = x; }
REGULUS_HOST_DEVICE inline void store(Half* to, float x) {
#if defined(__CUDA_ARCH__)
    to->bits = __half_as_ushort(__float2half_rn(x));
#else
    to->bits = float_to_half(x);
#endif
}
REGULUS_HOST_DEVICE inline void store(BFloat16* to, float x) {
#if defined(__CUDA_ARCH__)
    to->bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
#else
    to->bits = float_to_bfloat16(x);
#endif
}

constexpr std::size_t size_of(Storage storage) { return storage == Storage::f32 ? 4 : 2; }
constexpr const char* name_of(Storage storage) { return storage == Storage::f32 ? "float32" : storage == Storage::f16 ? "float16" : "bfloat16"; }
template <class T>
inline constexpr Storage storage_of = Storage::f32;
template <>
inline constexpr Storage storage_of<Half> = Storage::f16;
template <>
inline constexpr Storage storage_of<BFloat16> = Storage::bf16;

/// Elements of a storage type known at run time; for kernels whose time is not in their loads.
struct Elements {
    const void* data;
    Storage storage;

    REGULUS_HOST_DEVICE float operator[](std::int64_t i) const {
        if (storage == Storage::f16) return widened(static_cast<const Half*>(data)[i]);
        if (storage == Storage::bf16) return widened(static_cast<const BFloat16*>(data)[i]);
        return static_cast<const float*>(data)[i];
    }
};

}  // namespace regulus::cuda
