#include "picture_detector.hpp"

#include <algorithm>

#include <regulus/pipeline/augmented.hpp>
#include <regulus/pipeline/golden_case.hpp>
#if defined(REGULUS_TOOL_CUDA)
#include <regulus/cuda/detector.hpp>
#endif

#include "models.hpp"

namespace tool {

namespace {

#if defined(REGULUS_TOOL_CUDA)
bool same_bits(const regulus::Detection& a, const regulus::Detection& b) { return a.box == b.box && a.score == b.score && a.label == b.label && a.mask_probabilities == b.mask_probabilities && a.keypoints == b.keypoints; }
#endif

}  // namespace

PictureDetector::PictureDetector(const regulus::Backend& backend, const regulus::Graph& graph, const regulus::Weights& weights, const regulus::ModelFacts& facts, const regulus::CompileOptions& options,
                                 const std::vector<std::int64_t>& short_sides) {
    if (!short_sides.empty()) {
        regulus::AugmentedSettings settings;
        settings.short_sides = short_sides;
        const regulus::AugmentedDetector detector(backend, graph, weights, facts, settings, options);
        facts_ = detector.facts();
        find_ = [detector](const regulus::Image& image, const regulus::ProposalList*) { return detector(image); };
        return;
    }
#if defined(REGULUS_TOOL_CUDA)
    if (const auto* const cuda = dynamic_cast<const regulus::CudaBackend*>(&backend)) {
        const regulus::CudaDetector detector(*cuda, graph, weights, facts, options);
        find_with(detector);
        if (regulus::gives_segments(graph)) segments_ = [detector](const regulus::Image& image) { return detector.segments(image); };
        return;
    }
#endif
    if (regulus::gives_segments(graph)) {
        const regulus::PanopticDetector detector(backend, graph, weights, facts, options);
        find_with(detector.detector());
        segments_ = detector;
        return;
    }
    find_with(regulus::AnyDetector(backend, graph, weights, facts, options));
}

std::optional<regulus::GoldenCheck> compare_ways([[maybe_unused]] const std::string& folder, [[maybe_unused]] const regulus::Backend& backend, [[maybe_unused]] const regulus::CompileOptions& options) {
#if defined(REGULUS_TOOL_CUDA)
    if (const auto* const cuda = dynamic_cast<const regulus::CudaBackend*>(&backend)) {
        const regulus::GoldenCase peer = regulus::read_golden_case(folder);
        const regulus::ModelSpec& model = model_named(peer.zoo);
        regulus::ModelFacts facts = model.facts;
        if (peer.long_side > 0) {
            facts.preprocessing.long_side = peer.long_side;
            facts.preprocessing.short_side = peer.short_side;
        }
        const regulus::Graph graph = regulus::recorded(model);
        if (regulus::proposal_limit(graph) != 0) return std::nullopt;  // the case has boxes of its own prepared input alone
        const auto from_input = regulus::AnyDetector(*cuda, graph, peer.state, facts, options)(peer.images);
        const auto from_pictures = regulus::CudaDetector(*cuda, graph, peer.state, facts, options)(peer.images);
        std::size_t different = 0, objects = 0;
        for (std::size_t i = 0; i < from_input.size(); ++i) {
            const std::size_t both = std::min(from_input[i].size(), from_pictures[i].size());
            different += std::max(from_input[i].size(), from_pictures[i].size()) - both;
            objects += from_input[i].size();
            for (std::size_t k = 0; k < both; ++k) different += same_bits(from_input[i][k], from_pictures[i][k]) ? 0 : 1;
        }
        return regulus::GoldenCheck{"from pictures", "objects differ", double(different), 0, -1, std::to_string(objects) + " objects, bit for bit what prepared input gives"};
    }
#endif
    return std::nullopt;
}

}  // namespace tool
