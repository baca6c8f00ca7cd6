#pragma once
// One source, several instruction sets: REGULUS_SIMD_BEGIN(set) ... REGULUS_SIMD_END compiles what stands between for a set.
// Files NAME.inc written against `lanes` are included once per set by NAME-impl.hpp through each_instruction_set.inc.
#include <regulus/cpu/simd.hpp>

#if defined(__x86_64__)
#define REGULUS_SIMD_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define REGULUS_SIMD_BEGIN_AVX512 REGULUS_SIMD_PRAGMA(clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function))
#define REGULUS_SIMD_BEGIN_AVX2 REGULUS_SIMD_PRAGMA(clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function))
#define REGULUS_SIMD_END REGULUS_SIMD_PRAGMA(clang attribute pop)
#else
#define REGULUS_SIMD_BEGIN_AVX512 REGULUS_SIMD_PRAGMA(GCC push_options) REGULUS_SIMD_PRAGMA(GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,prefer-vector-width=512"))
#define REGULUS_SIMD_BEGIN_AVX2 REGULUS_SIMD_PRAGMA(GCC push_options) REGULUS_SIMD_PRAGMA(GCC target("avx2,fma"))
#define REGULUS_SIMD_END REGULUS_SIMD_PRAGMA(GCC pop_options)
#endif
#endif
