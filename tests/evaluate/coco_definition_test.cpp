// evaluate_coco against the definition, written down here once more in the plainest way: pixels are counted one by one, every combination of threshold, area
// and limit is matched by itself, and a curve's precision at a recall is a maximum over all points from there on.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "evaluate/coco_inputs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

double pixels_in_both(const BitMask& a, const BitMask& b) {
    double count = 0;
    for (std::size_t i = 0; i < a.bits.size(); ++i) count += a.bits[i] != 0 && b.bits[i] != 0;
    return count;
}

double box_overlap(const CocoDetection& d, const CocoAnnotation& g) {
    const auto& a = *d.bbox;
    const double w = std::min(a[0] + a[2], g.bbox[0] + g.bbox[2]) - std::max(a[0], g.bbox[0]),
                 h = std::min(a[1] + a[3], g.bbox[1] + g.bbox[3]) - std::max(a[1], g.bbox[1]);
    const double both = std::max(w, 0.0) * std::max(h, 0.0);
    return both / (g.iscrowd ? a[2] * a[3] : a[2] * a[3] + g.bbox[2] * g.bbox[3] - both);
}

/// Masks of the inputs are their boxes: filled here without any code of data/.
BitMask box_mask(const std::array<double, 4>& box) {
    BitMask mask{RandomCoco::height, RandomCoco::width, {}};
    for (std::int64_t y = 0; y < mask.height; ++y) {
        for (std::int64_t x = 0; x < mask.width; ++x) {
            mask.bits.push_back(double(x) >= box[0] && double(x) < box[0] + box[2] && double(y) >= box[1] && double(y) < box[1] + box[3]);
        }
    }
    return mask;
}

double mask_overlap(const CocoDetection& d, const CocoAnnotation& g) {
    const BitMask a = box_mask(*d.bbox), b = box_mask(g.bbox);
    const double both = pixels_in_both(a, b), in_a = pixels_in_both(a, a);
    return both / (g.iscrowd ? in_a : in_a + pixels_in_both(b, b) - both);
}

double similarity(const CocoDetection& d, const CocoAnnotation& g) {
    const double sigmas[] = {.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089};
    double sum = 0, labelled = 0, far = 0;
    for (std::size_t k = 0; k < 17; ++k) {
        const double x = d.keypoints[3 * k], y = d.keypoints[3 * k + 1];
        const double scale = 2 * g.area * std::pow(2 * sigmas[k], 2);
        if (g.keypoints[3 * k + 2] > 0) {
            labelled += 1;
            sum += std::exp(-(std::pow(x - g.keypoints[3 * k], 2) + std::pow(y - g.keypoints[3 * k + 1], 2)) / std::max(scale, 1e-300));
        }
        const double left = g.bbox[0] - g.bbox[2], right = g.bbox[0] + 2 * g.bbox[2], top = g.bbox[1] - g.bbox[3], bottom = g.bbox[1] + 2 * g.bbox[3];
        const double dx = x < left ? left - x : x > right ? x - right : 0, dy = y < top ? top - y : y > bottom ? y - bottom : 0;
        far += std::exp(-(dx * dx + dy * dy) / std::max(scale, 1e-300));
    }
    return labelled > 0 ? sum / labelled : far / 17;
}

struct Judged {
    double score;
    bool right;
    bool ignored;
};

struct Curve {
    std::vector<double> precision, scores;
    double recall = -1;
};

using Overlap = double (*)(const CocoDetection&, const CocoAnnotation&);

/// All of one category (-1: all categories as one), threshold, range of areas and limit.
Curve curve_of(const RandomCoco& input, CocoKind kind, Overlap overlap, std::int64_t category, double threshold, const CocoAreaRange& range,
               std::size_t limit) {
    const auto outside = [&](double area) { return area < range.low || area > range.high; };
    std::vector<std::int64_t> pictures, categories;
    for (const auto& image : input.dataset.images) pictures.push_back(image.id);
    for (const auto& each : input.dataset.categories) categories.push_back(each.id);
    std::sort(pictures.begin(), pictures.end());
    std::sort(categories.begin(), categories.end());
    if (category >= 0) categories = {category};

    std::vector<Judged> judged;
    int to_find = 0;
    bool anything = false;
    for (const std::int64_t picture : pictures) {
        std::vector<const CocoAnnotation*> objects;
        std::vector<const CocoDetection*> detections;
        for (const std::int64_t each : categories) {
            for (const auto& a : input.dataset.annotations) {
                if (a.image_id == picture && a.category_id == each) objects.push_back(&a);
            }
            for (const auto& d : input.results) {
                if (d.image_id == picture && d.category_id == each) detections.push_back(&d);
            }
        }
        anything = anything || !objects.empty() || !detections.empty();
        std::stable_sort(detections.begin(), detections.end(), [](auto* a, auto* b) { return a->score > b->score; });
        if (detections.size() > limit) detections.resize(limit);
        const auto ignored = [&](const CocoAnnotation& a) { return a.iscrowd || outside(a.area) || (kind == CocoKind::keypoints && a.num_keypoints == 0); };
        for (const auto* object : objects) to_find += !ignored(*object);

        std::vector<bool> taken(objects.size());
        for (const auto* detection : detections) {
            std::size_t match = objects.size();
            for (const bool look_at_ignored : {false, true}) {
                double best = std::min(threshold, 1 - 1e-10);
                for (std::size_t g = 0; g < objects.size() && (!look_at_ignored || match == objects.size() || ignored(*objects[match])); ++g) {
                    if (ignored(*objects[g]) != look_at_ignored || (taken[g] && !objects[g]->iscrowd)) continue;
                    const double now = overlap(*detection, *objects[g]);
                    if (now < best) continue;
                    best = now;
                    match = g;
                }
            }
            const bool matched = match != objects.size();
            if (matched) taken[match] = true;
            const bool right = matched && objects[match]->id != 0;
            const bool ignore = (matched && ignored(*objects[match])) || (!right && outside((*detection->bbox)[2] * (*detection->bbox)[3]));
            judged.push_back({detection->score, right, ignore});
        }
    }
    Curve curve;
    curve.precision.assign(101, -1);
    curve.scores.assign(101, -1);
    if (!anything || to_find == 0) return curve;
    std::stable_sort(judged.begin(), judged.end(), [](const Judged& a, const Judged& b) { return a.score > b.score; });
    std::vector<double> precision, recall;
    double right = 0, wrong = 0;
    for (const Judged& each : judged) {
        if (!each.ignored) (each.right ? right : wrong) += 1;
        precision.push_back(right + wrong == 0 ? 0 : right / (right + wrong));
        recall.push_back(right / to_find);
    }
    curve.recall = right / to_find;
    for (int r = 0; r <= 100; ++r) {
        std::size_t first = 0;
        while (first < recall.size() && recall[first] < r * 0.01) ++first;
        curve.precision[std::size_t(r)] = first == recall.size() ? 0 : *std::max_element(precision.begin() + std::ptrdiff_t(first), precision.end());
        curve.scores[std::size_t(r)] = first == recall.size() ? 0 : judged[first].score;
    }
    return curve;
}

/// The greatest difference of any number of the arrays; 1e300 when one says -1 and the other does not.
double greatest_difference(const RandomCoco& input, CocoKind kind, Overlap overlap, const CocoEvaluation& evaluation) {
    double greatest = 0;
    const auto compare = [&](double expected, double got) {
        greatest = std::max(greatest, (expected == -1) != (got == -1) ? 1e300 : std::fabs(expected - got));
    };
    const CocoSettings& s = evaluation.settings;
    for (std::size_t t = 0; t < s.iou_thresholds.size(); ++t) {
        for (std::size_t k = 0; k < evaluation.category_ids.size(); ++k) {
            for (std::size_t a = 0; a < s.areas.size(); ++a) {
                for (std::size_t m = 0; m < s.max_dets.size(); ++m) {
                    const Curve curve = curve_of(input, kind, overlap, evaluation.category_ids[k], s.iou_thresholds[t], s.areas[a], std::size_t(s.max_dets[m]));
                    compare(curve.recall, evaluation.recall_at(t, k, a, m));
                    for (std::size_t r = 0; r < s.recalls.size(); ++r) {
                        const std::size_t at = (((t * s.recalls.size() + r) * evaluation.category_ids.size() + k) * s.areas.size() + a) * s.max_dets.size() + m;
                        compare(curve.precision[r], evaluation.precision_at(t, r, k, a, m));
                        compare(curve.precision[r], evaluation.precision[at]);
                        compare(curve.scores[r], evaluation.scores[at]);
                    }
                }
            }
        }
    }
    return greatest;
}

}  // namespace

// 1e-9: sums of a few hundred doubles and 2.2e-16 in a denominator; overlaps of boxes and masks are exact on both sides.
TEST_CASE("evaluate_coco: boxes equal the definition on random data with ties, crowds, odd areas and annotation id 0") {
    double greatest = 0;
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        const RandomCoco input(seed);
        CocoSettings settings;
        settings.use_categories = seed % 4 != 0;
        if (seed % 3 == 0) settings.max_dets = {3, 1, 7};
        if (seed % 3 == 1) settings.max_dets = {100, 300, 1000};
        greatest = std::max(greatest,
                            greatest_difference(input, CocoKind::boxes, box_overlap, evaluate_coco(input.dataset, input.results, CocoKind::boxes, settings)));
    }
    CHECK(greatest <= 1e-9);
}

TEST_CASE("evaluate_coco: masks equal the definition, pixel by pixel, on random data") {
    double greatest = 0;
    for (std::uint32_t seed = 100; seed < 104; ++seed) {
        const RandomCoco input(seed);
        CocoSettings settings;
        settings.iou_thresholds = {0.5, 0.75};
        settings.max_dets = {1, 100};
        greatest = std::max(greatest,
                            greatest_difference(input, CocoKind::masks, mask_overlap, evaluate_coco(input.dataset, input.results, CocoKind::masks, settings)));
    }
    CHECK(greatest <= 1e-9);
}

TEST_CASE("evaluate_coco: keypoints equal the definition on random data, with objects without labels") {
    double greatest = 0;
    for (std::uint32_t seed = 200; seed < 240; ++seed) {
        const RandomCoco input(seed);
        greatest =
            std::max(greatest, greatest_difference(input, CocoKind::keypoints, similarity, evaluate_coco(input.dataset, input.results, CocoKind::keypoints)));
    }
    CHECK(greatest <= 1e-9);
}

TEST_CASE("evaluate_coco: the 12 numbers are means over what is not -1") {
    for (std::uint32_t seed = 300; seed < 320; ++seed) {
        const RandomCoco input(seed);
        const CocoEvaluation e = evaluate_coco(input.dataset, input.results, CocoKind::boxes);
        const auto mean = [&](bool ap, std::ptrdiff_t threshold, std::size_t area, std::size_t max_det) {
            double sum = 0, count = 0;
            for (std::size_t t = 0; t < 10; ++t) {
                for (std::size_t k = 0; k < e.category_ids.size() && (threshold < 0 || std::size_t(threshold) == t); ++k) {
                    for (std::size_t r = 0; r < (ap ? 101u : 1u); ++r) {
                        const double value = ap ? e.precision_at(t, r, k, area, max_det) : e.recall_at(t, k, area, max_det);
                        sum += value == -1 ? 0 : value;
                        count += value != -1;
                    }
                }
            }
            return count == 0 ? -1 : sum / count;
        };
        const double expected[] = {mean(true, -1, 0, 2),  mean(true, 0, 0, 2),   mean(true, 5, 0, 2),   mean(true, -1, 1, 2),
                                   mean(true, -1, 2, 2),  mean(true, -1, 3, 2),  mean(false, -1, 0, 0), mean(false, -1, 0, 1),
                                   mean(false, -1, 0, 2), mean(false, -1, 1, 2), mean(false, -1, 2, 2), mean(false, -1, 3, 2)};
        REQUIRE(e.numbers.size() == 12);
        for (std::size_t i = 0; i < 12; ++i) CHECK(e.numbers[i].value == doctest::Approx(expected[i]).epsilon(1e-12));
        const char* const names[] = {"AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"};
        for (std::size_t i = 0; i < 12; ++i) CHECK(e.numbers[i].name == names[i]);
    }
}

TEST_CASE("evaluate_coco: any number of threads gives the same digits") {
    const RandomCoco input(7);
    for (const CocoKind kind : {CocoKind::boxes, CocoKind::masks, CocoKind::keypoints}) {
        CocoSettings one, many;
        one.threads = 1;
        many.threads = 3;
        const CocoEvaluation a = evaluate_coco(input.dataset, input.results, kind, one), b = evaluate_coco(input.dataset, input.results, kind, many);
        CHECK(a.precision == b.precision);
        CHECK(a.recall == b.recall);
        CHECK(a.scores == b.scores);
    }
}
