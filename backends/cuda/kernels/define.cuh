#pragma once
// A __global__ function for every kernel of a list.
#include <regulus/cuda/kernels/list.hpp>

namespace regulus::cuda {

extern __shared__ __align__(16) unsigned char shared_memory[];

template <class K>
__device__ __forceinline__ void execute(const K& kernel) {
    if constexpr (IndexKernel<K>) {
        strided(blockIdx.x * blockDim.x + threadIdx.x, gridDim.x * blockDim.x, kernel.size(), [&](std::uint32_t i) { kernel(i); });
    } else {
        const Thread thread{std::int32_t(blockIdx.x), std::int32_t(threadIdx.x), std::int32_t(blockDim.x), reinterpret_cast<std::byte*>(shared_memory)};
        const std::int32_t phases = kernel.phases(thread);
        for (std::int32_t phase = 0; phase < phases; ++phase) {
            if (phase != 0) __syncthreads();
            kernel.run(phase, thread);
        }
    }
}

}  // namespace regulus::cuda

#define REGULUS_CUDA_GLOBAL(K, name) \
    extern "C" __global__ void __launch_bounds__(regulus::cuda::threads_of<K>()) regulus_##name(const __grid_constant__ K kernel) { regulus::cuda::execute(kernel); }
