#pragma once
// Parameters of a graph meet the tensors of a file.
#include <vector>

#include <regulus/graph/graph.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

/// The float32 tensors of each node, in the order of its parameters. Half and bfloat16 tensors are widened; tensors that are
/// float32 already are shared, not copied. Throws one WeightError that lists every missing, unexpected and misshapen name.
std::vector<std::vector<Tensor>> bind_weights(const Graph& graph, const Weights& weights);

/// A convolution's weight and bias with its folded batch norm multiplied in (in double, rounded once).
struct ConvParameters {
    Tensor weight;  // [out, in / groups, kernel, kernel]
    Tensor bias;    // [out]; zeros when the convolution has neither bias nor norm
};
ConvParameters folded_parameters(const ops::Conv2d& conv, const std::vector<Tensor>& bound);
/// The same of a transposed convolution, weight [in, out, kernel, kernel].
ConvParameters folded_parameters(const ops::ConvTranspose2d& deconv, const std::vector<Tensor>& bound);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/bind-impl.hpp>
#endif
