#pragma once
// A panoptic model: things and stuff of pictures.
#include <memory>
#include <span>
#include <vector>

#include <regulus/pipeline/any_detector.hpp>
#include <regulus/pipeline/context_pool.hpp>
#include <regulus/pipeline/panoptic.hpp>

namespace regulus {

/// Whether a graph has a semantic head: the output "semantic_logits" beside a detector's with masks.
bool gives_segments(const Graph& graph);

/// The semantic head's label of each pixel of a batch's pictures, at their own size. Throws ShapeError for logits that do not belong to the batch.
std::vector<LabelMap> collect_labels(const Outputs& outputs, const PreparedBatch& batch);

/// What a panoptic model's outputs say about each picture of a batch. Throws as collect_detections and collect_labels.
std::vector<PanopticResult> collect_segments(const Outputs& outputs, const PreparedBatch& batch, const ModelFacts& facts, bool in_original_pixels);

/// Finds things and stuff on pictures. Copies share the compiled program; several threads may call a const detector at once, as AnyDetector, which gives the same
/// model's objects alone.
class PanopticDetector {
public:
    /// As AnyDetector's; throws ArgumentError, too, for a graph without a semantic head or masks.
    PanopticDetector(const Backend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const CompileOptions& options = {});
    /// The same for an entry of the zoo: PanopticDetector(CpuBackend{}, find_model(zoo_models(), "panoptic_fpn_R_50_3x"), weights).
    PanopticDetector(const Backend& backend, const ModelSpec& model, const Weights& weights, const CompileOptions& options = {})
        : PanopticDetector(backend, recorded(model), weights, model.facts, options) {}

    /// Segments of one picture. Throws ShapeError for an empty picture, BackendError over the memory budget.
    PanopticResult operator()(const Image& image) const;
    PanopticResult operator()(Context& context, const Image& image) const;
    /// Pictures of any sizes as one batch, padded to the largest.
    std::vector<PanopticResult> operator()(std::span<const Image> images) const;
    std::vector<PanopticResult> operator()(Context& context, std::span<const Image> images) const;

    /// The detector alone, for its objects; it shares the program.
    const AnyDetector& detector() const noexcept { return detector_; }
    const ModelFacts& facts() const { return detector_.facts(); }
    const Program& program() const { return detector_.program(); }

private:
    AnyDetector detector_;
    bool in_original_pixels_ = false;
    std::shared_ptr<ContextPool> contexts_;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/panoptic_detector-impl.hpp>
#endif
