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

/// Whether the weights are the classifier's backbone and nothing else: every parameter but the head's two, of the right shape. Such a file gives features:
///
///     const AnyClassifier net(CpuBackend{}, without_head(recorded(spec)), weights, spec.facts);
///     const Outputs outputs = net.features(pictures);  // "pooled", and what CompileOptions::extra_outputs names
///
/// Throws ArgumentError for a graph that is no classifier.
inline bool is_headless(const Weights& weights, Graph graph) {
    const Graph backbone = without_head(std::move(graph));
    const Weights ours = to_regulus(weights, backbone);
    std::size_t parameters = 0;
    for (const Node& node : backbone.nodes) {
        for (const Parameter& parameter : node.parameters) {
            const Tensor* tensor = ours.find(parameter.name);
            if (tensor == nullptr || !(tensor->shape() == parameter.shape)) return false;
            ++parameters;
        }
    }
    return parameters != 0 && parameters == ours.size();
}

}  // namespace regulus
