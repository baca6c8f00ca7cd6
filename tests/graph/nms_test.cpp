// Greedy suppression against the peers' keep lists and against the textbook loop.
#include <doctest/doctest.h>

#include <regulus/graph/kernels/nms.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

struct Suppressed {
    std::vector<float> boxes, scores;
    std::vector<std::int32_t> labels;
};

Suppressed suppress(const ops::Nms& op, const std::vector<kernels::CandidateList<float>>& lists) {
    std::int64_t candidates = 0;
    for (const auto& list : lists) candidates += list.count;
    std::vector<std::uint64_t> memory(kernels::NmsScratch<float>::bytes(candidates, op.limit) / 8 + 1);
    Suppressed result;
    result.boxes.resize(std::size_t(op.limit) * 4);
    result.scores.resize(std::size_t(op.limit));
    result.labels.resize(std::size_t(op.limit));
    const std::int32_t count =
        kernels::nms(op, lists.data(), lists.size(), kernels::NmsScratch<float>(memory.data(), candidates), result.boxes.data(), result.scores.data(), result.labels.data());
    result.boxes.resize(std::size_t(count) * 4);
    result.scores.resize(std::size_t(count));
    result.labels.resize(std::size_t(count));
    return result;
}

Suppressed suppress(const Tensor& boxes, const Tensor& scores, const std::vector<std::int32_t>& labels, float threshold, int limit) {
    ops::Nms op;
    op.iou_threshold = threshold;
    op.limit = limit;
    return suppress(op, {{boxes.data<float>(), scores.data<float>(), labels.data(), scores.numel()}});
}

/// The keep list that the definition gives: every pair is looked at.
std::vector<int> textbook(const Tensor& boxes, const Tensor& scores, const std::vector<std::int32_t>& labels, float threshold) {
    std::vector<int> order(std::size_t(scores.numel())), keep;
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = int(i);
    const float* score = scores.data<float>();
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return score[a] > score[b]; });
    for (const int i : order) {
        const float* a = boxes.data<float>() + 4 * i;
        bool stays = true;
        for (const int k : keep) {
            const float* b = boxes.data<float>() + 4 * k;
            const float width = std::max(0.f, std::min(a[2], b[2]) - std::max(a[0], b[0]));
            const float height = std::max(0.f, std::min(a[3], b[3]) - std::max(a[1], b[1]));
            const float area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]);
            if (labels[std::size_t(i)] == labels[std::size_t(k)] && width * height / (area - width * height) > threshold) stays = false;
        }
        if (stays) keep.push_back(i);
    }
    return keep;
}

void check_kept(const Suppressed& got, const Tensor& boxes, const Tensor& scores, const std::vector<int>& keep) {
    REQUIRE(got.scores.size() == keep.size());
    for (std::size_t i = 0; i < keep.size(); ++i) {
        CHECK(got.scores[i] == scores.data<float>()[keep[i]]);
        for (std::size_t j = 0; j < 4; ++j) CHECK(got.boxes[4 * i + j] == boxes.data<float>()[std::size_t(keep[i]) * 4 + j]);
    }
}

}  // namespace

TEST_CASE("nms: keeps what torchvision, mmcv and detectron2 keep, ties and empty boxes included") {
    REGULUS_REQUIRE_OPERATOR("nms");
    const OperatorFile file("nms");
    int checked = 0;
    for (const Json& one : file.cases()) {
        const std::string name = name_of_case(one);
        // Left out: offset 1, score thresholds and soft-NMS, which are no part of ops::Nms; "ties_mmcv" is not stable by its own note.
        if (number(one, "offset", 0) != 0 || one.find("score_threshold") != nullptr || name.find("soft") == 0 || name == "ties_mmcv" || name.find("agnostic") != std::string::npos) continue;
        if (!OperatorFile::has(one, "outputs", "keep")) continue;
        CAPTURE(name);
        const Tensor &boxes = file.input(one, "boxes"), &scores = file.input(one, "scores"), &kept = file.output(one, "keep");
        std::vector<std::int32_t> labels(std::size_t(scores.numel()));
        if (OperatorFile::has(one, "inputs", "labels")) {
            const Tensor& given = file.input(one, "labels");
            std::copy(given.data<std::int32_t>(), given.data<std::int32_t>() + given.numel(), labels.begin());
        }
        std::vector<int> keep(kept.data<std::int32_t>(), kept.data<std::int32_t>() + kept.numel());
        const int limit = int(number(one, "max_num", double(scores.numel())));
        check_kept(suppress(boxes, scores, labels, float(number(one, "iou_threshold", 0.5)), limit > 0 ? limit : int(scores.numel())), boxes, scores, keep);
        ++checked;
    }
    CHECK(checked >= 10);
}

TEST_CASE("nms: the vector of the fact sheet; an IoU of exactly the threshold survives") {
    const Tensor boxes = tensor_of(Shape{4, 4}, {0, 0, 10, 10, 0, 0, 10, 5, 0, 0, 10, 5.0001f, 0, 0, 10, 20});
    const Tensor scores = tensor_of(Shape{4}, {.9f, .8f, .7f, .6f});
    check_kept(suppress(boxes, scores, {0, 0, 0, 0}, .5f, 10), boxes, scores, {0, 1, 3});
}

TEST_CASE("nms: equals the textbook loop for many labels, negative ones included, and for equal scores") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        RandomNumbers numbers(seed);
        const int count = 150 + numbers.below(200);
        const int classes = 1 + numbers.below(700);  // more labels than buckets in some
        Tensor boxes(Shape{count, 4}, DType::f32), scores(Shape{count}, DType::f32);
        std::vector<std::int32_t> labels;
        for (int i = 0; i < count; ++i) {
            const float x = numbers.between(0, 30), y = numbers.between(0, 30);
            const float box[] = {x, y, x + numbers.between(-1, 25), y + numbers.between(-1, 25)};
            std::copy(box, box + 4, boxes.data<float>() + 4 * i);
            scores.data<float>()[i] = float(numbers.below(20)) / 20;
            labels.push_back(numbers.below(classes) * (seed % 2 == 0 ? 1 : -257));
        }
        CAPTURE(seed);
        const std::vector<int> keep = textbook(boxes, scores, labels, .3f);
        check_kept(suppress(boxes, scores, labels, .3f, count), boxes, scores, keep);
        const std::vector<int> few(keep.begin(), keep.begin() + std::ptrdiff_t(std::min<std::size_t>(7, keep.size())));
        check_kept(suppress(boxes, scores, labels, .3f, 7), boxes, scores, few);
    }
}

TEST_CASE("nms: several lists count as one, earlier lists first among equal scores") {
    const float first[] = {0, 0, 1, 1, 5, 5, 6, 6}, second[] = {0, 0, 1, 1, 8, 8, 9, 9};
    const float scores[] = {.5f, .5f};
    const std::int32_t same[] = {0, 0}, other[] = {1, 0};
    ops::Nms op;
    op.limit = 10;
    const Suppressed result = suppress(op, {{first, scores, same, 2}, {second, scores, other, 2}});
    CHECK(result.boxes == std::vector<float>{0, 0, 1, 1, 5, 5, 6, 6, 0, 0, 1, 1, 8, 8, 9, 9});
    CHECK(result.labels == std::vector<std::int32_t>{0, 0, 1, 0});
}

TEST_CASE("nms: min_size drops boxes whose sides are not greater; below 0 it keeps all") {
    const float boxes[] = {0, 0, 0, 5, 10, 10, 11, 11, 20, 20, 18, 25};
    const float scores[] = {.9f, .8f, .7f};
    const std::int32_t labels[] = {0, 0, 0};
    ops::Nms op;
    op.min_size = 0;
    CHECK(suppress(op, {{boxes, scores, labels, 3}}).scores == std::vector<float>{.8f});
    op.min_size = 1;
    CHECK(suppress(op, {{boxes, scores, labels, 3}}).scores.empty());
    op.min_size = -1;
    CHECK(suppress(op, {{boxes, scores, labels, 3}}).scores == std::vector<float>{.9f, .8f, .7f});
}

TEST_CASE("nms: NaN and infinity neither crash nor suppress; a NaN score is dropped") {
    const float boxes[] = {NAN, 0, 1, 1, 0, 0, INFINITY, INFINITY, 0, 0, 1, 1, 0, 0, 1, 1, -INFINITY, 0, INFINITY, 1};
    const float scores[] = {.9f, .8f, .7f, NAN, INFINITY};
    const std::int32_t labels[] = {0, 0, 0, 0, 0};
    ops::Nms op;
    CHECK(suppress(op, {{boxes, scores, labels, 5}}).scores == std::vector<float>{INFINITY, .9f, .8f, .7f});
    CHECK(suppress(op, {{boxes, scores, labels, 0}}).scores.empty());
}
