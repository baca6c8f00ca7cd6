#pragma once
#include <algorithm>
#include <cstring>
#include <utility>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/mmdetection3d.hpp>
#include <regulus/pipeline/context_pool.hpp>
#include <regulus/pipeline/detector3d.hpp>

namespace regulus {

namespace detail::points {

inline constexpr std::int64_t most = std::int64_t(1) << 28;

/// Room for this many points: a sixteenth of its own size at most too much, so that clouds of one scanner share a plan or two.
inline std::int64_t rounded_up(std::int64_t points) {
    std::int64_t step = 1024;
    while (step * 32 < points) step *= 2;
    return std::max(step, (points + step - 1) / step * step);
}

/// The oriented anchors of the graph, whose head may have to be rewritten.
inline const ops::DecodeBoxes3d* boxes_of(const Graph& graph) {
    for (const Node& node : graph.nodes) {
        if (const auto* decode = std::get_if<ops::DecodeBoxes3d>(&node.operation)) return decode;
    }
    return nullptr;
}

/// What goes into the backend: our names, today's boxes.
inline Weights loaded(const Weights& weights, const Graph& graph, const PointDetectorFacts& facts) {
    Weights ours = to_regulus(weights, graph);
    const ops::DecodeBoxes3d* boxes = boxes_of(graph);
    if (facts.boxes == BoxConvention::length_first || boxes == nullptr) return ours;
    return rewrite_width_first_head(ours, boxes->anchors.per_cell(), boxes->classes, boxes->code);
}

}  // namespace detail::points

struct AnyDetector3d::State {
    PointDetectorFacts facts;
    Program program;
    int features = 0;
    mutable ContextPool contexts;
};

REGULUS_INLINE std::vector<Tensor> point_inputs(std::span<const PointCloud> clouds, int features) {
    if (clouds.empty()) throw ArgumentError("points: a batch needs at least one cloud");
    std::int64_t total = 0;
    for (const PointCloud& cloud : clouds) {
        if (!cloud.empty() && cloud.features != features) {
            throw ArgumentError("points: a cloud has " + std::to_string(cloud.features) + " numbers a point, the model takes " + std::to_string(features));
        }
        total += std::int64_t(cloud.size());
        if (total > detail::points::most) throw ArgumentError("points: more than " + std::to_string(detail::points::most) + " in one batch");
    }
    Tensor points(Shape{detail::points::rounded_up(total), features}, DType::f32);
    Tensor counts(Shape{std::int64_t(clouds.size())}, DType::i32);
    float* to = points.data<float>();
    for (std::size_t i = 0; i < clouds.size(); ++i) {
        const std::size_t numbers = clouds[i].size() * std::size_t(features);
        if (numbers > 0) std::memcpy(to, clouds[i].values.data(), numbers * sizeof(float));
        to += numbers;
        counts.data<std::int32_t>()[i] = std::int32_t(clouds[i].size());
    }
    std::fill(to, points.data<float>() + points.numel(), 0.f);
    return {std::move(points), std::move(counts)};
}

REGULUS_INLINE AnyDetector3d::AnyDetector3d(const Backend& backend, const Graph& graph, const Weights& weights, const PointDetectorFacts& facts, const CompileOptions& options)
    : state_(std::make_shared<State>()) {
    const auto* input = graph.nodes.empty() ? nullptr : std::get_if<ops::Input>(&graph.nodes.front().operation);
    if (input == nullptr || input->role != ops::Input::Role::points || graph.outputs.size() < 4) {
        throw ArgumentError("detector3d: " + graph.name + " is no detector of point clouds: it must take points and give boxes, scores, labels, count");
    }
    state_->facts = facts;
    state_->features = input->channels;
    state_->program = Program(backend, graph, detail::points::loaded(weights, graph, facts), options);
}

REGULUS_INLINE std::vector<DetectionList3d> AnyDetector3d::operator()(std::span<const PointCloud> clouds) const {
    const std::vector<Tensor> inputs = point_inputs(clouds, state_->features);
    const ContextPool::Lease context(state_->contexts);
    const Outputs outputs = state_->program.run(*context, inputs);
    const Tensor& boxes = outputs["boxes"];
    const float* box = boxes.data<float>();
    const float* score = outputs["scores"].data<float>();
    const std::int32_t* label = outputs["labels"].data<std::int32_t>();
    const bool moves = boxes.shape()[1] == 9;
    std::vector<DetectionList3d> result(clouds.size());
    for (std::size_t i = 0; i < clouds.size(); ++i) {
        for (std::int32_t k = outputs["count"].data<std::int32_t>()[i]; k > 0; --k, box += boxes.shape()[1], ++score, ++label) {
            result[i].items.push_back({{box[0], box[1], box[2], box[3], box[4], box[5], box[6], moves ? box[7] : 0.f, moves ? box[8] : 0.f}, *score, *label, state_->facts.class_name(*label)});
        }
    }
    return result;
}

REGULUS_INLINE DetectionList3d AnyDetector3d::operator()(const PointCloud& cloud) const { return std::move((*this)(std::span<const PointCloud>(&cloud, 1)).front()); }

REGULUS_INLINE void AnyDetector3d::prepare(std::size_t points, int clouds) const {
    if (points > std::size_t(detail::points::most)) throw ArgumentError("points: more than " + std::to_string(detail::points::most) + " in one batch");
    const ContextPool::Lease context(state_->contexts);
    InputSize size;
    size.n = clouds;
    size.points = int(detail::points::rounded_up(std::int64_t(points)));
    state_->program.prepare(*context, size);
}

REGULUS_INLINE const PointDetectorFacts& AnyDetector3d::facts() const { return state_->facts; }
REGULUS_INLINE const Program& AnyDetector3d::program() const { return state_->program; }

}  // namespace regulus
