#pragma once
#include <regulus/pipeline/panoptic_detector.hpp>

#include <utility>

namespace regulus {
namespace detail::panoptic {

inline const Graph& checked(const Graph& graph) {
    if (gives_segments(graph)) return graph;
    throw ArgumentError("panoptic: " + graph.name + " has no semantic head beside masks (outputs \"semantic_logits\" and \"masks\"); use a detector for it, or a Panoptic FPN");
}

}  // namespace detail::panoptic

REGULUS_INLINE bool gives_segments(const Graph& graph) {
    bool semantic = false, masks = false;
    for (const auto& [name, value] : graph.outputs) {
        semantic = semantic || name == "semantic_logits";
        masks = masks || name == "masks";
    }
    return semantic && masks;
}

REGULUS_INLINE std::vector<LabelMap> collect_labels(const Outputs& outputs, const PreparedBatch& batch) {
    const Tensor& logits = outputs["semantic_logits"];
    const Shape &shape = logits.shape(), &input = batch.input.shape();
    const std::size_t pictures = batch.original_sizes.size();
    const bool fits = shape.rank() == 4 && shape[0] == std::int64_t(pictures) && shape[2] > 0 && shape[3] > 0 && input[2] % shape[2] == 0 && input[3] % shape[3] == 0 && input[2] / shape[2] == input[3] / shape[3];
    if (!fits) throw ShapeError("panoptic: semantic logits " + to_string(shape) + " do not belong to a batch " + to_string(input));
    const std::size_t size = std::size_t(shape[1] * shape[2] * shape[3]);
    std::vector<LabelMap> labels;
    for (std::size_t i = 0; i < pictures; ++i) {
        labels.push_back(semantic_labels({logits.data<float>() + i * size, size}, int(shape[1]), {shape[2], shape[3]}, int(input[2] / shape[2]), batch.resized_sizes[i], batch.original_sizes[i]));
    }
    return labels;
}

REGULUS_INLINE std::vector<PanopticResult> collect_segments(const Outputs& outputs, const PreparedBatch& batch, const ModelFacts& facts, bool in_original_pixels) {
    std::vector<DetectionList> detections = collect_detections(outputs, batch, facts, in_original_pixels);
    const std::vector<LabelMap> labels = collect_labels(outputs, batch);
    std::vector<PanopticResult> results;
    for (std::size_t i = 0; i < detections.size(); ++i) results.push_back(combine_panoptic(std::move(detections[i]), labels[i], facts));
    return results;
}

REGULUS_INLINE PanopticDetector::PanopticDetector(const Backend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const CompileOptions& options)
    : detector_(backend, detail::panoptic::checked(graph), weights, facts, options), in_original_pixels_(gives_original_pixels(graph)), contexts_(std::make_shared<ContextPool>()) {}

REGULUS_INLINE PanopticResult PanopticDetector::operator()(const Image& image) const { return std::move((*this)(std::span<const Image>(&image, 1)).front()); }

REGULUS_INLINE PanopticResult PanopticDetector::operator()(Context& context, const Image& image) const {
    return std::move((*this)(context, std::span<const Image>(&image, 1)).front());
}

REGULUS_INLINE std::vector<PanopticResult> PanopticDetector::operator()(std::span<const Image> images) const {
    const ContextPool::Lease lease(*contexts_);
    return (*this)(*lease, images);
}

REGULUS_INLINE std::vector<PanopticResult> PanopticDetector::operator()(Context& context, std::span<const Image> images) const {
    const PreparedBatch batch = preprocess(images, facts().preprocessing);
    return collect_segments(program().run(context, {batch.input, batch.image_info}), batch, facts(), in_original_pixels_);
}

}  // namespace regulus
