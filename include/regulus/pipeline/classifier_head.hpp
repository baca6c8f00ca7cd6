#pragma once
// Checkpoints whose head has another number of classes than the zoo's entry, because they were trained on.
#include <string>
#include <utility>

#include <regulus/converters/convert.hpp>
#include <regulus/weights/weights.hpp>
#include <regulus/zoo/classifier_head.hpp>

namespace regulus {

/// How many classes the checkpoint's head has: the rows of its matrix; 0 when the weights lack it. Throws ArgumentError for a graph that is no classifier.
///
///     const Graph graph = with_classes(recorded(spec), head_classes(weights, recorded(spec)));
inline std::int64_t head_classes(const Weights& weights, Graph graph) {
    const std::string name = detail::classifier_head(graph).parameters.front().name;
    const Weights ours = to_regulus(weights, graph);
    const Tensor* matrix = ours.find(name);
    return matrix != nullptr && matrix->shape().rank() == 2 ? matrix->shape()[0] : 0;
}

}  // namespace regulus
