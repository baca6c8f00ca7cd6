// evaluate_kitti and its overlaps against numbers of mmdetection3d.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <regulus/evaluate/box_geometry.hpp>
#include <regulus/evaluate/kitti_evaluation.hpp>

#include "evaluate3d/nuscenes_inputs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

std::vector<KittiObject> golden_objects(const Json& json) {
    std::vector<KittiObject> objects;
    for (std::size_t i = 0; i < list(member(json, "name")).size(); ++i) {
        const auto at = [&](const char* name) -> const Json& { return list(member(json, name))[i]; };
        const auto size = array_of<3>(at("dimensions"));  // length, height, width
        const double score = json.find("score") != nullptr ? number(at("score")) : 0;
        objects.push_back({text_of(at("name")), number(at("truncated")), int(whole(at("occluded"))), number(at("alpha")), array_of<4>(at("bbox")), size[1], size[2], size[0],
                           array_of<3>(at("location")), number(at("rotation_y")), score});
    }
    return objects;
}

}  // namespace

TEST_CASE("evaluate_kitti: AP11 and AP40 of every class, metric, difficulty and overlap set of the golden case") {
    const std::string name = "golden/detection3d/ops/kitti_eval";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const GoldenFile golden(name);
    const Json& facts = member(member(golden.facts, "cases"), "mixed");
    std::vector<KittiFrame> frames;
    for (std::size_t i = 0; i < list(member(facts, "gt")).size(); ++i)
        frames.push_back({std::to_string(i), golden_objects(list(member(facts, "gt"))[i]), golden_objects(list(member(facts, "pred"))[i])});
    const KittiEvaluation evaluation = evaluate_kitti(frames);
    int compared = 0;
    const auto same = [&](const std::string& key, double got) {
        const Json* expected = member(facts, "expected").find("KITTI/" + key);
        CAPTURE(key);
        REQUIRE(expected != nullptr);
        ++compared;
        CHECK(std::fabs(number(*expected) - got) <= 1e-9);
    };
    for (const KittiMetric metric : {KittiMetric::picture, KittiMetric::birds_eye, KittiMetric::space}) {
        const std::string metric_name = kitti_metric_names[std::size_t(metric)];
        for (std::size_t d = 0; d < 3; ++d) {
            const std::string difficulty = kitti_difficulty_names[d];
            for (std::size_t set = 0; set < 2; ++set) {
                for (std::size_t label = 0; label < 3; ++label) {
                    const KittiCurve& curve = evaluation.curve(label, metric, d, set);
                    const std::string begin = evaluation.settings.classes[label].name + "_" + metric_name, end = difficulty + "_" + kitti_overlap_names[set];
                    same(begin + "_AP11_" + end, curve.ap11());
                    same(begin + "_AP40_" + end, curve.ap40());
                }
            }
            same("Overall_" + metric_name + "_AP11_" + difficulty, evaluation.mean_ap11(metric, d, 0));
            same("Overall_" + metric_name + "_AP40_" + difficulty, evaluation.mean_ap40(metric, d, 0));
        }
    }
    CHECK(compared == 126);
}

TEST_CASE("kitti overlaps: turned rectangles of the golden file, common area alone, over each and over both") {
    const std::string name = "golden/detection3d/ops/kitti_eval";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const GoldenFile golden(name);
    const Tensor &a = golden.tensor("rotated_overlap.in_a"), &b = golden.tensor("rotated_overlap.in_b");
    const std::size_t n = std::size_t(a.shape()[0]), k = std::size_t(b.shape()[0]);
    const auto rectangle_at = [](const Tensor& tensor, std::size_t i) {
        const float* v = tensor.data<float>() + i * 5;
        return evaluate_detail::rectangle(v[0], v[1], v[2], v[3], -double(v[4]));
    };
    int overlapping = 0;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < k; ++j) {
            const auto ra = rectangle_at(a, i), rb = rectangle_at(b, j);
            const double common = evaluate_detail::common_area(ra, rb);
            overlapping += common > 0;
            const auto expected = [&](const char* criterion) { return double(golden.tensor(std::string("rotated_overlap.out_criterion_").append(criterion)).data<float>()[i * k + j]); };
            // The peer computes in float32.
            CHECK(std::fabs(expected("2") - common) <= 1e-4 * std::max(1.0, common));
            CHECK(std::fabs(expected("-1") - common / (ra.area() + rb.area() - common)) <= 1e-4);
            CHECK(std::fabs(expected("0") - common / rb.area()) <= 1e-4);  // the peer's kernel takes the second list's box first
            CHECK(std::fabs(expected("1") - common / ra.area()) <= 1e-4);
        }
    }
    CHECK(overlapping >= 5);
}
