// From head maps to final boxes, kernel after kernel, against mmdetection3d's Anchor3DHead.
#include <cmath>

#include <regulus/graph/kernels/rotated_nms.hpp>
#include <regulus/graph/kernels/top_anchors.hpp>

#include "graph3d/golden_op.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// What a case says of the head, in both files' words.
struct Head {
    ops::TopK top_k;
    ops::DecodeBoxes3d decode;
    ops::RotatedNms nms;
    std::vector<float> scales;
    std::vector<std::array<std::int64_t, 2>> maps;
};

Head head_of(const GoldenOpCase& one) {
    const Json* inner = one.find("head");  // absent for v0
    const Json& generator = inner != nullptr ? *inner->find("anchor_generator") : *one.find("ranges");
    const Json& test = *(inner != nullptr ? inner->find("test_cfg") : one.find("test_cfg"));
    const auto field = [&](const char* v1, const char* v0) { return inner != nullptr ? generator.find(v1) : one.find(v0); };
    Head head;
    for (const Json& range : *field("ranges", "ranges")->array()) {
        const std::vector<float> r = floats_of(&range);
        head.decode.anchors.ranges.push_back({r[0], r[1], r[2], r[3], r[4], r[5]});
    }
    for (const Json& size : *field("sizes", "sizes_w_l_h")->array()) {
        const std::vector<float> s = floats_of(&size);
        head.decode.anchors.sizes.push_back({s[0], s[1], s[2]});
    }
    head.decode.anchors.rotations = floats_of(field("rotations", "rotations"));
    head.scales = floats_of(field("scales", "scales"));
    if (head.scales.empty()) head.scales = {1};
    head.decode.classes = inner != nullptr ? int(number_of(*inner->find("num_classes"))) : int(one.number("classes"));
    for (const Json& size : *one.find("map_sizes_h_w")->array()) head.maps.push_back({std::int64_t(floats_of(&size)[0]), std::int64_t(floats_of(&size)[1])});
    head.decode.code = int(one.array("in_reg0").shape()[1]) / head.decode.anchors.per_cell();
    head.top_k.limit = int(number_of(*test.find("nms_pre")));
    if (head.top_k.limit <= 0) head.top_k.limit = 1 << 20;  // no cut
    head.top_k.threshold = float(number_of(*test.find("score_thr")));
    head.top_k.classes = head.decode.classes;
    head.nms.lists = int(head.maps.size());
    head.nms.code = head.decode.code;
    head.nms.iou_threshold = float(number_of(*test.find("nms_thr")));
    head.nms.limit = int(number_of(*test.find("max_num")));
    const Json* rotated = test.find("use_rotate_nms");
    head.nms.rotated = head.nms.suppress_equal = rotated == nullptr || *rotated->boolean();
    head.nms.direction_offset = inner != nullptr ? float(number_of(*inner->find("dir_offset"))) : float(one.number("dir_offset"));
    return head;
}

struct Found {
    std::vector<float> boxes, scores;
    std::vector<std::int32_t> labels;
};

/// The head as the graph runs it, with maps in NCHW or NHWC. Boxes of the old convention (sizes w l h, yaw clockwise from -y) are turned into ours
/// between decoding and suppression.
Found predicted(Head head, const GoldenOpCase& one, bool nhwc, bool old_convention) {
    struct Level {
        std::vector<float> cls, reg, dir, scores, boxes;
        std::vector<std::int32_t> index, labels, bins;
    };
    std::vector<Level> levels(head.maps.size());
    std::vector<kernels::CandidateList3d<float>> lists;
    std::int64_t candidates = 0;
    for (std::size_t l = 0; l < levels.size(); ++l) {
        Level& level = levels[l];
        const std::int64_t height = head.maps[l][0], width = head.maps[l][1], cells = height * width;
        const auto load = [&](const std::string& name, std::vector<float>& to) {
            const Tensor& map = one.array(name + std::to_string(l));
            const std::int64_t channels = map.shape()[1];
            to.resize(std::size_t(map.numel()));
            for (std::int64_t c = 0; c < channels; ++c) {
                for (std::int64_t i = 0; i < cells; ++i) to[std::size_t(nhwc ? i * channels + c : c * cells + i)] = map.data<float>()[c * cells + i];
            }
            return kernels::MapView<float>{to.data(), nhwc ? 1 : cells, nhwc ? channels : 1};
        };
        const std::int64_t anchors = head.decode.anchors.per_cell(), channels = anchors * head.decode.classes;
        const kernels::MapView<float> cls = load("in_cls", level.cls), reg = load("in_reg", level.reg), dir = load("in_dir", level.dir);
        const std::int64_t bound = std::min<std::int64_t>(head.top_k.limit, cells * anchors) * head.decode.classes;
        level.scores.resize(std::size_t(bound));
        level.index.resize(std::size_t(bound));
        std::vector<kernels::Scored<float>> pool(std::size_t(cells * anchors));
        const std::int32_t count = kernels::top_anchors(head.top_k, cls.data, channels, cells, cls.channel_step, cls.cell_step, pool.data(), level.scores.data(), level.index.data());
        level.boxes.resize(std::size_t(count * head.decode.code));
        level.labels.resize(std::size_t(count));
        level.bins.resize(std::size_t(count));
        head.decode.anchors.scale = head.scales[l];
        kernels::decode_boxes3d(head.decode, reg, dir, height, width, level.index.data(), count, level.boxes.data(), level.labels.data(), level.bins.data());
        for (std::size_t i = 0; old_convention && i < std::size_t(count); ++i) {
            float* const box = level.boxes.data() + i * std::size_t(head.decode.code);
            std::swap(box[3], box[4]);
            box[6] = -box[6] - float(kernels::pi / 2);
        }
        lists.push_back({level.boxes.data(), level.scores.data(), level.labels.data(), level.bins.data(), count});
        candidates += count;
    }
    std::vector<std::uint64_t> memory(kernels::RotatedNmsScratch<float>::bytes(candidates, head.nms.limit) / 8 + 1);
    Found found;
    found.boxes.resize(std::size_t(head.nms.limit * head.nms.code));
    found.scores.resize(std::size_t(head.nms.limit));
    found.labels.resize(std::size_t(head.nms.limit));
    const std::size_t count =
        std::size_t(kernels::rotated_nms(head.nms, lists.data(), lists.size(), kernels::RotatedNmsScratch<float>(memory.data(), candidates), found.boxes.data(), found.scores.data(), found.labels.data()));
    found.boxes.resize(count * std::size_t(head.nms.code));
    found.scores.resize(count);
    found.labels.resize(count);
    return found;
}

void check_case(const GoldenOpCase& one, bool old_convention) {
    CAPTURE(one.name());
    const Head head = head_of(one);
    for (const bool nhwc : {false, true}) {
        Found found = predicted(head, one, nhwc, old_convention);
        const Tensor& boxes = one.array(old_convention ? "out_boxes_as_v1" : "out_boxes");
        REQUIRE(std::int64_t(found.scores.size()) == boxes.shape()[0]);
        CHECK(found.labels == one.integers("out_labels"));
        CHECK(largest_difference(found.scores.data(), one.floats_at("out_scores"), boxes.shape()[0]) < 1e-5);
        for (std::size_t i = 6; old_convention && i < found.boxes.size(); i += std::size_t(head.nms.code)) {  // the reference's are not wrapped
            const float expected = boxes.data<float>()[i];
            found.boxes[i] = expected + kernels::limit_period(found.boxes[i] - expected, 0.5f, float(2 * kernels::pi));
        }
        CHECK(largest_difference(found.boxes.data(), boxes.data<float>(), boxes.numel()) < 1e-4);
    }
}

}  // namespace

TEST_CASE("head maps become mmdetection3d's boxes, with and without cuts, rotated and plain") {
    REGULUS_REQUIRE_SHARED(golden_op_path("head_predict.json"));
    const GoldenOp golden("head_predict");
    REQUIRE(golden.cases().size() == 10);
    for (const GoldenOpCase& one : golden.cases()) check_case(one, false);
}

TEST_CASE("head maps of the old convention: decoded with its own anchors, turned, its own direction offset") {
    REGULUS_REQUIRE_SHARED(golden_op_path("head_predict_v0.json"));
    const GoldenOp golden("head_predict_v0");
    REQUIRE(golden.cases().size() == 2);
    for (const GoldenOpCase& one : golden.cases()) check_case(one, true);
}

TEST_CASE("decode_boxes3d: a head of the old convention, and the same head rewritten for the new one") {
    REGULUS_REQUIRE_SHARED(golden_op_path("conventions.json"));
    const GoldenOp golden("conventions");
    const GoldenOpCase& one = golden.cases()[1];
    REQUIRE(one.name() == "head");
    const std::int64_t height = 4, width = 5, cells = height * width, in = one.array("in_features").shape()[1];
    ops::DecodeBoxes3d op;
    for (const Json& range : *one.find("ranges")->array()) {
        const std::vector<float> r = floats_of(&range);
        op.anchors.ranges.push_back({r[0], r[1], r[2], r[3], r[4], r[5]});
    }
    for (const Json& size : *one.find("sizes_l_w_h")->array()) op.anchors.sizes.push_back({floats_of(&size)[0], floats_of(&size)[1], floats_of(&size)[2]});
    op.classes = 1;
    op.code = 9;
    const auto head_map = [&](const std::string& conv) {
        const Tensor& weight = one.array(conv + ".weight");
        std::vector<double> map;
        for (std::int64_t o = 0; o < weight.shape()[0]; ++o) {
            for (std::int64_t cell = 0; cell < cells; ++cell) {
                double sum = one.floats_at(conv + ".bias")[o];
                for (std::int64_t i = 0; i < in; ++i) sum += double(weight.data<float>()[o * in + i]) * one.floats_at("in_features")[i * cells + cell];
                map.push_back(sum);
            }
        }
        return map;
    };
    const std::int64_t rows = cells * op.anchors.per_cell();
    std::vector<std::int32_t> index, labels(std::size_t(rows), 0), bins(std::size_t(rows), 0);
    for (std::int64_t i = 0; i < rows; ++i) index.push_back(std::int32_t(i));
    const auto decoded = [&](const std::string& prefix) {
        const std::vector<double> reg = head_map(prefix + ".conv_reg"), dir = head_map(prefix + ".conv_dir_cls");
        std::vector<double> boxes(std::size_t(9 * rows));
        kernels::decode_boxes3d<double>(op, {reg.data(), cells, 1}, {dir.data(), cells, 1}, height, width, index.data(), rows, boxes.data(), labels.data(), bins.data());
        for (std::int64_t i = 0; i < rows; ++i) {
            boxes[std::size_t(9 * i + 6)] = kernels::directed_yaw(boxes[std::size_t(9 * i + 6)], 0.7854, 0.0, bins[std::size_t(i)]);
        }
        return boxes;
    };
    const std::vector<double> v1 = decoded("out_v1");
    for (std::array<float, 3>& size : op.anchors.sizes) std::swap(size[0], size[1]);
    const std::vector<double> v0 = decoded("in_v0");
    CHECK(largest_difference(v0.data(), one.floats_at("out_v0_boxes"), 9 * rows) < 1e-4);
    const std::vector<std::int32_t> row_of = one.integers("out_v1_row_of_v0_row");
    const float* expected = one.floats_at("out_boxes_as_v1");
    for (std::int64_t i = 0; i < rows; ++i) {
        const double* box = v1.data() + 9 * row_of[std::size_t(i)];
        CHECK(largest_difference(box, expected + 9 * i, 6) < 1e-4);
        CHECK(std::fabs(kernels::limit_period(box[6] - double(expected[9 * i + 6]), 0.5, 2 * kernels::pi)) < 1e-4);
        CHECK(largest_difference(box + 7, expected + 9 * i + 7, 2) < 1e-4);
    }
}
