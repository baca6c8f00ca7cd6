#pragma once
// What an operation does to shapes, what it costs, and what it means, in one place.
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/graph/graph.hpp>

namespace regulus {

/// The run-time sizes of one call: a batch of n pictures padded to height x width, or of n clouds that share room for `points` points.
struct InputSize {
    int n = 1;
    int height = 0;
    int width = 0;
    int points = 0;
    friend bool operator==(const InputSize&, const InputSize&) = default;
};

/// What one node costs at given shapes, its bounded counts taken as full.
struct Cost {
    std::int64_t macs = 0;           // multiply-adds of convolutions and linear layers; 0 for the rest
    std::int64_t bytes_read = 0;     // inputs, parameters not counted
    std::int64_t bytes_written = 0;  // outputs
    std::int64_t parameters = 0;     // elements
};

/// Short name of the operation: "conv2d".
const char* kind_of(const Operation& operation);

/// One sentence: "3x3 convolution, stride 2, 9 groups, 432 -> 432, relu".
std::string describe(const Operation& operation);

/// Shapes of a node's outputs from those of its inputs; throws ShapeError that names the node when they do not fit.
std::vector<Shape> infer_outputs(const Node& node, const std::vector<Shape>& inputs, const InputSize& size);

/// The shape (for rows and lists: the bound) of every value; throws ShapeError.
std::vector<Shape> infer_shapes(const Graph& graph, const InputSize& size);

/// `shapes` as infer_shapes gives them.
Cost cost_of(const Graph& graph, const Node& node, const std::vector<Shape>& shapes);

/// A table of all nodes with shapes, multiply-adds, parameters, and the sums.
std::string summary(const Graph& graph, const InputSize& size);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/describe-impl.hpp>
#endif
