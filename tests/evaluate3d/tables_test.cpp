// The numbers of 3D evaluations as JSON and as tables: what they say is what was computed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include <regulus/core/json.hpp>
#include <regulus/evaluate/kitti_table.hpp>
#include <regulus/evaluate/lyft_table.hpp>
#include <regulus/evaluate/nuscenes_table.hpp>

#include "evaluate3d/random_boxes.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

double at(const Json& json, std::initializer_list<const char*> names) {
    const Json* found = &json;
    for (const char* name : names) {
        CAPTURE(name);
        found = found->find(name);
        REQUIRE(found != nullptr);
    }
    return found->is_null() ? std::nan("") : found->integer() != nullptr ? double(*found->integer()) : *found->real();
}

}  // namespace

TEST_CASE("nuScenes' summary has the devkit's members and the evaluation's digits; the table a line for each class") {
    RandomBoxes random(2);
    std::vector<NuScenesTruth> truth;
    std::vector<NuScenesResult> results;
    random.nuscenes(20, 10, truth, results);
    const NuScenesEvaluation evaluation = evaluate_nuscenes(truth, results);
    const Json json = parse_json(nuscenes_summary_json(evaluation), "summary");
    CHECK(at(json, {"mean_ap"}) == evaluation.mean_ap);
    CHECK(at(json, {"nd_score"}) == evaluation.nd_score);
    CHECK(at(json, {"label_aps", "bus", "0.5"}) == evaluation.average_precision(2, 0));
    CHECK(at(json, {"label_aps", "bus", "4.0"}) == evaluation.average_precision(2, 3));
    CHECK(at(json, {"mean_dist_aps", "barrier"}) == evaluation.class_ap[9]);
    CHECK(at(json, {"label_tp_errors", "car", "vel_err"}) == evaluation.class_errors[0][3]);
    CHECK(std::isnan(at(json, {"label_tp_errors", "traffic_cone", "orient_err"})));
    CHECK(at(json, {"tp_errors", "attr_err"}) == evaluation.errors[4]);
    CHECK(at(json, {"tp_scores", "trans_err"}) == evaluation.error_score(0));
    const std::string table = nuscenes_table(evaluation);
    for (const char* name : nuscenes_class_names) CHECK(table.find(std::string("\n") + name + " ") != std::string::npos);
    CHECK(std::count(table.begin(), table.end(), '\n') == 1 + 8 + 1 + 11);
}

TEST_CASE("Lyft's summary and table: names from files cannot break them") {
    std::vector<LyftSample> samples = {{"a", {{{0, 0, 0}, {2, 4, 2}, {1, 0, 0, 0}, "car", 0.5}, {{9, 0, 0}, {2, 4, 2}, {1, 0, 0, 0}, "tab\tand \"quote\"", 0.5}}}};
    const LyftEvaluation evaluation = evaluate_lyft(samples, samples);
    const Json json = parse_json(lyft_summary_json(evaluation), "summary");
    CHECK(at(json, {"final_mAP"}) == 1);
    CHECK(at(json, {"mAPs_per_class", "tab\tand \"quote\""}) == 1);
    CHECK(at(json, {"average_precisions", "car", "0.95"}) == 1);
    CHECK(at(json, {"mAPs_per_threshold", "0.5"}) == 1);
    CHECK(lyft_table(evaluation).find("\ntab?and \"quote\" ") != std::string::npos);
}

TEST_CASE("KITTI's summary: orientation is there when it was judged") {
    KittiObject car;
    car.type = "Car";
    car.truncated = 0, car.occluded = 0, car.alpha = 0;
    car.bbox = {0, 0, 50, 50};
    car.height = 1.5, car.width = 1.75, car.length = 4;
    car.location = {0, 1.7, 20};
    car.rotation_y = 0;
    car.score = 0.5;
    KittiFrame frame{"0", {car}, {car}};
    const KittiEvaluation judged = evaluate_kitti({&frame, 1});
    const Json json = parse_json(kitti_summary_json(judged), "summary");
    CHECK(std::fabs(at(json, {"KITTI/Car_AOS_AP11_easy_strict"}) - 100.0 / 11) <= 1e-12);  // one object: a single step of recall
    CHECK(at(json, {"KITTI/Car_3D_AP40_hard_loose"}) == judged.curve(2, KittiMetric::space, 2, 1).ap40());
    CHECK(json.object()->size() == 4 * 3 * (3 * 4 + 2));
    CHECK(kitti_table(judged).find("AOS") != std::string::npos);
    frame.found[0].alpha = -10;
    CHECK(kitti_table(evaluate_kitti({&frame, 1})).find("AOS") == std::string::npos);
}
