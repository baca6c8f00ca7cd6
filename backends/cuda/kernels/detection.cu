// From pictures to an input map, from score maps to boxes, from small masks to pictures. Compiled without contraction of multiply-adds, so that boxes round as they do on the host. Selection and suppression run one block an
// image and are bounded by its latency; the rest is one thread an entry.
#include "define.cuh"
using namespace regulus::cuda;
REGULUS_CUDA_DETECTION_KERNELS(REGULUS_CUDA_GLOBAL)
REGULUS_CUDA_PICTURE_KERNELS(REGULUS_CUDA_GLOBAL)
