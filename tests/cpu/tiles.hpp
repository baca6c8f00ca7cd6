#pragma once
// What tests of tile products share.
#include "compare.hpp"

#include <regulus/cpu/tile_functions-impl.hpp>

namespace regulus::testing {

inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
    const Tensor tensor = random_tensor(Shape{std::int64_t(count)}, seed);
    return {tensor.data<float>(), tensor.data<float>() + count};
}

}  // namespace regulus::testing
