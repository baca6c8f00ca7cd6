#pragma once
// A detector of pictures on the device that the user names: one way from decoded pictures to boxes and masks on each.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <regulus/pipeline/golden_report.hpp>
#include <regulus/pipeline/panoptic_detector.hpp>

namespace tool {

/// What --augment says of itself.
inline constexpr const char* augment_help =
    "Short sides, as 400,500,...: merge what is found at these sizes of each picture and in the mirror (detectron2's test-time augmentation; its own sizes are 400 to 1200 by 100)";

/// On a GPU everything from the decoded picture to boxes, masks and pixels' labels runs there (regulus::CudaDetector); else the network runs on the backend
/// (regulus::AnyDetector, regulus::PanopticDetector).
class PictureDetector {
public:
    /// With `short_sides` it is a regulus::AugmentedDetector. Throws as that or regulus::AnyDetector does.
    PictureDetector(const regulus::Backend& backend, const regulus::Graph& graph, const regulus::Weights& weights, const regulus::ModelFacts& facts, const regulus::CompileOptions& options,
                    const std::vector<std::int64_t>& short_sides = {});

    /// `given` are the boxes to look into, for a model that takes them.
    regulus::DetectionList operator()(const regulus::Image& image, const regulus::ProposalList* given = nullptr) const { return find_(image, given); }
    const regulus::ModelFacts& facts() const { return facts_; }

    /// Whether the model has a semantic head, and then the picture's segments.
    bool has_segments() const { return bool(segments_); }
    regulus::PanopticResult segments(const regulus::Image& image) const { return segments_(image); }

private:
    template <class Detector>
    void find_with(const Detector& detector) {
        facts_ = detector.facts();
        find_ = [detector](const regulus::Image& image, const regulus::ProposalList* given) { return given != nullptr ? detector(image, *given) : detector(image); };
    }

    std::function<regulus::PanopticResult(const regulus::Image&)> segments_;  // none: no semantic head
    regulus::ModelFacts facts_;
    std::function<regulus::DetectionList(const regulus::Image&, const regulus::ProposalList*)> find_;
};

/// Of a golden case of a detector of pictures: how many objects found from its decoded pictures differ in a bit from those that the network finds on prepared input.
/// Nothing where both are one way, on every backend but CUDA's.
std::optional<regulus::GoldenCheck> compare_ways(const std::string& folder, const regulus::Backend& backend, const regulus::CompileOptions& options);

}  // namespace tool
