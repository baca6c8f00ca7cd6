// Suppression of oriented boxes and of centres against mmdetection3d and mmcv on the CPU, and against the definition.
#include <cmath>
#include <numeric>

#include <regulus/graph/kernels/circle_nms.hpp>
#include <regulus/graph/kernels/rotated_nms.hpp>

#include "graph3d/golden_op.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

template <class T>
struct Detections {
    std::vector<T> boxes, scores;
    std::vector<std::int32_t> labels, directions;
};

template <class T>
Detections<T> suppressed(const ops::RotatedNms& op, const std::vector<Detections<T>>& parts) {
    std::vector<kernels::CandidateList3d<T>> lists;
    std::int64_t candidates = 0;
    for (const Detections<T>& part : parts) {
        lists.push_back({part.boxes.data(), part.scores.data(), part.labels.data(), part.directions.data(), std::int64_t(part.scores.size())});
        candidates += lists.back().count;
    }
    std::vector<std::uint64_t> memory(kernels::RotatedNmsScratch<T>::bytes(candidates, op.limit) / 8 + 1);
    Detections<T> kept;
    kept.boxes.resize(std::size_t(op.limit * op.code));
    kept.scores.resize(std::size_t(op.limit));
    kept.labels.resize(std::size_t(op.limit));
    const std::size_t count = std::size_t(kernels::rotated_nms(op, lists.data(), lists.size(), kernels::RotatedNmsScratch<T>(memory.data(), candidates), kept.boxes.data(), kept.scores.data(), kept.labels.data()));
    kept.boxes.resize(count * std::size_t(op.code));
    kept.scores.resize(count);
    kept.labels.resize(count);
    return kept;
}

/// Rows x1 y1 x2 y2 yaw as boxes of one class whose vx is their number.
template <class T>
Detections<T> of_corners(const GoldenOpCase& one) {
    Detections<T> result;
    const Tensor& boxes = one.array("in_boxes");
    for (std::int64_t i = 0; i < boxes.shape()[0]; ++i) {
        const float* row = boxes.data<float>() + 5 * i;
        result.boxes.insert(result.boxes.end(), {(T(row[0]) + T(row[2])) / 2, (T(row[1]) + T(row[3])) / 2, 0, T(row[2]) - T(row[0]), T(row[3]) - T(row[1]), 1, T(row[4]), T(i), 0});
        result.scores.push_back(T(one.floats_at("in_scores")[i]));
    }
    result.labels.assign(result.scores.size(), 0);
    result.directions = result.labels;
    return result;
}

template <class T>
std::vector<std::int32_t> kept_numbers(const Detections<T>& detections) {
    std::vector<std::int32_t> numbers;
    for (std::size_t i = 0; i < detections.scores.size(); ++i) numbers.push_back(std::int32_t(detections.boxes[9 * i + 7]));
    return numbers;
}

/// Anchors with scores of several classes as the candidates of them all.
Detections<float> with_classes(const GoldenOpCase& one) {
    Detections<float> result;
    const Tensor& scores = one.array("in_scores");
    const std::vector<std::int32_t> directions = one.integers("in_dir");
    for (std::int64_t i = 0; i < scores.shape()[0]; ++i) {
        for (std::int64_t c = 0; c < scores.shape()[1]; ++c) {
            const float score = scores.data<float>()[i * scores.shape()[1] + c];
            if (!(score > float(one.number("score_threshold")))) continue;
            result.boxes.insert(result.boxes.end(), one.floats_at("in_boxes") + 9 * i, one.floats_at("in_boxes") + 9 * i + 9);
            result.scores.push_back(score);
            result.labels.push_back(std::int32_t(c));
            result.directions.push_back(directions[std::size_t(i)]);
        }
    }
    return result;
}

Detections<float> random_detections(std::size_t count, int classes, std::uint32_t state) {
    Detections<float> result;
    const auto random = [&](float low, float high) {
        state = state * 1664525u + 1013904223u;
        return low + (high - low) * float(state >> 8) / float(1 << 24);
    };
    for (std::size_t i = 0; i < count; ++i) {
        result.boxes.insert(result.boxes.end(), {random(-9, 9), random(-9, 9), random(-2, 0), random(0.5f, 5), random(0.5f, 3), random(1, 2), random(-4, 4)});
        result.scores.push_back(float(int(random(0, 40))) / 40.f);  // many equal scores
        result.labels.push_back(int(random(0, float(classes))));
        result.directions.push_back(random(0, 1) > 0.5f ? 1 : 0);
    }
    return result;
}

}  // namespace

TEST_CASE("rotated_nms: the keep lists of mmcv on the CPU, rotated and plain, float and double") {
    REGULUS_REQUIRE_SHARED(golden_op_path("rotated_nms.json"));
    const GoldenOp golden("rotated_nms");
    REQUIRE(golden.cases().size() == 10);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        ops::RotatedNms op;
        op.code = 9;
        op.iou_threshold = float(one.number("threshold"));
        op.limit = 2000;
        CHECK(kept_numbers(suppressed<float>(op, {of_corners<float>(one)})) == one.integers("out_keep"));
        CHECK(kept_numbers(suppressed<double>(op, {of_corners<double>(one)})) == one.integers("out_keep"));
        op.rotated = false;
        op.suppress_equal = false;  // the plain one of mmcv
        CHECK(kept_numbers(suppressed<float>(op, {of_corners<float>(one)})) == one.integers("out_keep_plain"));
        if (one.name() == "exactly_at_threshold") {
            op.rotated = true;  // mmcv on the GPU
            CHECK(suppressed<float>(op, {of_corners<float>(one)}).scores.size() == 2);
        }
    }
}

TEST_CASE("rotated_nms: mmdetection3d's lists of several classes, cut to the limit or not") {
    REGULUS_REQUIRE_SHARED(golden_op_path("multiclass_nms.json"));
    const GoldenOp golden("multiclass_nms");
    REQUIRE(golden.cases().size() == 5);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        ops::RotatedNms op;
        op.code = 9;
        op.iou_threshold = float(one.number("nms_threshold"));
        op.limit = int(one.number("max_num"));
        op.rotated = op.suppress_equal = one.number("use_rotate_nms") != 0;
        const Detections<float> all = with_classes(one);
        const Detections<float> kept = suppressed<float>(op, {all});
        const Tensor& boxes = one.array("out_boxes");
        REQUIRE(std::int64_t(kept.scores.size()) == boxes.shape()[0]);
        CHECK(kept.labels == one.integers("out_labels"));
        CHECK(largest_difference(kept.scores.data(), one.floats_at("out_scores"), boxes.shape()[0]) == 0);
        const std::vector<std::int32_t> bins = one.integers("out_dir");
        for (std::size_t i = 0; i < kept.scores.size(); ++i) {
            std::vector<float> expected(boxes.data<float>() + 9 * i, boxes.data<float>() + 9 * i + 9);
            expected[6] = kernels::directed_yaw(expected[6], op.direction_offset, op.direction_limit_offset, bins[i]);
            CHECK(largest_difference(kept.boxes.data() + 9 * i, expected.data(), 9) == 0);
        }
    }
}

TEST_CASE("rotated_nms: the loop over all pairs, for lists in parts, equal scores, every limit") {
    for (const int limit : {0, 1, 7, 40, 1000}) {
        ops::RotatedNms op;
        op.limit = limit;
        const std::vector<Detections<float>> parts{random_detections(120, 4, 1), random_detections(1, 4, 2), Detections<float>{}, random_detections(90, 4, 3)};
        // Textbook: every candidate in order of class, score, position; every kept one of its class.
        struct Candidate {
            const float* box;
            float score;
            std::int32_t label, direction;
        };
        std::vector<Candidate> all, kept;
        for (const Detections<float>& part : parts) {
            for (std::size_t i = 0; i < part.scores.size(); ++i) all.push_back({part.boxes.data() + 7 * i, part.scores[i], part.labels[i], part.directions[i]});
        }
        std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
        std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.label < b.label; });
        for (const Candidate& one : all) {
            bool stays = true;
            for (const Candidate& other : kept) {
                const float* a = one.box;
                const float* b = other.box;
                stays = stays && !(one.label == other.label && float(kernels::rotated_iou(kernels::rotated_box(b[0], b[1], b[3], b[4], b[6]), kernels::rotated_box(a[0], a[1], a[3], a[4], a[6]))) >= op.iou_threshold);
            }
            if (stays) kept.push_back(one);
        }
        if (kept.size() > std::size_t(limit)) {
            std::stable_sort(kept.begin(), kept.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
            kept.resize(std::size_t(limit));
        }
        const Detections<float> found = suppressed<float>(op, parts);
        REQUIRE(found.scores.size() == kept.size());
        for (std::size_t i = 0; i < kept.size(); ++i) {
            CHECK(found.scores[i] == kept[i].score);
            CHECK(found.labels[i] == kept[i].label);
            CHECK(found.boxes[7 * i] == kept[i].box[0]);
            CHECK(found.boxes[7 * i + 6] == kernels::directed_yaw(kept[i].box[6], op.direction_offset, op.direction_limit_offset, kept[i].direction));
        }
    }
}

TEST_CASE("rotated_nms: NaN scores go, boxes with NaN stay and take nothing away") {
    ops::RotatedNms op;
    Detections<float> all;
    all.boxes = {0, 0, 0, 2, 2, 1, 0, NAN, 0, 0, 2, 2, 1, 0, 0, 0, 0, 2, 2, 1, 0.1f, 0, 0, 0, 2, 2, 1, 0};
    all.scores = {0.9f, 0.8f, 0.7f, NAN};
    all.labels = all.directions = {0, 0, 0, 0};
    CHECK(suppressed<float>(op, {all}).scores == std::vector<float>{0.9f, 0.8f});
}

TEST_CASE("circle_nms: mmdetection3d's keep lists") {
    REGULUS_REQUIRE_SHARED(golden_op_path("circle_nms.json"));
    const GoldenOp golden("circle_nms");
    REQUIRE(golden.cases().size() == 5);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Tensor& rows = one.array("in_dets");
        const std::size_t count = std::size_t(rows.shape()[0]);
        ops::CircleNms op;
        op.code = 3;
        op.squared_radius = float(one.number("threshold"));
        op.limit = int(one.number("post_max_size"));
        std::vector<std::int32_t> numbers(count), kept(std::size_t(op.limit));
        std::iota(numbers.begin(), numbers.end(), 0);  // as labels, which it does not look at
        std::vector<float> scores, boxes(3 * kept.size()), kept_scores(kept.size());
        for (std::size_t i = 0; i < count; ++i) scores.push_back(rows.data<float>()[3 * i + 2]);
        std::vector<kernels::Ranked3d<float>> ranked(count);
        // Two lists: the union is what counts.
        const std::int64_t half = std::int64_t(count) / 2;
        const kernels::CandidateList3d<float> lists[] = {{rows.data<float>(), scores.data(), numbers.data(), nullptr, half},
                                                         {rows.data<float>() + 3 * half, scores.data() + half, numbers.data() + half, nullptr, std::int64_t(count) - half}};
        kept.resize(std::size_t(kernels::circle_nms(op, lists, 2, ranked.data(), boxes.data(), kept_scores.data(), kept.data())));
        CHECK(kept == one.integers("out_keep"));
        for (std::size_t i = 0; i < kept.size(); ++i) CHECK(std::equal(boxes.begin() + std::ptrdiff_t(3 * i), boxes.begin() + std::ptrdiff_t(3 * i + 3), rows.data<float>() + 3 * kept[i]));
    }
}
