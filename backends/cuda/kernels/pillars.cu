// From points to a canvas and from its maps to oriented boxes. Numbering voxels and the greedy choice run in one block and are bounded by its latency; the rest is
// one thread a point or an entry, one block a voxel. Compiled without contraction of multiply-adds, so that cells and boxes round as on the host.
#include "define.cuh"
using namespace regulus::cuda;
REGULUS_CUDA_PILLAR_KERNELS(REGULUS_CUDA_GLOBAL)
