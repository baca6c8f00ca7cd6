#pragma once
// core/: values that everything else is made of (types, shapes, tensors, errors). It includes the standard library only.
//
// Header-only by default. With REGULUS_COMPILED defined (the target `regulus::compiled` does it), headers hold declarations
// and the library holds the definitions of the *-impl.hpp files.

#define REGULUS_VERSION_MAJOR 0
#define REGULUS_VERSION_MINOR 1
#define REGULUS_VERSION_PATCH 0

#if defined(REGULUS_COMPILED)
#define REGULUS_INLINE
#else
#define REGULUS_INLINE inline
#endif

// Arithmetic that runs in CUDA kernels too.
#if defined(__CUDACC__)
#define REGULUS_HOST_DEVICE __host__ __device__
#else
#define REGULUS_HOST_DEVICE
#endif
