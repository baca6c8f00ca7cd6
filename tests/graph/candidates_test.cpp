// The box head's candidates with suppression against mmdetection's multiclass_nms; the choice of mask channels.
#include <doctest/doctest.h>

#include <regulus/graph/kernels/candidates.hpp>
#include <regulus/graph/kernels/nms.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

struct Found {
    std::vector<float> boxes, scores;
    std::vector<std::int32_t> labels;
};

Found candidates(const ops::ClassCandidates& op, const Tensor& probabilities, const std::vector<float>& deltas, const std::vector<float>& boxes, const kernels::Picture<float>& picture) {
    const std::size_t rows = std::size_t(probabilities.shape()[0]), most = rows * std::size_t(op.classes);
    Found found{std::vector<float>(most * 4), std::vector<float>(most), std::vector<std::int32_t>(most)};
    const std::size_t count = std::size_t(kernels::class_candidates(op, probabilities.data<float>(), deltas.data(), boxes.data(), std::int64_t(rows), picture, found.boxes.data(), found.scores.data(),
                                                                    found.labels.data()));
    found.boxes.resize(count * 4);
    found.scores.resize(count);
    found.labels.resize(count);
    return found;
}

}  // namespace

TEST_CASE("class_candidates and nms: equal mmdetection's multiclass_nms") {
    REGULUS_REQUIRE_OPERATOR("multiclass_nms");
    const OperatorFile file("multiclass_nms");
    for (const Json& one : file.cases()) {
        const std::string name = name_of_case(one);
        CAPTURE(name);
        const Tensor &boxes = file.input(one, "boxes"), &scores = file.input(one, "scores");
        const int rows = int(scores.shape()[0]), classes = int(scores.shape()[1]) - 1;
        const bool shared = boxes.shape()[1] == 4;
        // The file gives a box for each class. A roi from the origin with sides 1, its deltas and exp are exact only for some boxes,
        // so the candidates are found with the scores and take their boxes from the file.
        ops::ClassCandidates op;
        op.classes = classes;
        op.threshold = float(number(one, "score_thr", 0));
        op.class_agnostic = true;
        op.coder.clip = false;
        std::vector<float> row_numbers(std::size_t(rows) * 4);  // a box whose place tells its row
        for (int row = 0; row < rows; ++row) {
            const float box[] = {float(2 * row), 0, float(2 * row + 2), 2};
            std::copy(box, box + 4, row_numbers.begin() + 4 * row);
        }
        Found found = candidates(op, scores, std::vector<float>(std::size_t(rows) * 4, 0.f), row_numbers, {1, 1, 1, 1});
        std::vector<std::int32_t> pairs;
        for (std::size_t i = 0; i < found.scores.size(); ++i) {
            const int row = int(found.boxes[4 * i]) / 2, label = found.labels[i];
            const float* box = boxes.data<float>() + (shared ? 4 * row : (row * classes + label) * 4);
            std::copy(box, box + 4, found.boxes.begin() + std::ptrdiff_t(4 * i));
            pairs.push_back(row * classes + label);
        }
        ops::Nms nms;
        nms.iou_threshold = float(number(one, "iou_threshold", 0.5));
        const int most = int(number(one, "max_num", -1));
        nms.limit = most > 0 ? most : int(found.scores.size());
        std::vector<std::uint64_t> memory(kernels::NmsScratch<float>::bytes(std::int64_t(found.scores.size()), nms.limit) / 8 + 1);
        Found kept{std::vector<float>(std::size_t(nms.limit) * 4), std::vector<float>(std::size_t(nms.limit)), std::vector<std::int32_t>(std::size_t(nms.limit))};
        const kernels::CandidateList<float> list{found.boxes.data(), found.scores.data(), found.labels.data(), std::int64_t(found.scores.size())};
        const int count = kernels::nms(nms, &list, 1, kernels::NmsScratch<float>(memory.data(), list.count), kept.boxes.data(), kept.scores.data(), kept.labels.data());

        const Tensor &dets = file.output(one, "dets"), &labels = file.output(one, "labels");
        REQUIRE(count == labels.numel());
        for (int i = 0; i < count; ++i) {
            CHECK(kept.labels[std::size_t(i)] == labels.data<std::int32_t>()[i]);
            for (int j = 0; j < 4; ++j) CHECK(kept.boxes[std::size_t(4 * i + j)] == dets.data<float>()[5 * i + j]);
            CHECK(kept.scores[std::size_t(i)] == dets.data<float>()[5 * i + 4]);
        }
    }
}

TEST_CASE("class_candidates: by row, then class; strictly above the threshold; each class has its deltas") {
    ops::ClassCandidates op;
    op.classes = 2;
    op.threshold = .25f;
    op.coder.stds = {.1f, .1f, .2f, .2f};
    op.coder.clip = false;
    const Tensor probabilities = tensor_of(Shape{3, 3}, {.25f, .5f, .25f, .3f, .4f, .3f, NAN, .1f, .9f});
    std::vector<float> deltas(24, 0.f);
    deltas[4] = 1;       // row 0, class 1: dx
    deltas[8 + 1] = -2;  // row 1, class 0: dy
    const std::vector<float> boxes{0, 0, 10, 20, 5, 5, 15, 15, 0, 0, 1, 1};
    const Found found = candidates(op, probabilities, deltas, boxes, {100, 100, 1, 1});
    CHECK(found.labels == std::vector<std::int32_t>{1, 0, 1});
    CHECK(found.scores == std::vector<float>{.5f, .3f, .4f});
    CHECK(found.boxes == std::vector<float>{1, 0, 11, 20, 5, 3, 15, 13, 5, 5, 15, 15});
}

TEST_CASE("class_candidates: clips to the picture, then rescales") {
    ops::ClassCandidates op;
    op.classes = 1;
    op.rescale = true;
    const Found found = candidates(op, tensor_of(Shape{1, 2}, {.9f, .1f}), {0, 0, 0, 0}, {-5, 2, 50, 30}, {20, 40, .5f, 2.f});
    CHECK(found.boxes == std::vector<float>{0, 4, 20, 40});
}

TEST_CASE("select_channel: takes the label's channel; one channel serves every label") {
    const Tensor maps = random_tensor(Shape{2, 3, 2, 2}, 3);
    const std::int32_t labels[] = {2, 0};
    float dst[8];
    kernels::select_channel(ops::SelectChannel{Activation::none}, maps.data<float>(), labels, 2, 3, 4, dst);
    for (int i = 0; i < 4; ++i) {
        CHECK(dst[i] == maps.data<float>()[8 + i]);
        CHECK(dst[4 + i] == maps.data<float>()[12 + i]);
    }
    kernels::select_channel(ops::SelectChannel{}, maps.data<float>(), labels, 2, 1, 4, dst);
    for (int i = 0; i < 8; ++i) CHECK(dst[i] == doctest::Approx(1 / (1 + std::exp(-double(maps.data<float>()[i])))));
}
