#pragma once
#include <algorithm>
#include <cmath>
#include <utility>

#include <regulus/converters/convert.hpp>
#include <regulus/pipeline/classifier.hpp>
#include <regulus/pipeline/context_pool.hpp>
#include <regulus/zoo/classifier_facts.hpp>

namespace regulus {

struct AnyClassifier::State {
    ClassifierFacts facts;
    Program program;
    ContextPool contexts;
};

REGULUS_INLINE std::vector<ClassScore> Classification::top(int k) const {
    std::vector<int> order(probabilities.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = int(i);
    const std::size_t count = std::min(order.size(), std::size_t(std::max(k, 0)));
    std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(count), order.end(), [&](int a, int b) {
        const float left = probabilities[std::size_t(a)], right = probabilities[std::size_t(b)];
        return left != right ? left > right : a < b;
    });
    std::vector<ClassScore> result;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t index = std::size_t(order[i]);
        result.push_back({order[i], index < names.size() ? names[index] : "class " + std::to_string(order[i]), probabilities[index]});
    }
    return result;
}

REGULUS_INLINE std::vector<float> softmax_of(std::span<const float> logits) {
    if (logits.empty()) throw ShapeError("softmax: there are no logits");
    for (const float logit : logits) {
        if (!std::isfinite(logit)) throw ArgumentError("softmax: a logit is not finite; the weights do not fit the network, or their statistics are not those of a training");
    }
    const double largest = double(*std::max_element(logits.begin(), logits.end()));
    double sum = 0;
    for (const float logit : logits) sum += std::exp(double(logit) - largest);
    std::vector<float> result;
    result.reserve(logits.size());
    for (const float logit : logits) result.push_back(float(std::exp(double(logit) - largest) / sum));
    return result;
}

REGULUS_INLINE AnyClassifier::AnyClassifier(const Backend& backend, const Graph& graph, const Weights& weights, const ClassifierFacts& facts, const CompileOptions& options)
    : state_(std::make_shared<State>()) {
    const bool has_features = !graph.outputs.empty() && graph.outputs.front().first == "pooled";  // without_head()
    if (graph.outputs.empty() || (graph.outputs.front().first != "logits" && !has_features) || graph.inputs.size() != 1) {
        throw ArgumentError("classifier: " + graph.name + " is no classifier: it must take pictures alone and give \"logits\" first");
    }
    for (const std::string& label : options.extra_outputs) {
        if (graph.find_label(label) == no_value) throw ArgumentError("classifier: " + graph.name + " has no value \"" + label + "\"; there are stem, s1 .. s4, pooled, logits");
    }
    state_->facts = facts_from_metadata(weights.metadata, facts, weights.source);
    state_->program = Program(backend, graph, to_regulus(weights, graph), options);
}

REGULUS_INLINE Outputs AnyClassifier::features(std::span<const Image> images) const {
    const Tensor input = classify_preprocess(images, state_->facts.preprocessing);
    const ContextPool::Lease context(state_->contexts);
    return state_->program.run(*context, {input});
}

REGULUS_INLINE std::vector<Classification> AnyClassifier::from_input(const Tensor& input) const {
    if (input.shape().rank() != 4 || input.shape()[0] < 1) throw ShapeError("classifier: an input must be [n, 3, h, w] with n >= 1, got " + to_string(input.shape()));
    if (state_->program.graph().outputs.front().first != "logits") {
        throw ArgumentError("classifier: " + state_->program.graph().name + " was made without its head, so it knows no classes; features() gives what it finds");
    }
    const ContextPool::Lease context(state_->contexts);
    const Outputs outputs = state_->program.run(*context, {input});
    const Tensor& logits = outputs["logits"];
    const std::size_t n = std::size_t(input.shape()[0]), classes = std::size_t(logits.numel()) / n;
    std::vector<Classification> result;
    for (std::size_t i = 0; i < n; ++i) result.push_back({softmax_of({logits.data<float>() + i * classes, classes}), state_->facts.class_names});
    return result;
}

REGULUS_INLINE std::vector<Classification> AnyClassifier::operator()(std::span<const Image> images) const {
    return from_input(classify_preprocess(images, state_->facts.preprocessing));
}

REGULUS_INLINE Classification AnyClassifier::operator()(const Image& image) const { return std::move((*this)(std::span<const Image>(&image, 1)).front()); }

REGULUS_INLINE void AnyClassifier::prepare(int n) const {
    const ContextPool::Lease context(state_->contexts);
    const int side = int(state_->facts.preprocessing.crop);
    state_->program.prepare(*context, InputSize{n, side, side});
}

REGULUS_INLINE const ClassifierFacts& AnyClassifier::facts() const { return state_->facts; }
REGULUS_INLINE const Program& AnyClassifier::program() const { return state_->program; }

}  // namespace regulus
