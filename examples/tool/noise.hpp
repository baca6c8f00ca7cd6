#pragma once
// Inputs and weights for runs that measure time: the same in every run.
#include <string>
#include <vector>

#include <regulus/core/tensor.hpp>
#include <regulus/graph/describe.hpp>
#include <regulus/weights/weights.hpp>

namespace tool {

/// Values for all inputs of a graph at this size: pictures uniform in -2 .. 2, not resized; every cloud of a batch is `cloud`.
std::vector<regulus::Tensor> noise_inputs(const regulus::Graph& graph, const regulus::InputSize& size, const std::vector<float>& cloud = {});

/// Seeded weights with norms that keep every activation of order one and deltas that move boxes little, so that proposals, regions and
/// masks are as many as on a crowded picture. Seeded weights alone overflow in deep networks, and a detector that finds nothing is fast. Pillar
/// nets divide metres by twenty; the scores of oriented anchors begin at 1 / 100, as in training: nearly all of them are street.
regulus::Weights balanced_weights(const regulus::Graph& graph, const std::string& code_base);

}  // namespace tool
