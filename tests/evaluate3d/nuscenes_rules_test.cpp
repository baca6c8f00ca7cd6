// evaluate_nuscenes against a plain second implementation of its definition, its filters, ties, errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <regulus/evaluate/nuscenes_evaluation.hpp>

#include "evaluate3d/random_boxes.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

constexpr double pi = 3.14159265358979323846;

double yaw_of(const NuScenesBox& box) { return 2 * std::atan2(box.rotation[3], box.rotation[0]); }  // upright boxes

bool judged(const NuScenesBox& box, const NuScenesTruth& sample) {
    const double ranges[] = {50, 50, 50, 50, 50, 40, 40, 40, 30, 30};
    if (std::hypot(box.translation[0] - sample.ego[0], box.translation[1] - sample.ego[1]) >= ranges[box.label]) return false;
    if (box.points == 0) return false;
    if (box.label != 6 && box.label != 7) return true;
    for (const NuScenesBox& rack : sample.bicycle_racks) {
        const double x = box.translation[0] - rack.translation[0], y = box.translation[1] - rack.translation[1], a = -yaw_of(rack);
        const double along = x * std::cos(a) - y * std::sin(a), across = x * std::sin(a) + y * std::cos(a);
        if (std::fabs(along) <= rack.size[1] / 2 && std::fabs(across) <= rack.size[0] / 2 && std::fabs(box.translation[2] - rack.translation[2]) <= rack.size[2] / 2) return false;
    }
    return true;
}

/// Piecewise linear through points whose x ascend, looked up from the end; `beyond` right of the last.
double plain_interpolation(const std::vector<std::pair<double, double>>& points, double x, double beyond) {
    if (x > points.back().first) return beyond;
    for (std::size_t i = points.size(); i-- > 0;) {
        if (points[i].first > x) continue;
        if (i + 1 == points.size() || points[i].first == x) return points[i].second;
        // Written so that between equal values it is exact: confidences that meet a score exactly decide which mean is read.
        return (points[i + 1].second - points[i].second) / (points[i + 1].first - points[i].first) * (x - points[i].first) + points[i].second;
    }
    return points.front().second;
}

struct Numbers {
    double ap = 0;
    double errors[5] = {1, 1, 1, 1, 1};
};

Numbers plain_numbers(const std::vector<NuScenesTruth>& truth, const std::vector<NuScenesResult>& results, int label, double distance) {
    struct Found {
        double score;
        int place;
        std::size_t sample;
        const NuScenesBox* box;
    };
    std::vector<Found> found;
    std::map<const NuScenesBox*, bool> taken;
    int objects = 0;
    for (std::size_t s = 0; s < truth.size(); ++s) {
        for (const NuScenesBox& box : truth[s].boxes) objects += box.label == label && judged(box, truth[s]);
        for (const NuScenesBox& box : results[s].boxes) {
            if (box.label == label && judged(box, truth[s])) found.push_back({box.score, int(found.size()), s, &box});
        }
    }
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return std::pair(a.score, a.place) > std::pair(b.score, b.place); });
    std::vector<std::pair<double, double>> precision, confidence;
    std::vector<std::pair<double, std::vector<double>>> matches;  // score, errors
    int hits = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const NuScenesBox& box = *found[i].box;
        const NuScenesBox* best = nullptr;
        double nearest = distance;
        for (const NuScenesBox& object : truth[found[i].sample].boxes) {
            if (object.label != label || !judged(object, truth[found[i].sample]) || taken[&object]) continue;
            const double d = std::hypot(object.translation[0] - box.translation[0], object.translation[1] - box.translation[1]);
            if (d < nearest) nearest = d, best = &object;
        }
        if (best != nullptr) {
            taken[best] = true;
            ++hits;
            double common = 1, a = 1, b = 1;
            for (int k = 0; k < 3; ++k) common *= std::min(best->size[std::size_t(k)], box.size[std::size_t(k)]), a *= best->size[std::size_t(k)], b *= box.size[std::size_t(k)];
            const double turn = label == 9 ? pi : 2 * pi;
            const double difference = std::fabs(std::remainder(yaw_of(*best) - yaw_of(box), turn));
            matches.push_back({box.score, {nearest, 1 - common / (a + b - common), difference, std::hypot(best->velocity[0] - box.velocity[0], best->velocity[1] - box.velocity[1]),
                                           best->attribute < 0 ? std::nan("") : double(best->attribute != box.attribute)}});
        }
        precision.push_back({double(hits) / objects, double(hits) / double(i + 1)});
        confidence.push_back({double(hits) / objects, box.score});
    }
    Numbers numbers;
    if (hits == 0) return numbers;
    int last = 0;
    std::vector<double> scores;
    for (int r = 0; r <= 100; ++r) {
        const double recall = r == 100 ? 1.0 : r * 0.01;
        if (r >= 11) numbers.ap += std::max(0.0, plain_interpolation(precision, recall, 0) - 0.1) / 90 / 0.9;
        scores.push_back(plain_interpolation(confidence, recall, 0));
        if (scores.back() > 0) last = r;
    }
    if (last < 11) return numbers;
    for (int e = 0; e < 5; ++e) {
        std::vector<std::pair<double, double>> means;
        double sum = 0;
        int count = 0;
        for (const auto& [score, errors] : matches) {
            if (!std::isnan(errors[std::size_t(e)])) sum += errors[std::size_t(e)], ++count;
            means.insert(means.begin(), {score, count == 0 ? 0 : sum / count});
        }
        if (count == 0) continue;  // stays 1
        numbers.errors[e] = 0;
        for (int r = 11; r <= last; ++r) numbers.errors[e] += plain_interpolation(means, scores[std::size_t(r)], means.back().second) / (last - 10);
    }
    return numbers;
}

NuScenesBox box_at(double x, double y, int label, double score = 0.5) {
    NuScenesBox box;
    box.translation = {x, y, 0};
    box.size = {2, 4, 2};
    box.velocity = {0, 0};
    box.label = label;
    box.score = score;
    return box;
}

}  // namespace

TEST_CASE("evaluate_nuscenes: equals a plain implementation on random scenes with equal scores, racks, empty boxes, unknown velocities") {
    for (std::uint32_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        RandomBoxes random(seed);
        std::vector<NuScenesTruth> truth;
        std::vector<NuScenesResult> results;
        random.nuscenes(random.whole(1, 12), seed % 2 == 0 ? 10 : 3, truth, results);
        const NuScenesEvaluation evaluation = evaluate_nuscenes(truth, results);
        double mean = 0;
        for (int label = 0; label < 10; ++label) {
            for (std::size_t d = 0; d < 4; ++d) {
                const Numbers numbers = plain_numbers(truth, results, label, evaluation.settings.distances[d]);
                CHECK(std::fabs(numbers.ap - evaluation.average_precision(std::size_t(label), d)) <= 1e-12);
                mean += numbers.ap / 40;
                if (d != 2) continue;
                for (std::size_t e = 0; e < 5; ++e) {
                    CAPTURE(e);
                    const double got = evaluation.class_errors[std::size_t(label)][e];
                    if (std::isnan(got)) CHECK((label >= 8 && e >= (label == 8 ? 2u : 3u)));
                    else CHECK(std::fabs(numbers.errors[e] - got) <= 1e-9);  // angles come from other formulas
                }
            }
        }
        CHECK(std::fabs(mean - evaluation.mean_ap) <= 1e-12);
    }
}

TEST_CASE("evaluate_nuscenes: the order of samples, and of detections with different scores, changes no bit") {
    RandomBoxes random(7);
    std::vector<NuScenesTruth> truth;
    std::vector<NuScenesResult> results;
    random.nuscenes(20, 10, truth, results);
    double score = 1;
    for (NuScenesResult& sample : results) {
        for (NuScenesBox& box : sample.boxes) box.score = score *= 0.995;
    }
    const NuScenesEvaluation before = evaluate_nuscenes(truth, results);
    std::reverse(truth.begin(), truth.end());
    std::rotate(results.begin(), results.begin() + 7, results.end());
    for (NuScenesResult& sample : results) std::reverse(sample.boxes.begin(), sample.boxes.end());
    const NuScenesEvaluation after = evaluate_nuscenes(truth, results);
    CHECK(before.mean_ap > 0.01);
    CHECK(before.mean_ap == after.mean_ap);
    CHECK(before.nd_score == after.nd_score);
    CHECK(before.average_precisions == after.average_precisions);
}

TEST_CASE("evaluate_nuscenes: among equal scores the later detection comes first") {
    std::vector<NuScenesTruth> truth = {{"s", {}, {box_at(0, 0, 0), box_at(20, 0, 0)}, {}}};
    // The wrong one stands later: precision at the only recall reached, 1/2, is 1/2; had the right one come first it would be 1.
    std::vector<NuScenesResult> results = {{"s", {box_at(0, 0, 0), box_at(-20, 0, 0)}}};
    CHECK(evaluate_nuscenes(truth, results).curve(0, 2).precision[50] == 0.5);
    CHECK(evaluate_nuscenes(truth, results).curve(0, 2).precision[49] < 0.5);
    std::swap(results[0].boxes[0], results[0].boxes[1]);
    CHECK(evaluate_nuscenes(truth, results).curve(0, 2).precision[49] == 1);
}

TEST_CASE("filters: range without its end, boxes without points, racks with their borders; counted in this order") {
    using namespace nuscenes_label;
    const std::array<double, 3> ego = {100, 200, 0};
    CHECK(nuscenes_in_range(box_at(149.999, 200, car), ego));
    CHECK_FALSE(nuscenes_in_range(box_at(150, 200, car), ego));
    CHECK(nuscenes_in_range(box_at(100, 239.9, pedestrian), ego));
    CHECK_FALSE(nuscenes_in_range(box_at(100, 160, pedestrian), ego));
    CHECK_FALSE(nuscenes_in_range(box_at(130, 200, barrier), ego));

    NuScenesBox rack = box_at(0, 0, 0);  // 2 wide, 4 long, turned by a quarter: 2 along x, 4 along y
    rack.rotation = {std::sqrt(0.5), 0, 0, std::sqrt(0.5)};
    CHECK(nuscenes_in_rack(box_at(0.999, 1.999, bicycle), rack));
    CHECK_FALSE(nuscenes_in_rack(box_at(1.001, 0, bicycle), rack));
    CHECK_FALSE(nuscenes_in_rack(box_at(0, 2.001, bicycle), rack));
    NuScenesBox straight = rack;
    straight.rotation = {2, 0, 0, 0};  // any length
    CHECK(nuscenes_in_rack(box_at(2, 1, bicycle), straight));  // a corner of the border

    NuScenesTruth sample{"s", {}, {}, {rack}};
    std::vector<NuScenesBox> boxes = {box_at(0, 0, car), box_at(0, 0, bicycle), box_at(0, 0, motorcycle), box_at(5, 0, bicycle), box_at(60, 0, car), box_at(1, 1, truck)};
    boxes[5].points = 0;
    NuScenesFilterCounts counts;
    filter_nuscenes(boxes, sample, {}, counts);
    CHECK(counts.all == 6);
    CHECK(counts.in_range == 5);
    CHECK(counts.with_points == 4);
    CHECK(counts.out_of_racks == 2);
    REQUIRE(boxes.size() == 2);
    CHECK(boxes[1].translation[0] == 5);
}

TEST_CASE("evaluate_nuscenes: turned by pi, a barrier is as it was, a car is not") {
    for (const int label : {nuscenes_label::barrier, nuscenes_label::car}) {
        NuScenesBox object = box_at(1, 2, label), found = object;
        found.rotation = {0, 0, 0, 1};
        const std::vector<NuScenesTruth> truth = {{"s", {}, {object}, {}}};
        const std::vector<NuScenesResult> results = {{"s", {found}}};
        const double error = evaluate_nuscenes(truth, results).class_errors[std::size_t(label)][2];
        CHECK(std::fabs(error - (label == nuscenes_label::car ? pi : 0)) <= 1e-12);
    }
}

TEST_CASE("evaluate_nuscenes: what it refuses, and how it says so") {
    const std::vector<NuScenesTruth> truth = {{"a", {}, {box_at(0, 0, 0)}, {}}, {"b", {}, {}, {}}};
    std::vector<NuScenesResult> results = {{"a", {box_at(0, 0, 0)}}, {"b", {}}};
    CHECK(evaluate_nuscenes(truth, results).class_ap[0] > 0.99);
    const auto refused = [&](std::vector<NuScenesResult> changed, const char* message) { CHECK_THROWS_WITH_AS(evaluate_nuscenes(truth, changed), message, ArgumentError); };
    refused({results[0]}, "evaluate_nuscenes: the results lack 1 of 2 samples, the first is b; a sample without detections needs an empty list");
    refused({results[0], results[1], results[1]}, "evaluate_nuscenes: the results have the sample b twice");
    refused({results[0], {"c", {}}}, "evaluate_nuscenes: the results have a sample c that the ground truth lacks");
    refused({{"a", std::vector<NuScenesBox>(501, box_at(0, 0, 0))}, results[1]},
            "evaluate_nuscenes: sample a has 501 detections, 500 are allowed; keep those of the highest scores");
    const auto box_refused = [&](auto&& change, const char* problem) {
        std::vector<NuScenesResult> changed = results;
        change(changed[0].boxes[0]);
        refused(changed, ("evaluate_nuscenes: detection 0 of sample a: " + std::string(problem)).c_str());
    };
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    box_refused([](NuScenesBox& box) { box.label = 10; }, "the label 10 is none of 0 .. 9");
    box_refused([](NuScenesBox& box) { box.attribute = 8; }, "the attribute 8 is none of -1 .. 7");
    box_refused([](NuScenesBox& box) { box.translation[1] = nan; }, "the translation must be finite and not beyond 1e12");
    box_refused([](NuScenesBox& box) { box.size[2] = 0; }, "sizes must be above 0 and not beyond 1e12");
    box_refused([](NuScenesBox& box) { box.rotation[0] = infinity; }, "the rotation must be finite and not beyond 1e12");
    box_refused([](NuScenesBox& box) { box.velocity[0] = infinity; }, "the velocity must be NaN or not beyond 1e12");
    box_refused([](NuScenesBox& box) { box.score = nan; }, "the score must be finite");
    const std::vector<NuScenesTruth> twice = {truth[0], truth[0]};
    CHECK_THROWS_WITH_AS(evaluate_nuscenes(twice, results), "evaluate_nuscenes: the ground truth has the sample a twice", ArgumentError);
    NuScenesSettings settings;
    settings.error_distance = 3;
    CHECK_THROWS_WITH_AS(evaluate_nuscenes(truth, results, settings), "evaluate_nuscenes: error_distance must be one of distances", ArgumentError);
    settings.distances = {2, 1};
    CHECK_THROWS_WITH_AS(evaluate_nuscenes(truth, results, settings), "evaluate_nuscenes: distances must be 1 .. 64 ascending numbers above 0", ArgumentError);
}

TEST_CASE("evaluate_nuscenes: nothing to find and nothing found gives AP 0 and errors 1") {
    const NuScenesEvaluation evaluation = evaluate_nuscenes({}, {});
    CHECK(evaluation.mean_ap == 0);
    CHECK(evaluation.nd_score == 0);
    CHECK(evaluation.errors == std::array<double, 5>{1, 1, 1, 1, 1});
}
