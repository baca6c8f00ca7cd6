#pragma once
// One picture and category: how much each detection overlaps each object, and which object it is given. Used by coco_evaluation-impl.hpp.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include <regulus/data/rle.hpp>
#include <regulus/evaluate/coco_dataset.hpp>

namespace regulus::evaluate_detail {

using Box = std::array<double, 4>;  // x, y, width, height

inline double box_intersection(const Box& a, const Box& b) {
    const double width = std::min(a[2] + a[0], b[2] + b[0]) - std::max(a[0], b[0]);
    if (!(width > 0)) return 0;
    const double height = std::min(a[3] + a[1], b[3] + b[1]) - std::max(a[1], b[1]);
    return height > 0 ? width * height : 0;
}

inline double box_overlap(const Box& detection, const Box& truth, bool crowd) {
    const double common = box_intersection(detection, truth);
    if (common == 0) return 0;
    const double area = detection[2] * detection[3];
    return common / (crowd ? area : area + truth[2] * truth[3] - common);
}

/// A mask with what many comparisons need of it. `rle` must be valid.
struct MeasuredMask {
    const Rle* rle = nullptr;
    Box box = {};
    std::int64_t area = 0;

    explicit MeasuredMask(const Rle& mask) : rle(&mask), box(rle_box(mask)), area(rle_area(mask)) {}
};

/// Pixels that are on in both: rle_intersection without its checks, which would be as dear as the walk itself. Both must be valid and of one size.
inline std::int64_t common_pixels(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
    std::int64_t common = 0, begin_a = 0, begin_b = 0;  // where run i of a and run j of b begin
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        const std::int64_t end_a = begin_a + a[i], end_b = begin_b + b[j];
        if (i % 2 == 1 && j % 2 == 1) common += std::max(std::int64_t{0}, std::min(end_a, end_b) - std::max(begin_a, begin_b));
        if (end_a <= end_b) {
            begin_a = end_a;
            ++i;
        } else {
            begin_b = end_b;
            ++j;
        }
    }
    return common;
}

inline double mask_overlap(const MeasuredMask& detection, const MeasuredMask& truth, bool crowd) {
    if (box_intersection(detection.box, truth.box) == 0) return 0;
    const std::int64_t common = common_pixels(detection.rle->counts, truth.rle->counts);
    if (common == 0) return 0;
    return double(common) / double(crowd ? detection.area : detection.area + truth.area - common);
}

/// The box round all keypoints, labelled or not, as pycocotools takes it for results without box.
inline Box keypoint_box(const std::vector<double>& keypoints) {
    double x0 = keypoints[0], x1 = x0, y0 = keypoints[1], y1 = y0;
    for (std::size_t i = 3; i + 1 < keypoints.size(); i += 3) {
        x0 = std::min(x0, keypoints[i]);
        x1 = std::max(x1, keypoints[i]);
        y0 = std::min(y0, keypoints[i + 1]);
        y1 = std::max(y1, keypoints[i + 1]);
    }
    return {x0, y0, x1 - x0, y1 - y0};
}

/// Object keypoint similarity: the mean over labelled keypoints of exp(-d^2 / (2 area (2 sigma)^2)). An object without labelled keypoints is compared by how
/// far keypoints lie outside its box, enlarged by its own size on each side.
inline double keypoint_similarity(const std::vector<double>& detection, const CocoAnnotation& truth, const std::vector<double>& sigmas) {
    constexpr double epsilon = 0x1p-52;
    const bool labelled = [&] {
        for (std::size_t i = 2; i < truth.keypoints.size(); i += 3) {
            if (truth.keypoints[i] > 0) return true;
        }
        return false;
    }();
    const Box& box = truth.bbox;
    const double x0 = box[0] - box[2], x1 = box[0] + box[2] * 2, y0 = box[1] - box[3], y1 = box[1] + box[3] * 2;
    double sum = 0;
    int count = 0;
    for (std::size_t k = 0; k < sigmas.size(); ++k) {
        const double x = detection[3 * k], y = detection[3 * k + 1];
        double dx = 0, dy = 0;
        if (labelled) {
            if (!(truth.keypoints[3 * k + 2] > 0)) continue;
            dx = x - truth.keypoints[3 * k];
            dy = y - truth.keypoints[3 * k + 1];
        } else {
            dx = std::max(0.0, x0 - x) + std::max(0.0, x - x1);
            dy = std::max(0.0, y0 - y) + std::max(0.0, y - y1);
        }
        const double doubled = sigmas[k] * 2;
        sum += std::exp(-((dx * dx + dy * dy) / (doubled * doubled) / (truth.area + epsilon) / 2));
        ++count;
    }
    return sum / count;
}

/// An object as matching sees it.
struct MatchTruth {
    std::int64_t id = 0;
    double area = 0;
    bool crowd = false;
    bool ignored = false;  ///< whatever its area: crowds, and persons without keypoints
};

/// What became of one detection; bit t is for threshold t.
struct MatchOutcome {
    std::uint64_t found = 0;
    std::uint64_t ignored = 0;
};

/// Gives detections, best first, to objects. overlaps[d * truths.size() + g]; one outcome for each detection. Returns how many objects there are to find.
/// At each threshold a detection takes the free object that it overlaps most, of equals the last; crowds stay free. Objects that are ignored come last, and
/// are not looked at once an object that counts has been found. With `unmatched_ignored` a detection without an object counts for nothing.
class Matcher {
public:
    std::int64_t match(const std::vector<double>& overlaps, const std::vector<MatchTruth>& truths, const std::vector<double>& areas, double least_area,
                       double greatest_area, const std::vector<double>& thresholds, MatchOutcome* outcomes, bool unmatched_ignored = false) {
        const std::size_t count = truths.size();
        const auto outside = [&](double area) { return area < least_area || area > greatest_area; };
        ignored_.resize(count);
        order_.resize(count);
        for (std::size_t g = 0; g < count; ++g) ignored_[g] = truths[g].ignored || outside(truths[g].area);
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        const auto to_find = std::stable_partition(order_.begin(), order_.end(), [&](std::size_t g) { return ignored_[g] == 0; }) - order_.begin();

        std::fill(outcomes, outcomes + areas.size(), MatchOutcome{});
        for (std::size_t t = 0; t < thresholds.size(); ++t) {
            const std::uint64_t bit = std::uint64_t{1} << t;
            taken_.assign(count, 0);
            for (std::size_t d = 0; d < areas.size(); ++d) {
                const std::size_t none = count;
                double best = std::min(thresholds[t], 1 - 1e-10);
                std::size_t match = none;
                for (const std::size_t g : order_) {
                    if (taken_[g] != 0 && !truths[g].crowd) continue;
                    if (match != none && ignored_[match] == 0 && ignored_[g] != 0) break;
                    const double overlap = overlaps[d * count + g];
                    if (overlap < best) continue;
                    best = overlap;
                    match = g;
                }
                bool found = false;
                if (match != none) {
                    taken_[match] = 1;
                    found = truths[match].id != 0;
                    if (ignored_[match] != 0) outcomes[d].ignored |= bit;
                }
                if (found) outcomes[d].found |= bit;
                else if (unmatched_ignored || outside(areas[d])) outcomes[d].ignored |= bit;
            }
        }
        return to_find;
    }

private:
    std::vector<std::uint8_t> ignored_;
    std::vector<std::uint8_t> taken_;
    std::vector<std::size_t> order_;
};

}  // namespace regulus::evaluate_detail
