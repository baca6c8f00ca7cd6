#pragma once
// What a graph is fed, checked before anything runs.
#include <vector>

#include <regulus/core/tensor.hpp>
#include <regulus/graph/describe.hpp>

namespace regulus {

/// The sizes that the inputs of a graph, given in its order, say. Throws ShapeError for tensors of other shapes and types than the graph takes, ArgumentError for counts
/// beyond the points or the limit, for proposals that are not finite or of no class. With `last_may_lack` those behind the ones given are to come later.
InputSize checked_size(const Graph& graph, const std::vector<Tensor>& inputs, bool last_may_lack = false);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/inputs-impl.hpp>
#endif
