// Where mmdetection 2 (2.11; spec/detection2d.md B.7, B.9) does other things after the network than 3, against code written here from its description.
#include <doctest/doctest.h>

#include <regulus/graph/kernels/refine.hpp>
#include <regulus/graph/kernels/top_anchors.hpp>
#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/models/mmdetection2.hpp>
#include <regulus/models/retina_net.hpp>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

struct SmallRetina : RetinaNet<RegNet<regnetx_200mf>, 16, 5> {};
inline constexpr RcnnSizes small_cascade_sizes{.rpn_candidates = 60, .proposals = 40, .box_features = 32, .class_agnostic = true, .mask_convs = 1, .mask_channels = 16, .detections = 12};
struct SmallCascade : CascadeMaskRcnn<RegNet<regnetx_200mf>, 16, 5, small_cascade_sizes> {
    static constexpr CascadeSettings settings{.rcnn = {.anchor_scale = 3, .finest_scale = 14, .score_threshold = 0.1f}};
};
struct SmallMask2 : AsMmdetection2<SmallMaskRcnn> {};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

struct Found {
    double box[4];
    double score;
    int label;
};

double overlap(const Found& a, const Found& b) {
    const double width = std::min(a.box[2], b.box[2]) - std::max(a.box[0], b.box[0]), height = std::min(a.box[3], b.box[3]) - std::max(a.box[1], b.box[1]);
    const auto area = [](const Found& f) { return (f.box[2] - f.box[0]) * (f.box[3] - f.box[1]); };
    const double common = std::max(width, 0.0) * std::max(height, 0.0);
    return common / (area(a) + area(b) - common);
}

/// One level with three anchors a cell: the `limit` anchors whose best class scores highest, decoded, clipped, brought to the original picture, then all
/// classes above the threshold, greedy suppression within each class.
std::vector<Found> retina_2(const Tensor& logits, const Tensor& deltas, const std::vector<Anchor>& anchors, int classes, int stride, int limit, double threshold, const float* info) {
    const int height = int(logits.shape()[2]), width = int(logits.shape()[3]), area = height * width;
    struct Candidate {
        double best;
        int anchor, y, x;
    };
    const auto logit = [&](int anchor, int c, int y, int x) { return double(logits.data<float>()[(anchor * classes + c) * area + y * width + x]); };
    std::vector<Candidate> candidates;
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int a = 0; a < int(anchors.size()); ++a) {
                double best = 0;
                for (int c = 0; c < classes; ++c) best = std::max(best, logistic(logit(a, c, y, x)));
                candidates.push_back({best, a, y, x});
            }
        }
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.best > b.best; });
    candidates.resize(std::min(candidates.size(), std::size_t(limit)));
    std::vector<Found> boxes;
    for (const Candidate& k : candidates) {
        const auto delta = [&](int i) { return double(deltas.data<float>()[(4 * k.anchor + i) * area + k.y * width + k.x]); };
        const Anchor& base = anchors[std::size_t(k.anchor)];
        const double w = double(base[2]) - double(base[0]), h = double(base[3]) - double(base[1]);
        const double cx = k.x * stride + (double(base[0]) + double(base[2])) / 2 + delta(0) * w, cy = k.y * stride + (double(base[1]) + double(base[3])) / 2 + delta(1) * h;
        const double half_w = w * std::exp(delta(2)) / 2, half_h = h * std::exp(delta(3)) / 2;
        Found found{{cx - half_w, cy - half_h, cx + half_w, cy + half_h}, 0, 0};
        for (int i = 0; i < 4; ++i) found.box[i] = std::clamp(found.box[i], 0.0, double(i % 2 == 0 ? info[1] : info[0])) / double(i % 2 == 0 ? info[3] : info[2]);
        for (int c = 0; c < classes; ++c) {
            found.score = logistic(logit(k.anchor, c, k.y, k.x));
            found.label = c;
            if (found.score > threshold) boxes.push_back(found);
        }
    }
    std::stable_sort(boxes.begin(), boxes.end(), [](const Found& a, const Found& b) { return a.score > b.score; });
    std::vector<Found> kept;
    for (const Found& box : boxes) {
        if (std::none_of(kept.begin(), kept.end(), [&](const Found& other) { return other.label == box.label && overlap(other, box) > 0.5; })) kept.push_back(box);
    }
    if (kept.size() > 100) kept.resize(100);
    return kept;
}

}  // namespace

TEST_CASE("mmdetection 2: RetinaNet takes the anchors with the best class, then all their classes; scores decide nothing before") {
    constexpr int classes = 4, stride = 8, height = 6, width = 7;
    for (const int limit : {1, 9, 40, 1000}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            CAPTURE(limit);
            CAPTURE(seed);
            CandidateSettings settings;
            settings.anchors = {AnchorRule::mmdetection, 4, 1, {0.5, 1, 2}};
            settings.limit = limit;
            settings.threshold = 0.4f;
            settings.anchors_by_best_class = true;
            settings.rescale = true;
            Graph graph;
            graph.name = "retina";
            const ValueId logits = record::image_input(graph, 3 * classes), deltas = record::image_input(graph, 12);
            const ValueId info = record::image_info_input(graph);
            DenseHeadMaps<3 * classes, stride, 1> maps{&graph, {logits}, {deltas}};
            const auto kept = suppress<100>(Scope(graph) / "nms", dense_candidates(Scope(graph) / "detections", maps, info, settings), 0.5f, -1.f);
            detection_outputs(graph, kept);
            const Tensor scores = random_tensor(Shape{1, 3 * classes, height, width}, seed, -6, 2), moves = random_tensor(Shape{1, 12, height, width}, seed + 9, -0.6, 0.6);
            const Tensor pictures = tensor_of(Shape{1, 4}, {44, 50, 0.5f, 0.8f});
            const std::vector<Found> expected = retina_2(scores, moves, base_anchors(AnchorRule::mmdetection, stride, {4}, {0.5, 1, 2}), classes, stride, limit, 0.4, pictures.data<float>());
            const Outputs got = run<double>(graph, Weights{}, {scores, moves, pictures});
            REQUIRE(std::size_t(got["count"].data<std::int32_t>()[0]) == expected.size());
            for (std::size_t i = 0; i < expected.size(); ++i) {
                CHECK(got["labels"].data<std::int32_t>()[i] == expected[i].label);
                CHECK(got["scores"].data<float>()[i] == doctest::Approx(expected[i].score).epsilon(1e-6));
                for (std::size_t j = 0; j < 4; ++j) CHECK(double(got["boxes"].data<float>()[4 * i + j]) == doctest::Approx(expected[i].box[j]).epsilon(1e-5));
            }
        }
    }
}

TEST_CASE("mmdetection 2: an anchor of two good classes leaves room for none of its neighbours, where mmdetection 3 counts pairs") {
    // Two cells, one anchor, two classes: (0.9, 0.8) and (0.7, 0.6). One anchor: both of its classes. One pair: its best class alone.
    const auto logit = [](double p) { return float(std::log(p / (1 - p))); };
    const std::vector<float> map{logit(0.9), logit(0.7), logit(0.8), logit(0.6)};  // [2, 1, 2]
    std::vector<kernels::Scored<float>> pool(8);
    float scores[4];
    std::int32_t index[4];
    CHECK(kernels::top_anchors(ops::TopK{1, 0.05f, 2}, map.data(), 2, 2, 2, 1, pool.data(), scores, index) == 2);
    CHECK(index[0] == 0);
    CHECK(index[1] == 1);
    CHECK(scores[1] == doctest::Approx(0.8));
    CHECK(kernels::top_k(ops::TopK{1, 0.05f}, map.data(), 2, 1, 2, pool.data(), scores, index) == 1);
    CHECK(index[0] == 0);
    // No score test before: an anchor below the threshold takes a place, and gives nothing.
    CHECK(kernels::top_anchors(ops::TopK{2, 0.75f, 2}, map.data(), 2, 2, 2, 1, pool.data(), scores, index) == 2);
    // NaN classes are passed over; an anchor without any number gives nothing.
    const std::vector<float> strange{NAN, NAN, logit(0.8), NAN};
    CHECK(kernels::top_anchors(ops::TopK{2, 0.05f, 2}, strange.data(), 2, 2, 2, 1, pool.data(), scores, index) == 1);
    CHECK(index[0] == 1);
}

TEST_CASE("mmdetection 2: the settings say what differs, and nothing else does") {
    const Graph three = recorded<SmallRetina>(), two = recorded<AsMmdetection2<SmallRetina>>();
    CHECK(two.parameter_count() == three.parameter_count());
    REQUIRE(two.nodes.size() == three.nodes.size());
    for (std::size_t i = 0; i < two.nodes.size(); ++i) {
        if (const auto* top_k = std::get_if<ops::TopK>(&two.nodes[i].operation)) {
            CHECK(top_k->classes == 5);
            CHECK(std::get<ops::TopK>(three.nodes[i].operation).classes == 1);
        }
        if (const auto* nms = std::get_if<ops::Nms>(&two.nodes[i].operation)) {
            CHECK(nms->min_size < 0);  // boxes without width or height stay
            CHECK(std::get<ops::Nms>(three.nodes[i].operation).min_size == 0);
        }
    }
    CHECK(boxes_in_original_pixels<SmallMask2>);
    CHECK(!boxes_in_original_pixels<SmallMaskRcnn>);
    const Graph mask = recorded<SmallMask2>();
    std::size_t proposals_keep_empty = 0;
    for (const Node& node : mask.nodes) {
        if (const auto* nms = std::get_if<ops::Nms>(&node.operation)) proposals_keep_empty += nms->min_size < 0 ? 1 : 0;
    }
    CHECK(proposals_keep_empty == 2);
}

TEST_CASE("mmdetection 2: Mask R-CNN gives boxes in original pixels, and pools its masks where mmdetection 3 does") {
    const Graph three = recorded<SmallMaskRcnn>(), two = recorded<SmallMask2>();
    const Weights weights = detector_weights(three, 11);
    const Tensor picture = random_tensor(Shape{2, 3, 96, 128}, 3);
    const Tensor info = tensor_of(Shape{2, 4}, {90, 120, 0.5f, 0.75f, 96, 128, 2.f, 1.25f});
    const Outputs old = run<double>(two, weights, {picture, info}), now = run<double>(three, weights, {picture, info});
    const std::int32_t* counts = now["count"].data<std::int32_t>();
    REQUIRE(counts[0] > 0);
    REQUIRE(counts[1] > 0);
    CHECK(equal(old["count"], now["count"]));
    CHECK(equal(old["labels"], now["labels"]));
    CHECK(relative_error(old["masks"], now["masks"]) < 1e-5);
    for (std::int32_t row = 0; row < counts[0] + counts[1]; ++row) {
        const float* scale = info.data<float>() + (row < counts[0] ? 2 : 6);
        for (int i = 0; i < 4; ++i) {
            const double expected = double(now["boxes"].data<float>()[4 * row + i]) / double(scale[i % 2 == 0 ? 1 : 0]);
            CHECK(double(old["boxes"].data<float>()[4 * row + i]) == doctest::Approx(expected).epsilon(1e-6));
        }
    }
}

TEST_CASE("mmdetection 2: a recorded graph rewritten is the graph of the model's type, to the bit") {
    const auto check = [](const Graph& three, const Graph& recorded_so) {
        const Graph rewritten = as_mmdetection2(three);
        REQUIRE(rewritten.nodes.size() == recorded_so.nodes.size());
        for (std::size_t id = 0; id < rewritten.nodes.size(); ++id) {
            CHECK(rewritten.nodes[id].name == recorded_so.nodes[id].name);
            CHECK(describe(rewritten.nodes[id].operation) == describe(recorded_so.nodes[id].operation));
            for (const ValueId out : rewritten.nodes[id].outputs) CHECK(rewritten.values[std::size_t(out)].producer == NodeId(id));
        }
        const Weights weights = detector_weights(three, 11);
        const Tensor picture = random_tensor(Shape{2, 3, 64, 96}, 3), info = tensor_of(Shape{2, 4}, {60, 90, 0.5f, 0.75f, 64, 96, 2.f, 1.25f});
        const Outputs a = run(rewritten, weights, {picture, info}), b = run(recorded_so, weights, {picture, info});
        REQUIRE(a.entries().size() == b.entries().size());
        for (std::size_t i = 0; i < a.entries().size(); ++i) CHECK(equal(a.entries()[i].second, b.entries()[i].second));
        const Graph twice = as_mmdetection2(rewritten);
        CHECK(twice.nodes.size() == rewritten.nodes.size());
    };
    check(recorded<SmallRetina>("same"), recorded<AsMmdetection2<SmallRetina>>("same"));
    check(recorded<SmallMaskRcnn>("same"), recorded<SmallMask2>("same"));
    check(recorded<SmallCascade>("same"), recorded<AsMmdetection2<SmallCascade>>("same"));
}
