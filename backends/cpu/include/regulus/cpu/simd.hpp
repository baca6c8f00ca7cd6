#pragma once
// One binary, three instruction sets: REGULUS_SIMD_KERNEL compiles an always-inline body for AVX-512, AVX2 and the baseline,
// and picks at run time.
namespace regulus::cpu {

enum class InstructionSet { baseline, avx2, avx512 };

/// What this processor runs; asked once.
inline InstructionSet instruction_set() {
#if defined(__x86_64__)
    static const InstructionSet found = [] {
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) return InstructionSet::avx512;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return InstructionSet::avx2;
        return InstructionSet::baseline;
    }();
    return found;
#else
    return InstructionSet::baseline;
#endif
}

}  // namespace regulus::cpu

#define REGULUS_ALWAYS_INLINE [[gnu::always_inline]] inline

#if defined(__x86_64__)
/// Defines `name(parameters)` that calls the always-inline `body(arguments)` compiled for the best instruction set.
#define REGULUS_SIMD_KERNEL(name, body, parameters, arguments)                                                                    \
    [[gnu::target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"), gnu::noinline]] inline void name##_avx512 parameters { body arguments; } \
    [[gnu::target("avx2,fma"), gnu::noinline]] inline void name##_avx2 parameters { body arguments; }                             \
    [[gnu::noinline]] inline void name##_baseline parameters { body arguments; }                                                  \
    inline void name parameters {                                                                                                 \
        switch (::regulus::cpu::instruction_set()) {                                                                              \
            case ::regulus::cpu::InstructionSet::avx512: name##_avx512 arguments; break;                                          \
            case ::regulus::cpu::InstructionSet::avx2: name##_avx2 arguments; break;                                              \
            case ::regulus::cpu::InstructionSet::baseline: name##_baseline arguments; break;                                      \
        }                                                                                                                         \
    }
#else
#define REGULUS_SIMD_KERNEL(name, body, parameters, arguments) \
    inline void name parameters { body arguments; }
#endif
