#pragma once
// Inputs for runs that measure time: a picture of noise, the same in every run.
#include <vector>

#include <regulus/core/tensor.hpp>
#include <regulus/graph/describe.hpp>

namespace tool {

/// Values for all inputs of a graph at this size: pictures uniform in -2 .. 2, not resized.
std::vector<regulus::Tensor> noise_inputs(const regulus::Graph& graph, const regulus::InputSize& size);

}  // namespace tool
