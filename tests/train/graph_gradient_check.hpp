#pragma once
// A whole graph that learns beside central differences: what the Learner makes of a backend's kernels.
#include <map>

#include <regulus/train/learner.hpp>

#include "train/gradient_check.hpp"

namespace regulus::testing {

/// A graph in double arithmetic, node after node; batch norms take the batch's statistics unless told otherwise.
class PlainGraph {
public:
    std::map<std::string, Doubles> parameters;

    PlainGraph(const Graph& graph, const Weights& weights, std::vector<Tensor> inputs, const InputSize& size, bool stored_statistics = false)
        : graph_(graph), inputs_(std::move(inputs)), shapes_(infer_shapes(graph, size)) {
        for (const Weights::Entry& entry : weights.entries()) parameters[entry.name] = doubles_of(entry.tensor);
        for (const Node& node : graph.nodes) {
            LearningCase one{node.name, node.operation, {}, {}, {}};
            one.rules.stored_statistics = stored_statistics;
            for (const ValueId id : node.inputs) {
                const auto given = std::find(graph.inputs.begin(), graph.inputs.end(), id);
                one.inputs.push_back(given != graph.inputs.end() ? inputs_[std::size_t(given - graph.inputs.begin())] : Tensor(shapes_[std::size_t(id)], DType::f32));  // for its shape
            }
            cases_.push_back(std::move(one));
        }
    }

    /// In the order of the graph's outputs.
    std::vector<Doubles> run() const {
        std::vector<Doubles> values(graph_.values.size());
        for (std::size_t i = 0; i < inputs_.size(); ++i) values[std::size_t(graph_.inputs[i])] = doubles_of(inputs_[i]);
        for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
            const Node& node = graph_.nodes[id];
            if (std::holds_alternative<ops::Input>(node.operation)) continue;
            std::vector<Doubles> sources, own;
            for (const ValueId source : node.inputs) sources.push_back(values[std::size_t(source)]);
            for (const Parameter& parameter : node.parameters) own.push_back(parameters.at(parameter.name));
            values[std::size_t(node.outputs[0])] = plain_forward(cases_[id], sources, own);
        }
        std::vector<Doubles> outputs;
        for (const auto& [name, id] : graph_.outputs) outputs.push_back(values[std::size_t(id)]);
        return outputs;
    }

private:
    const Graph& graph_;
    std::vector<Tensor> inputs_;
    std::vector<Shape> shapes_;
    std::vector<LearningCase> cases_;
};

/// Two threads; where asked, all batch norms take their stored statistics.
inline train::LearnerOptions learner_options(bool stored_statistics) { return {.threads = 2, .stored_norms = stored_statistics ? std::vector<std::string>{""} : std::vector<std::string>{}}; }

/// The outputs, and the gradient of a random projection of them by some elements of each parameter that learns. Returns how many parameters had a gradient.
inline int check_graph_gradients(std::shared_ptr<const train::LearningBackend> backend, const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs, const InputSize& size,
                                 bool stored_statistics = false, const LearningLimits& limits = {}) {
    train::Learner learner(std::move(backend), graph, weights, learner_options(stored_statistics));
    PlainGraph plain(graph, weights, inputs, size, stored_statistics);
    const Outputs outputs = learner.forward(inputs);
    const std::vector<Doubles> expected = plain.run();
    std::vector<Tensor> projections;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const Tensor& output = outputs.entries()[i].second;
        projections.push_back(random_tensor(output.shape(), 90 + i));
        CHECK_MESSAGE(part_of_largest(output, 0, some_elements(output.numel(), 1, output.numel()), expected[i]) <= limits.output, "forward: ", outputs.entries()[i].first);
    }
    const auto evaluate = [&] {
        const std::vector<Doubles> values = plain.run();
        double sum = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            for (std::size_t j = 0; j < values[i].size(); ++j) sum += values[i][j] * double(projections[i].data<float>()[j]);
        }
        return sum;
    };
    learner.backward(projections);
    int checked = 0;
    for (const train::LearnedParameter& parameter : learner.parameters()) {
        if (parameter.gradient.empty()) continue;
        const std::vector<std::int64_t> at = some_elements(parameter.gradient.numel(), 5, 8);
        const Doubles differences = central_differences(parameter.name, plain.parameters.at(parameter.name), at, evaluate);
        const double error = part_of_largest(parameter.gradient, 0, at, differences);
        CHECK_MESSAGE(error <= limits.gradient, "by ", parameter.name, ", error ", error);
        ++checked;
    }
    return checked;
}

}  // namespace regulus::testing
