// Layouts, elementwise steps, pooling, direct convolutions: index kernels, one thread an output element (or four neighbours of it). Memory bounds all but the
// direct convolutions, which the caches bound.
#include "define.cuh"
using namespace regulus::cuda;
REGULUS_CUDA_MAP_KERNELS(REGULUS_CUDA_GLOBAL)
