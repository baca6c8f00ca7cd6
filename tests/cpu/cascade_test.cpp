// Cascades on the CPU backend, and the operations that they add: beside the reference in double, and against plain arithmetic.
#include "compare.hpp"

#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/models/recorded.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

inline constexpr RcnnSizes small_cascade{.rpn_candidates = 60, .proposals = 40, .box_features = 32, .class_agnostic = true, .mask_convs = 1, .mask_channels = 16, .detections = 12};

struct SmallCascade : CascadeMaskRcnn<RegNet<regnetx_200mf>, 16, 5, small_cascade> {
    static constexpr CascadeSettings settings{.rcnn = {.anchor_scale = 3, .finest_scale = 14, .score_threshold = 0.1f}};
};

struct BlindCascade : CascadeMaskRcnn<RegNet<regnetx_200mf>, 16, 5, small_cascade> {
    static constexpr CascadeSettings settings{.rcnn = {.anchor_scale = 3, .finest_scale = 14, .score_threshold = 1.f}};
};

/// Boxes that one list of suppression passes on: rows for the operations under test. Inputs: a score map and a map of deltas, one anchor of side 16 a cell.
Rois<6> some_regions(Graph& graph, ValueId scores, ValueId deltas, ValueId info) {
    ops::DecodeAnchors decode;
    decode.anchors = {{-8, -8, 8, 8}};
    decode.stride = 8;
    const Candidates list = record::anchor_candidates(Scope(graph) / "some", ops::TopK{6, -1.f}, decode, scores, deltas, info);
    const std::vector<ValueId> kept = record::nms(Scope(graph) / "nms", ops::Nms{1, 2.f, 6, -1.f}, {list});
    return {&graph, kept[0], kept[1], kept[2], kept[3]};
}

}  // namespace

TEST_CASE("cpu cascade: equals the reference on one picture, a batch, and a batch in which nothing passes") {
    for (const InputSize size : {InputSize{1, 96, 128}, InputSize{3, 64, 96}}) {
        const Graph graph = recorded<SmallCascade>();
        const Weights weights = random_weights(graph, 4);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        const Outputs expected = run_on(BasicReferenceBackend<double>{}, graph, weights, inputs);
        REQUIRE(expected["boxes"].shape()[0] > 0);
        check_outputs(run_on(CpuBackend{}, graph, weights, inputs), expected, 1e-3);  // some fifty layers, four of them Winograd's
        const Graph blind = recorded<BlindCascade>();
        const Outputs nothing = run_on(CpuBackend{}, blind, weights, inputs);
        CHECK(nothing["boxes"].shape() == Shape{0, 4});
        CHECK(nothing["masks"].shape() == Shape{0, 28, 28});
    }
}

TEST_CASE("cpu cascade: mmdetection 2's order of steps, on pictures of unlike scales") {
    const Graph graph = recorded<AsMmdetection2<SmallCascade>>();
    std::vector<Tensor> inputs = random_inputs(graph, InputSize{2, 96, 128});
    const float info[] = {90, 120, 0.5f, 0.75f, 96, 128, 2.f, 1.25f};
    std::memcpy(inputs[1].data<float>(), info, sizeof info);
    const Weights weights = random_weights(graph, 4);
    check_outputs(run_on(CpuBackend{}, graph, weights, inputs), run_on(BasicReferenceBackend<double>{}, graph, weights, inputs), 1e-3);
}

TEST_CASE("average, refine_boxes, scale_boxes: plain arithmetic on packed rows of two pictures") {
    Graph graph;
    graph.name = "rows";
    const ValueId scores = record::image_input(graph, 1), deltas = record::image_input(graph, 4), info = record::image_info_input(graph);
    const Rois<6> rois = some_regions(graph, scores, deltas, info);
    const Scope scope(graph);
    ops::BoxCoder coder{.stds = {0.1f, 0.1f, 0.2f, 0.2f}};
    // The boxes themselves serve as deltas of a few units.
    const ValueId refined_boxes = record::refine_boxes(scope / "refine", coder, rois.boxes, record::average(scope / "same", {rois.boxes}), rois.count, info);
    const ValueId scaled = record::scale_boxes(scope / "scale", rois.boxes, rois.count, info);
    const ValueId mean = record::average(scope / "mean", {rois.boxes, refined_boxes, scaled});
    graph.outputs = {{"boxes", rois.boxes}, {"count", rois.count}, {"refined", refined_boxes}, {"scaled", scaled}, {"mean", mean}};
    const float pictures[] = {18, 30, 0.5f, 0.25f, 20, 24, 3.f, 2.f};
    Tensor rows(Shape{2, 4}, DType::f32);
    std::memcpy(rows.data<float>(), pictures, sizeof pictures);
    const std::vector<Tensor> inputs{random_tensor(Shape{2, 1, 3, 4}, 1), random_tensor(Shape{2, 4, 3, 4}, 2, -0.5f, 0.5f), rows};
    for (const bool reference : {false, true}) {
        const Outputs got = reference ? run_on(ReferenceBackend{}, graph, Weights{}, inputs) : run_on(CpuBackend{}, graph, Weights{}, inputs);
        const std::int32_t first = got["count"].data<std::int32_t>()[0];
        REQUIRE(first == 6);
        REQUIRE(got["boxes"].shape() == Shape{12, 4});
        for (std::int64_t row = 0; row < 12; ++row) {
            const float* box = got["boxes"].data<float>() + 4 * row;
            const float* picture = pictures + (row < first ? 0 : 4);
            const double w = double(box[2]) - double(box[0]), h = double(box[3]) - double(box[1]);
            const double x = (double(box[0]) + double(box[2])) / 2 + 0.1 * double(box[0]) * w, y = (double(box[1]) + double(box[3])) / 2 + 0.1 * double(box[1]) * h;
            const double limit = std::log(1000.0 / 16);
            const double half_w = w * std::exp(std::clamp(0.2 * double(box[2]), -limit, limit)) / 2, half_h = h * std::exp(std::clamp(0.2 * double(box[3]), -limit, limit)) / 2;
            const double expected[] = {std::clamp(x - half_w, 0.0, double(picture[1])), std::clamp(y - half_h, 0.0, double(picture[0])), std::clamp(x + half_w, 0.0, double(picture[1])),
                                       std::clamp(y + half_h, 0.0, double(picture[0]))};
            for (int i = 0; i < 4; ++i) {
                const double moved = double(got["refined"].data<float>()[4 * row + i]), scaled_by = double(got["scaled"].data<float>()[4 * row + i]);
                CHECK(moved == doctest::Approx(expected[i]).epsilon(1e-5));
                CHECK(scaled_by == doctest::Approx(double(box[i]) * double(picture[i % 2 == 0 ? 3 : 2])).epsilon(1e-6));
                CHECK(double(got["mean"].data<float>()[4 * row + i]) == doctest::Approx((double(box[i]) + moved + scaled_by) / 3).epsilon(1e-6));
            }
        }
    }
}
