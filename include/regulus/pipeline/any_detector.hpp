#pragma once
// A detector whose model is chosen at run time: preprocessing, program, postprocessing.
#include <memory>
#include <span>
#include <vector>

#include <regulus/data/preprocess.hpp>
#include <regulus/graph/program.hpp>
#include <regulus/pipeline/detection.hpp>
#include <regulus/pipeline/proposals.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace regulus {

/// Whether a detector's graph gives boxes in pixels of the original picture; else they are network pixels. Read from the operation
/// that made the boxes. Throws ArgumentError for a graph without the output "boxes".
bool gives_original_pixels(const Graph& graph);

/// What a detector's outputs say about each picture of a batch. `in_original_pixels` as gives_original_pixels says.
/// Throws ShapeError when outputs and batch do not belong together.
std::vector<DetectionList> collect_detections(const Outputs& outputs, const PreparedBatch& batch, const ModelFacts& facts, bool in_original_pixels);

/// Finds objects on pictures. Copies share the compiled program; a const detector may be called by several threads at once: each call
/// takes a context from a pool that grows to the number of calls in flight, or uses the one it is given.
class AnyDetector {
public:
    /// `weights` may have the names of any code base that converters/ knows. Facts that the weights' file states go before `facts`.
    /// Throws WeightError when weights and graph differ, BackendError for what the backend cannot do, ArgumentError when the graph is
    /// no detector's.
    AnyDetector(const Backend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const CompileOptions& options = {});

    /// The same for an entry of the zoo: AnyDetector(CpuBackend{}, find_model(zoo_models(), "mask_rcnn_r50_fpn_1x_coco"), weights).
    AnyDetector(const Backend& backend, const ModelSpec& model, const Weights& weights, const CompileOptions& options = {})
        : AnyDetector(backend, recorded(model), weights, model.facts, options) {}

    /// Objects on one picture, falling score. Throws ShapeError for an empty picture, BackendError over the memory budget.
    DetectionList operator()(const Image& image) const;
    DetectionList operator()(Context& context, const Image& image) const;

    /// Pictures of any sizes as one batch, padded to the largest. Padding reaches into borders, so results may differ in the last
    /// digits from one picture at a time, as they do in mmdetection.
    std::vector<DetectionList> operator()(std::span<const Image> images) const;
    std::vector<DetectionList> operator()(Context& context, std::span<const Image> images) const;

    /// The same for a detector that looks into given boxes (proposal_limit of its graph is not 0), which the calls above refuse. Throws ArgumentError when it
    /// proposes its own, and as prepare_proposals does.
    DetectionList operator()(const Image& image, const ProposalList& proposals) const;
    std::vector<DetectionList> operator()(std::span<const Image> images, std::span<const ProposalList> proposals) const;
    std::vector<DetectionList> operator()(Context& context, std::span<const Image> images, std::span<const ProposalList> proposals) const;

    /// Makes the plan for batches of n pictures of this size, so that the first call finds it.
    void prepare(PictureSize picture, int n = 1) const;

    const ModelFacts& facts() const;
    const Program& program() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/any_detector-impl.hpp>
#endif
