#pragma once
// What tests of tile products share.
#include "compare.hpp"

#include <regulus/cpu/tile_functions-impl.hpp>

#include "../support/shared.hpp"

// Leaves the test case, counted as skipped, where there are plain loops only.
#define REQUIRE_AVX512_BF16()                                        \
    if (!cpu::has_avx512_bf16()) {                                   \
        ++skipped_count();                                           \
        MESSAGE("skipped: this processor has no AVX512-BF16");       \
        return;                                                      \
    }

namespace regulus::testing {

inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
    const Tensor tensor = random_tensor(Shape{std::int64_t(count)}, seed);
    return {tensor.data<float>(), tensor.data<float>() + count};
}

}  // namespace regulus::testing
