#pragma once
#include <algorithm>
#include <utility>

#include <regulus/converters/convert.hpp>
#include <regulus/pipeline/any_detector.hpp>
#include <regulus/pipeline/context_pool.hpp>

namespace regulus {

struct AnyDetector::State {
    ModelFacts facts;
    Program program;
    bool in_original_pixels = false;
    ContextPool contexts;
};

REGULUS_INLINE bool gives_original_pixels(const Graph& graph) {
    for (const auto& [name, value] : graph.outputs) {
        if (name != "boxes") continue;
        const Node& last = graph.nodes[std::size_t(graph.values[std::size_t(value)].producer)];
        if (!std::holds_alternative<ops::Nms>(last.operation)) break;
        const Node& decoder = graph.nodes[std::size_t(graph.values[std::size_t(last.inputs.at(0))].producer)];
        if (const auto* classes = std::get_if<ops::ClassCandidates>(&decoder.operation)) return classes->rescale;
        if (const auto* anchors = std::get_if<ops::DecodeAnchors>(&decoder.operation)) return anchors->rescale;
    }
    throw ArgumentError("detector: " + graph.name + " is no detector: its output \"boxes\" must come from a suppression of decoded boxes");
}

namespace detail {

/// Whether anything of the box is left.
inline bool clip_to(std::array<float, 4>& box, PictureSize picture) {
    const float sides[2] = {float(picture.width), float(picture.height)};
    for (std::size_t j = 0; j < 4; ++j) box[j] = std::clamp(box[j], 0.f, sides[j % 2]);
    return box[2] > box[0] && box[3] > box[1];
}

}  // namespace detail

REGULUS_INLINE std::vector<DetectionList> collect_detections(const Outputs& outputs, const PreparedBatch& batch, const ModelFacts& facts, bool in_original_pixels) {
    const Tensor& boxes = outputs["boxes"];
    const Tensor& scores = outputs["scores"];
    const Tensor& labels = outputs["labels"];
    const Tensor& counts = outputs["count"];
    const Tensor *masks = nullptr, *points = nullptr;
    for (const auto& [name, tensor] : outputs.entries()) {
        if (name == "masks") masks = &tensor;
        if (name == "keypoints") points = &tensor;
    }
    const std::size_t n = batch.original_sizes.size();
    std::int64_t rows = 0;
    if (std::size_t(counts.numel()) == n) {
        for (std::size_t i = 0; i < n; ++i) rows += counts.data<std::int32_t>()[i];
    }
    if (std::size_t(counts.numel()) != n || boxes.numel() < 4 * rows || scores.numel() < rows || labels.numel() < rows) {
        throw ShapeError("detector: outputs of " + to_string(boxes.shape()) + " boxes and " + to_string(counts.shape()) + " counts do not fit a batch of " + std::to_string(n) + " pictures");
    }
    const int side = masks == nullptr ? 0 : int(masks->shape()[masks->shape().rank() - 1]);
    const std::size_t mask_size = std::size_t(side) * std::size_t(side);
    if (points != nullptr && (points->shape().rank() != 4 || points->shape()[0] < rows)) throw ShapeError("detector: keypoints must be maps of logits [objects, points, side, side], got " + to_string(points->shape()));

    std::vector<DetectionList> result(n);
    std::int64_t row = 0;
    for (std::size_t i = 0; i < n; ++i) {
        result[i].picture = batch.original_sizes[i];
        const float* info = batch.image_info.data<float>() + 4 * i;
        const std::array<float, 4> scale{info[3], info[2], info[3], info[2]};
        const std::array<float, 2> factor{float(batch.original_sizes[i].width) / info[1], float(batch.original_sizes[i].height) / info[0]};
        for (std::int32_t k = 0; k < counts.data<std::int32_t>()[i]; ++k, ++row) {
            Detection detection;
            std::array<float, 4> network_box;
            for (std::size_t j = 0; j < 4; ++j) {
                const float value = boxes.data<float>()[std::size_t(4 * row) + j];
                detection.box[j] = in_original_pixels ? value : facts.multiplies_boxes ? value * factor[j % 2] : value / scale[j];
                network_box[j] = in_original_pixels ? value * scale[j] : value;
            }
            if (facts.clips_boxes && !detail::clip_to(detection.box, batch.original_sizes[i])) continue;
            detection.score = scores.data<float>()[row];
            detection.label = labels.data<std::int32_t>()[row];
            detection.class_name = facts.class_name(detection.label);
            detection.category_id = facts.category_id(detection.label);
            detection.picture = batch.original_sizes[i];
            if (masks != nullptr) {
                const float* first = masks->data<float>() + std::size_t(row) * mask_size;
                detection.mask_side = side;
                detection.mask_probabilities.assign(first, first + mask_size);
                detection.mask_threshold = facts.mask_threshold;
                detection.paste_rule = facts.paste_rule;
            }
            if (points != nullptr) {
                const Shape& shape = points->shape();
                const std::size_t size = std::size_t(shape[1] * shape[2] * shape[3]);
                detection.keypoints = decode_keypoints({points->data<float>() + std::size_t(row) * size, size}, int(shape[1]), int(shape[3]), network_box, facts.keypoint_score);
                detection.keypoint_origin = facts.keypoint_origin;
                for (Keypoint& point : detection.keypoints) {
                    point.x = facts.multiplies_boxes ? point.x * factor[0] : point.x / scale[0];
                    point.y = facts.multiplies_boxes ? point.y * factor[1] : point.y / scale[1];
                }
            }
            result[i].items.push_back(std::move(detection));
        }
    }
    return result;
}

REGULUS_INLINE AnyDetector::AnyDetector(const Backend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const CompileOptions& options)
    : state_(std::make_shared<State>()) {
    state_->in_original_pixels = gives_original_pixels(graph);
    state_->facts = facts_from_metadata(weights.metadata, facts, weights.source);
    try {
        state_->program = Program(backend, graph, to_regulus(weights, graph), options);
    } catch (const WeightError& error) {
        throw WeightError(with_foreign_names(error.what(), weights, graph));
    }
}

REGULUS_INLINE DetectionList AnyDetector::operator()(const Image& image) const { return std::move((*this)(std::span<const Image>(&image, 1)).front()); }

REGULUS_INLINE DetectionList AnyDetector::operator()(Context& context, const Image& image) const {
    return std::move((*this)(context, std::span<const Image>(&image, 1)).front());
}

REGULUS_INLINE std::vector<DetectionList> AnyDetector::operator()(std::span<const Image> images) const {
    const ContextPool::Lease lease(state_->contexts);
    return (*this)(*lease, images);
}

REGULUS_INLINE std::vector<DetectionList> AnyDetector::operator()(Context& context, std::span<const Image> images) const {
    if (proposal_limit(program().graph()) != 0) throw ArgumentError("detector: " + program().graph().name + " looks into given boxes; call it with a list of them for each picture");
    const PreparedBatch batch = preprocess(images, state_->facts.preprocessing);
    return collect_detections(state_->program.run(context, {batch.input, batch.image_info}), batch, state_->facts, state_->in_original_pixels);
}

REGULUS_INLINE DetectionList AnyDetector::operator()(const Image& image, const ProposalList& proposals) const {
    return std::move((*this)(std::span<const Image>(&image, 1), std::span<const ProposalList>(&proposals, 1)).front());
}

REGULUS_INLINE std::vector<DetectionList> AnyDetector::operator()(std::span<const Image> images, std::span<const ProposalList> proposals) const {
    const ContextPool::Lease lease(state_->contexts);
    return (*this)(*lease, images, proposals);
}

REGULUS_INLINE std::vector<DetectionList> AnyDetector::operator()(Context& context, std::span<const Image> images, std::span<const ProposalList> proposals) const {
    const int limit = proposal_limit(program().graph());
    if (limit == 0) throw ArgumentError("detector: " + program().graph().name + " proposes its own boxes; call it with pictures alone");
    const PreparedBatch batch = preprocess(images, state_->facts.preprocessing);
    const std::array<Tensor, 2> given = prepare_proposals(proposals, batch, limit);
    return collect_detections(state_->program.run(context, {batch.input, batch.image_info, given[0], given[1]}), batch, state_->facts, state_->in_original_pixels);
}

REGULUS_INLINE void AnyDetector::prepare(PictureSize picture, int n) const {
    const PictureSize resized = resized_size(picture, state_->facts.preprocessing);
    const std::int64_t divisor = state_->facts.preprocessing.pad_divisor;
    const auto padded = [&](std::int64_t side) { return int((side + divisor - 1) / divisor * divisor); };
    const ContextPool::Lease lease(state_->contexts);
    state_->program.prepare(*lease, InputSize{n, padded(resized.height), padded(resized.width)});
}

REGULUS_INLINE const ModelFacts& AnyDetector::facts() const { return state_->facts; }
REGULUS_INLINE const Program& AnyDetector::program() const { return state_->program; }

}  // namespace regulus
