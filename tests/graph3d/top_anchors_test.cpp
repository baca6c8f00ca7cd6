// The best anchors against sorting all of them, in both layouts.
#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/graph/kernels/top_anchors.hpp>

using namespace regulus;

namespace {

struct Found {
    std::vector<float> scores;
    std::vector<std::int32_t> index;
    bool operator==(const Found&) const = default;
};

/// `logits` [cells, anchors * classes].
Found by_sorting(const ops::TopK& op, const std::vector<float>& logits) {
    std::vector<kernels::Scored<float>> anchors;
    for (std::size_t first = 0; first < logits.size(); first += std::size_t(op.classes)) {
        float best = -std::numeric_limits<float>::infinity();
        for (int c = 0; c < op.classes; ++c) best = std::fmax(best, logits[first + std::size_t(c)]);  // a NaN is passed over
        anchors.push_back({kernels::sigmoid(best), std::int32_t(anchors.size())});
    }
    if (anchors.size() > std::size_t(op.limit)) {
        std::stable_sort(anchors.begin(), anchors.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
        anchors.resize(std::size_t(op.limit));
    }
    Found found;
    for (const auto& anchor : anchors) {
        for (int c = 0; c < op.classes; ++c) {
            const std::int32_t at = anchor.index * op.classes + c;
            const float score = kernels::sigmoid(logits[std::size_t(at)]);
            if (!(score > op.threshold)) continue;
            found.scores.push_back(score);
            found.index.push_back(at);
        }
    }
    return found;
}

Found by_kernel(const ops::TopK& op, const std::vector<float>& logits, std::int64_t anchors_of_cell, bool nhwc) {
    const std::int64_t channels = anchors_of_cell * op.classes, cells = std::int64_t(logits.size()) / channels, anchors = anchors_of_cell * cells;
    std::vector<float> map = logits;
    for (std::int64_t i = 0; !nhwc && i < std::int64_t(map.size()); ++i) map[std::size_t(i % channels * cells + i / channels)] = logits[std::size_t(i)];
    std::vector<kernels::Scored<float>> pool(kernels::top_anchors_scratch(anchors, op.limit));
    Found found;
    found.scores.resize(std::size_t(std::min<std::int64_t>(op.limit, anchors) * op.classes));
    found.index.resize(found.scores.size());
    const std::size_t count =
        std::size_t(kernels::top_anchors(op, map.data(), channels, cells, nhwc ? 1 : cells, nhwc ? channels : 1, pool.data(), found.scores.data(), found.index.data()));
    found.scores.resize(count);
    found.index.resize(count);
    return found;
}

}  // namespace

TEST_CASE("top_anchors: what sorting all anchors gives, for both layouts, cuts, ties, NaN") {
    std::uint32_t state = 1;
    const auto random = [&] {
        state = state * 1664525u + 1013904223u;
        return float(state >> 8) / float(1 << 24);
    };
    struct Map {
        int classes, anchors_of_cell, cells;
    };
    for (const Map& map : {Map{10, 14, 900}, Map{3, 2, 1000}, Map{9, 1, 7}, Map{80, 9, 50}, Map{2, 1, 40000}}) {
        for (const int kind : {0, 1, 2, 3}) {  // spread, ties, rising along the map (each new anchor passes the bar), with NaN and infinities
            std::vector<float> logits(std::size_t(map.classes * map.anchors_of_cell * map.cells));
            for (std::size_t i = 0; i < logits.size(); ++i) {
                logits[i] = -8 + 10 * random();
                if (kind == 1) logits[i] = std::floor(logits[i]) + (random() > 0.99f ? 30.f : 0.f);  // sigmoid is 1 for all of these
                if (kind == 2) logits[i] = -8 + 10 * float(i) / float(logits.size()) + 0.1f * random();
                if (kind == 3 && random() > 0.9f) logits[i] = random() > 0.5f ? NAN : (random() > 0.5f ? 1.f : -1.f) * std::numeric_limits<float>::infinity();
            }
            if (kind == 3) std::fill_n(logits.begin(), std::min<std::size_t>(logits.size(), 200), NAN);  // whole anchors
            for (const int limit : {1, 60, 1000, 1 << 20}) {
                for (const float threshold : {-std::numeric_limits<float>::infinity(), 0.05f, 0.8f}) {
                    CAPTURE(map.classes);
                    CAPTURE(kind);
                    CAPTURE(limit);
                    CAPTURE(threshold);
                    const ops::TopK op{limit, threshold, map.classes};
                    const Found expected = by_sorting(op, logits);
                    CHECK(by_kernel(op, logits, map.anchors_of_cell, true) == expected);
                    CHECK(by_kernel(op, logits, map.anchors_of_cell, false) == expected);
                }
            }
        }
    }
}
