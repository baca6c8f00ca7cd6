// evaluate_lyft against numbers of mmdetection3d with the data set's sdk.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <regulus/evaluate/lyft_evaluation.hpp>

#include "evaluate3d/nuscenes_inputs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

LyftBox golden_box(const Json& json) {
    LyftBox box;
    box.translation = array_of<3>(member(json, "translation"));
    box.size = array_of<3>(member(json, "size"));
    box.rotation = array_of<4>(member(json, "rotation"));
    box.name = text_of(member(json, "name"));
    if (json.find("score") != nullptr) box.score = number(member(json, "score"));
    return box;
}

std::vector<LyftSample> golden_samples(const Json& boxes) {
    std::vector<LyftSample> samples;
    for (const Json& json : list(boxes)) {
        const std::string token = text_of(member(json, "sample_token"));
        std::size_t at = 0;
        while (at < samples.size() && samples[at].sample_token != token) ++at;
        if (at == samples.size()) samples.push_back({token, {}});
        samples[at].boxes.push_back(golden_box(json));
    }
    return samples;
}

}  // namespace

TEST_CASE("evaluate_lyft: AP of every class and threshold of the golden cases, outlines turned right and as the published sdk turns them") {
    const std::string name = "golden/detection3d/ops/lyft_eval.json";
    REGULUS_REQUIRE_SHARED(name);
    const Json facts = shared_json(name);
    for (const char* title : {"mixed", "loose"}) {
        CAPTURE(title);
        const Json& fact = member(member(facts, "cases"), title);
        const auto truth = golden_samples(member(fact, "gt")), results = golden_samples(member(fact, "pred"));
        for (const LyftTurn turn : {LyftTurn::right, LyftTurn::mirrored}) {
            LyftSettings settings;
            settings.turn = turn;
            const LyftEvaluation evaluation = evaluate_lyft(truth, results, settings);
            const Json& expected = member(fact, turn == LyftTurn::right ? "expected_right_turn" : "expected");
            // The same doubles, added in another order.
            CHECK(std::fabs(number(member(expected, "final_mAP")) - evaluation.mean_ap) <= 1e-12);
            const auto& names = list(member(fact, "class_names"));
            REQUIRE(evaluation.class_names.size() == names.size());
            for (std::size_t label = 0; label < names.size(); ++label) {
                CHECK(evaluation.class_names[label] == text_of(names[label]));
                for (std::size_t t = 0; t < 10; ++t) {
                    const double ap = number(list(list(member(expected, "average_precisions"))[label])[t]);
                    CHECK(std::fabs(ap - evaluation.average_precision(label, t)) <= 1e-12);
                }
                if (turn == LyftTurn::mirrored) CHECK(std::fabs(numbers(member(expected, "mAPs_per_class"))[label] - evaluation.class_ap[label]) <= 1e-12);
            }
            for (std::size_t t = 0; t < 10 && turn == LyftTurn::mirrored; ++t)
                CHECK(std::fabs(numbers(member(expected, "mAPs_per_threshold"))[t] - evaluation.threshold_ap[t]) <= 1e-12);
        }
    }
    const Json& pair = member(member(facts, "cases"), "iou_pair");
    const LyftBox a = golden_box(member(pair, "a")), b = golden_box(member(pair, "b"));
    CHECK(std::fabs(lyft_iou(a, b) - number(member(pair, "expected_right_turn"))) <= 1e-12);
    CHECK(std::fabs(lyft_iou(a, b, LyftTurn::mirrored) - number(member(pair, "expected_iou"))) <= 1e-12);
}
