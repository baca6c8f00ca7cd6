// From score maps to boxes. Compiled without contraction of multiply-adds, so that boxes round as they do on the host. Selection and suppression run one block an
// image and are bounded by its latency; the rest is one thread an entry.
#include "define.cuh"
using namespace regulus::cuda;
REGULUS_CUDA_DETECTION_KERNELS(REGULUS_CUDA_GLOBAL)
