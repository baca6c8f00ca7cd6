// evaluate_nuscenes against numbers of the official devkit.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "evaluate3d/nuscenes_inputs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

// The devkit and we add the same doubles in another order: 1e-12 leaves room for that alone.
constexpr double tolerance = 1e-12;

bool agree(double expected, double got) { return std::isnan(expected) ? std::isnan(got) : std::fabs(expected - got) <= tolerance; }

}  // namespace

TEST_CASE("evaluate_nuscenes: mAP, NDS, errors, AP of every class and distance of the golden cases") {
    const std::string name = "golden/detection3d/ops/nuscenes_eval";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const GoldenFile golden(name);
    int cases = 0;
    for (const auto& member_of_cases : *member(golden.facts, "cases").object()) {
        const std::string& title = member_of_cases.first;
        const Json& facts = member_of_cases.second;
        if (facts.find("gt") == nullptr) continue;
        CAPTURE(title);
        ++cases;
        const GoldenNuScenes input(facts);
        const NuScenesEvaluation evaluation = evaluate_nuscenes(input.truth, input.results);
        CHECK(evaluation.truths.out_of_racks == whole(member(member(facts, "kept"), "gt")));
        CHECK(evaluation.detections.out_of_racks == whole(member(member(facts, "kept"), "pred")));
        const Json& expected = member(facts, "expected");
        CHECK(agree(number(member(expected, "mean_ap")), evaluation.mean_ap));
        CHECK(agree(number(member(expected, "nd_score")), evaluation.nd_score));
        for (std::size_t e = 0; e < 5; ++e) {
            CAPTURE(e);
            CHECK(agree(number(member(member(expected, "tp_errors"), nuscenes_error_names[e])), evaluation.errors[e]));
            CHECK(agree(number(member(member(expected, "tp_scores"), nuscenes_error_names[e])), evaluation.error_score(e)));
        }
        for (std::size_t label = 0; label < 10; ++label) {
            const std::string class_name = nuscenes_class_names[label];
            CAPTURE(class_name);
            CHECK(agree(number(member(member(expected, "mean_dist_aps"), class_name)), evaluation.class_ap[label]));
            const char* const distances[] = {"0.5", "1.0", "2.0", "4.0"};
            for (std::size_t d = 0; d < 4; ++d)
                CHECK(agree(number(member(member(member(expected, "label_aps"), class_name), distances[d])), evaluation.average_precision(label, d)));
            for (std::size_t e = 0; e < 5; ++e)
                CHECK(agree(number_or_nan(member(member(member(expected, "label_tp_errors"), class_name), nuscenes_error_names[e])), evaluation.class_errors[label][e]));
        }
        for (const char* class_name : {"car", "pedestrian"}) {
            const std::string curve_name = title + ".curve_" + class_name + "_2m";
            CAPTURE(curve_name);
            const NuScenesCurve& curve = evaluation.curve(std::size_t(nuscenes_label_of(class_name)), 2);
            CHECK(std::int64_t(curve.max_recall_index()) == whole(member(member(member(golden.facts, "cases"), curve_name), "max_recall_index")));
            const auto same = [&](const std::string& what, const std::array<double, 101>& got) {
                const double* expected_points = golden.tensor(curve_name + ".out_" + what).data<double>();
                for (std::size_t i = 0; i < 101; ++i) {
                    if (!agree(expected_points[i], got[i])) return false;
                }
                return true;
            };
            CHECK(same("precision", curve.precision));
            CHECK(same("confidence", curve.confidence));
            for (std::size_t e = 0; e < 5; ++e) CHECK(same(nuscenes_error_names[e], curve.errors[e]));
        }
    }
    CHECK(cases == 5);
}
