// Whole detectors with seeded random weights, CPU backend against the reference: maps node by node, then boxes.
//
// Detectors decide (levels, suppression, order), and a decision on the edge may fall differently in another order of summation: so boxes are
// matched, and one in fifty may be without a partner.
#include "map_limits.hpp"

#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/one_map_rcnn.hpp>
#include <regulus/models/retina_net.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

/// The rows of one image of a batch.
struct Rows {
    std::int64_t first, last;
};
std::vector<Rows> rows_of(const Tensor& counts) {
    std::vector<Rows> rows;
    std::int64_t first = 0;
    for (std::int64_t image = 0; image < counts.numel(); ++image) {
        const std::int64_t last = first + counts.data<std::int32_t>()[image];
        rows.push_back({first, last});
        first = last;
    }
    return rows;
}

/// How many detections of `reference` have one of equal label in `cpu` whose corners lie within 0.05 pixels, whose score within 1e-3 and, if there
/// are masks, whose mask within 0.01 everywhere.
std::int64_t matched(const Outputs& cpu, const Outputs& reference, bool masks) {
    const std::vector<Rows> ours = rows_of(cpu["count"]), theirs = rows_of(reference["count"]);
    std::int64_t found = 0;
    for (std::size_t image = 0; image < theirs.size(); ++image) {
        for (std::int64_t j = theirs[image].first; j < theirs[image].last; ++j) {
            const auto agrees = [&](std::int64_t i) {
                if (cpu["labels"].data<std::int32_t>()[i] != reference["labels"].data<std::int32_t>()[j]) return false;
                if (std::fabs(cpu["scores"].data<float>()[i] - reference["scores"].data<float>()[j]) > 1e-3f) return false;
                for (int k = 0; k < 4; ++k) {
                    if (std::fabs(cpu["boxes"].data<float>()[4 * i + k] - reference["boxes"].data<float>()[4 * j + k]) > 0.05f) return false;
                }
                const std::int64_t area = masks ? reference["masks"].shape()[1] * reference["masks"].shape()[2] : 0;
                for (std::int64_t k = 0; k < area; ++k) {
                    if (std::fabs(cpu["masks"].data<float>()[area * i + k] - reference["masks"].data<float>()[area * j + k]) > 0.01f) return false;
                }
                return true;
            };
            bool has_partner = false;
            for (std::int64_t i = ours[image].first; i < ours[image].last && !has_partner; ++i) has_partner = agrees(i);
            found += has_partner ? 1 : 0;
        }
    }
    return found;
}

/// Pictures of unlike sizes in one batch: the first fills it, the others are smaller and zero beyond.
std::vector<Tensor> padded_inputs(const Graph& graph, const InputSize& size) {
    std::vector<Tensor> inputs = random_inputs(graph, size);
    for (std::int64_t image = 1; image < size.n; ++image) {
        const std::int64_t height = std::max<std::int64_t>(1, size.height - 9 * image), width = std::max<std::int64_t>(1, size.width - 5 * image);
        for (std::int64_t line = 0; line < 3 * size.height; ++line) {
            float* pixels = inputs[0].data<float>() + (image * 3 * size.height + line) * size.width;
            std::fill(pixels + (line % size.height < height ? width : 0), pixels + size.width, 0.f);
        }
        const float info[4] = {float(height), float(width), 0.5f, 0.625f};
        std::copy_n(info, 4, inputs[1].data<float>() + 4 * image);
    }
    return inputs;
}

template <class Model>
void check_detector(const std::vector<InputSize>& sizes, const std::vector<std::string>& maps, bool masks) {
    const Graph graph = recorded<Model>();
    const Weights weights = random_weights(graph);
    const Program cpu = compile(CpuBackend{}, graph, weights, {.threads = 2, .extra_outputs = maps}), reference = compile(ReferenceBackend{}, graph, weights, {.threads = 2, .extra_outputs = maps});
    Context cpu_context, reference_context;
    std::int64_t all = 0;
    for (const InputSize& size : sizes) {
        INFO(graph.name << " n " << size.n << " h " << size.height << " w " << size.width);
        const std::vector<Tensor> inputs = padded_inputs(graph, size);
        const Outputs ours = cpu.run(cpu_context, inputs), theirs = reference.run(reference_context, inputs);
        for (const std::string& node : maps) check_map(ours, theirs, node);
        const std::int64_t count = theirs["scores"].numel();
        all += count;
        CHECK(matched(ours, theirs, masks) >= count - count / 50);
        CHECK(matched(theirs, ours, masks) >= ours["scores"].numel() - count / 50);
    }
    CHECK(all >= 20);  // else there was nothing to compare
}

const std::vector<InputSize> detector_sizes{{1, 64, 96}, {3, 47, 61}, {1, 1, 1}, {1, 1, 33}, {1, 33, 1}};
#if defined(REGULUS_SANITIZED)  // their heads of 2,048 channels take minutes so
const std::vector<InputSize> one_map_sizes{{1, 64, 96}};
#else
const std::vector<InputSize> one_map_sizes{{1, 64, 96}, {2, 47, 61}, {1, 1, 1}};
#endif

inline constexpr RcnnSizes small_sizes{.rpn_candidates = 100, .proposals = 50, .box_features = 64, .mask_convs = 2, .mask_channels = 32, .detections = 30};
inline constexpr RcnnSizes small_c4_sizes{.anchors = 15, .rpn_candidates = 200, .proposals = 12, .box_size = 14, .mask_convs = 0, .mask_channels = 32, .detections = 20};
inline constexpr RcnnSizes small_dc5_sizes{.anchors = 15, .rpn_candidates = 200, .proposals = 40, .box_features = 64, .mask_convs = 1, .mask_channels = 32, .detections = 20};
inline constexpr ResNetStages shallow{.depths = {1, 1, 1, 1}, .style = StrideStyle::caffe};
inline constexpr ResNetStages shallow_dc5 = with_dilated_last({.depths = {1, 1, 1, 2}});
inline constexpr RetinaSizes small_retina_sizes{.tower_depth = 2, .candidates = 200};

}  // namespace

TEST_CASE("cpu detectors: Faster R-CNN RegNetX-200MF FPN 64 equals the reference, pictures of one pixel and of unlike sizes included") {
    check_detector<FasterRcnn<RegNet<regnetx_200mf>, 64, 5, small_sizes>>(detector_sizes, {"stem", "C2", "C3", "C4", "C5", "P2", "P4", "P6", "rpn_logits.0", "rpn_deltas.4"}, false);
}

TEST_CASE("cpu detectors: Mask R-CNN RegNetX-400MF FPN 64 equals the reference") {
    check_detector<MaskRcnn<RegNet<regnetx_400mf>, 64, 3, small_sizes>>(detector_sizes, {"stem", "C2", "C3", "C4", "C5", "P2", "P5", "rpn_logits.2"}, true);
}

TEST_CASE("cpu detectors: RetinaNet RegNetX-200MF FPN 64 equals the reference") {
    check_detector<RetinaNet<RegNet<regnetx_200mf>, 64, 4, small_retina_sizes>>(detector_sizes, {"stem", "C3", "C5", "P3", "P7", "cls_logits.0", "box_deltas.4"}, false);
}

TEST_CASE("cpu detectors: Mask R-CNN on C4 equals the reference, the shared head on proposals and on final boxes") {
    check_detector<C4MaskRcnn<shallow, 3, small_c4_sizes>>(one_map_sizes, {"C2", "C4", "rpn_logits.0", "rpn_deltas.0"}, true);
}

TEST_CASE("cpu detectors: Mask R-CNN on a dilated C5 equals the reference") {
    check_detector<Dc5MaskRcnn<shallow_dc5, 3, small_dc5_sizes>>(one_map_sizes, {"C4", "C5", "rpn_logits.0", "rpn_deltas.0"}, true);
}

TEST_CASE("cpu detectors: no proposal at all gives no boxes, no masks and no error, alone and beside a picture that has some") {
    const Graph graph = recorded<MaskRcnn<RegNet<regnetx_200mf>, 64, 3, small_sizes>>();
    const Weights weights = random_weights(graph);
    Context context;
    const Program program = compile(CpuBackend{}, graph, weights, {.threads = 2});
    std::vector<Tensor> inputs = random_inputs(graph, {2, 40, 40});
    const float empty[4] = {0.f, 0.f, 1.f, 1.f};  // every box is clipped to nothing, and boxes must be larger than that
    std::copy_n(empty, 4, inputs[1].data<float>() + 4);
    const Outputs half = program.run(context, inputs);
    CHECK(half["count"].data<std::int32_t>()[0] > 0);
    CHECK(half["count"].data<std::int32_t>()[1] == 0);
    std::copy_n(empty, 4, inputs[1].data<float>());
    const Outputs none = program.run(context, inputs);
    CHECK(none["boxes"].shape() == Shape{0, 4});
    CHECK(none["masks"].shape() == Shape{0, 28, 28});
    CHECK(none["count"].data<std::int32_t>()[0] == 0);
    std::copy_n(full_pictures({1, 40, 40}).data<float>(), 4, inputs[1].data<float>());
    CHECK(same_bits(program.run(context, inputs), half));
}
