// Top-k against sorting everything, and decoding of anchors against the peers' grids.
#include <doctest/doctest.h>

#include <regulus/graph/kernels/proposals.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

template <class T>
struct Best {
    std::vector<T> scores;
    std::vector<std::int32_t> index;
};

template <class T>
Best<T> top(const ops::TopK& op, const std::vector<T>& logits, int channels, int height, int width) {
    const std::size_t capacity = kernels::top_k_scratch(std::int64_t(logits.size()), op.limit);
    std::vector<kernels::Scored<T>> pool(capacity);
    Best<T> best;
    best.scores.resize(std::size_t(op.limit));
    best.index.resize(std::size_t(op.limit));
    const std::size_t count = std::size_t(kernels::top_k(op, logits.data(), channels, height, width, pool.data(), best.scores.data(), best.index.data()));
    best.scores.resize(count);
    best.index.resize(count);
    return best;
}

/// By sorting all sigmoids.
template <class T>
Best<T> sorted_top(const ops::TopK& op, const std::vector<T>& logits, int channels, int height, int width) {
    std::vector<std::pair<T, std::int32_t>> all;
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < channels; ++c) {
                const T score = T(1) / (T(1) + std::exp(-logits[std::size_t((c * height + y) * width + x)]));
                if (score > T(op.threshold)) all.emplace_back(-score, (y * width + x) * channels + c);
            }
        }
    }
    std::sort(all.begin(), all.end());
    Best<T> best;
    for (std::size_t i = 0; i < all.size() && i < std::size_t(op.limit); ++i) {
        best.scores.push_back(-all[i].first);
        best.index.push_back(all[i].second);
    }
    return best;
}

template <class T>
void check_against_sorting(std::uint64_t seed, double spread, int limit, float threshold) {
    RandomNumbers numbers(seed);
    const int channels = 1 + numbers.below(9), height = 1 + numbers.below(90), width = 1 + numbers.below(90);
    std::vector<T> logits(std::size_t(channels * height * width));
    // Halves of small integers, so that many scores are equal; large spreads saturate the sigmoid at both ends.
    for (T& logit : logits) logit = T(std::floor(numbers.between(-1, 1) * spread * 2) / 2);
    const ops::TopK op{limit, threshold};
    CAPTURE(seed);
    const Best<T> got = top(op, logits, channels, height, width), expected = sorted_top(op, logits, channels, height, width);
    CHECK(got.index == expected.index);
    CHECK(got.scores == expected.scores);
}

}  // namespace

TEST_CASE("top_k: equals sorting everything, ties and saturated scores included") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        const int limits[] = {1, 7, 100, 1000, 100000};
        const float thresholds[] = {-INFINITY, 0.f, 0.05f, 0.5f, 0.999f, 1.f};
        const double spread = seed % 3 == 0 ? 120 : (seed % 3 == 1 ? 20 : 4);
        check_against_sorting<float>(seed, spread, limits[seed % 5], thresholds[seed % 6]);
        check_against_sorting<double>(seed + 100, spread, limits[seed % 5], thresholds[seed % 6]);
    }
}

TEST_CASE("top_k: a rising map fills and cuts the pool again and again") {
    std::vector<float> logits(60000);
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = float(i) * 1e-4f - 3;
    const ops::TopK op{10};
    const Best<float> best = top(op, logits, 1, 200, 300);
    CHECK(best.index == sorted_top(op, logits, 1, 200, 300).index);
    CHECK(best.index.front() >= 59990);
}

TEST_CASE("top_k: NaN never passes, infinities do") {
    const std::vector<float> logits{NAN, 1, INFINITY, -INFINITY, NAN, 2};
    CHECK(top(ops::TopK{6}, logits, 1, 2, 3).index == std::vector<std::int32_t>{2, 5, 1, 3});
    CHECK(top(ops::TopK{6, 0.f}, logits, 1, 2, 3).index == std::vector<std::int32_t>{2, 5, 1});
    CHECK(top(ops::TopK{3}, std::vector<float>(3, NAN), 3, 1, 1).index.empty());
}

TEST_CASE("decode_anchors: zero deltas give the grids of the peers, in their order") {
    REGULUS_REQUIRE_OPERATOR("anchors");
    const OperatorFile file("anchors");
    int checked = 0;
    for (const Json& one : file.cases()) {
        if (one.find("strides") == nullptr || one.find("feature_sizes") == nullptr) continue;
        const Json::Array& strides = *one.find("strides")->array();
        for (std::size_t level = 0; level < strides.size(); ++level) {
            const std::string suffix = "." + std::to_string(level);
            if (!OperatorFile::has(one, "outputs", "base" + suffix) || !OperatorFile::has(one, "outputs", "first" + suffix)) continue;
            INFO(name_of_case(one), suffix);
            const Tensor& base = file.output(one, "base" + suffix);
            const Json::Array& size = *(*one.find("feature_sizes")->array())[level].array();
            const int height = int(number(size[0])), width = int(number(size[1]));
            ops::DecodeAnchors op;
            op.stride = int(number(strides[level]));
            op.coder.clip = false;
            for (std::int64_t a = 0; a < base.shape()[0]; ++a) {
                const float* row = base.data<float>() + 4 * a;
                const float offset = float(number(one, "offset", 0)) * float(op.stride);  // part of a cell by which centres are moved
                op.anchors.push_back({row[0] + offset, row[1] + offset, row[2] + offset, row[3] + offset});
            }
            const int total = height * width * int(op.anchors.size());
            const std::size_t deltas_of_all = 4 * std::size_t(total);
            std::vector<std::int32_t> index(deltas_of_all / 4), labels(index.size());
            for (int i = 0; i < total; ++i) index[std::size_t(i)] = i;
            const std::vector<float> deltas(deltas_of_all, 0.f);
            Tensor boxes(Shape{total, 4}, DType::f32);
            kernels::decode_anchors(op, deltas.data(), height * width, 1, width, index.data(), total, kernels::Picture<float>{1, 1, 1, 1}, boxes.data<float>(), labels.data());
            for (const char* end : {"first", "last"}) {
                if (!OperatorFile::has(one, "outputs", end + suffix)) continue;
                const Tensor& rows = file.output(one, end + suffix);
                const std::int64_t offset = end[0] == 'f' ? 0 : boxes.numel() - rows.numel();
                Tensor part(rows.shape(), DType::f32);
                std::copy(boxes.data<float>() + offset, boxes.data<float>() + offset + rows.numel(), part.data<float>());
                CHECK(relative_error(part, rows) < 1e-5);
                ++checked;
            }
        }
    }
    CHECK(checked >= 10);
}

TEST_CASE("decode_anchors: the class is the index modulo the classes, deltas are those of cell and anchor, in either layout") {
    constexpr int height = 3, width = 4, anchors = 2, classes = 5;
    ops::DecodeAnchors op;
    op.anchors = {{-4, -4, 4, 4}, {-8, -2, 8, 2}};
    op.stride = 16;
    op.classes = classes;
    op.label_offset = 10;
    op.coder.clip = false;
    const Tensor nchw = random_tensor(Shape{4 * anchors, height, width}, 5);
    std::vector<float> nhwc(std::size_t(nchw.numel()));
    for (int c = 0; c < 4 * anchors; ++c) {
        for (int cell = 0; cell < height * width; ++cell) nhwc[std::size_t(cell * 4 * anchors + c)] = nchw.data<float>()[c * height * width + cell];
    }
    const int y = 2, x = 1, anchor = 1, label = 3;
    const std::int32_t index = ((y * width + x) * anchors + anchor) * classes + label;
    float box[4], other[4];
    std::int32_t found = 0;
    const kernels::Picture<float> picture{1, 1, 1, 1};
    kernels::decode_anchors(op, nchw.data<float>(), height * width, 1, width, &index, 1, picture, box, &found);
    kernels::decode_anchors(op, nhwc.data(), 1, 4 * anchors, width, &index, 1, picture, other, &found);
    CHECK(found == 10 + label);
    const float* delta = nchw.data<float>() + 4 * anchor * height * width + y * width + x;
    CHECK(box[0] == doctest::Approx(x * 16 + 16 * delta[0] - 8 * std::exp(delta[2 * height * width])));
    CHECK(box[3] == doctest::Approx(y * 16 + 4 * delta[height * width] + 2 * std::exp(delta[3 * height * width])));
    for (int i = 0; i < 4; ++i) CHECK(box[i] == other[i]);
}
