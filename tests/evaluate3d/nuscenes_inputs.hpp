#pragma once
// Inputs of the tests of nuScenes' evaluation: the golden file's lists.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/evaluate/nuscenes_evaluation.hpp>

#include "data/golden_file.hpp"

namespace regulus::testing {

inline double number_or_nan(const Json& value) { return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : number(value); }

template <std::size_t N>
std::array<double, N> array_of(const Json& value) {
    std::array<double, N> result = {};
    REQUIRE(list(value).size() == N);
    for (std::size_t i = 0; i < N; ++i) result[i] = number_or_nan(list(value)[i]);
    return result;
}

inline NuScenesBox golden_nuscenes_box(const Json& json) {
    NuScenesBox box;
    box.translation = array_of<3>(member(json, "translation"));
    box.size = array_of<3>(member(json, "size"));
    box.rotation = array_of<4>(member(json, "rotation"));
    box.velocity = array_of<2>(member(json, "velocity"));
    box.label = nuscenes_label_of(text_of(member(json, "name")));
    box.attribute = nuscenes_attribute_of(text_of(member(json, "attribute")));
    if (json.find("score") != nullptr) box.score = number(member(json, "score"));
    if (json.find("num_pts") != nullptr) box.points = whole(member(json, "num_pts"));
    return box;
}

struct GoldenNuScenes {
    std::vector<NuScenesTruth> truth;
    std::vector<NuScenesResult> results;

    explicit GoldenNuScenes(const Json& facts) {
        for (const auto& [token, boxes] : *member(facts, "gt").object()) {
            NuScenesTruth& sample = truth.emplace_back();
            sample.sample_token = token;
            for (const Json& box : list(boxes)) sample.boxes.push_back(golden_nuscenes_box(box));
            const Json* any = list(boxes).empty() ? nullptr : &list(boxes).front();
            const auto& found = list(member(member(facts, "pred"), token));
            if (any == nullptr && !found.empty()) any = &found.front();
            if (any == nullptr) continue;
            const auto at = array_of<3>(member(*any, "translation")), from_ego = array_of<3>(member(*any, "ego_translation"));
            for (std::size_t i = 0; i < 3; ++i) sample.ego[i] = at[i] - from_ego[i];
        }
        for (const auto& [token, boxes] : *member(facts, "pred").object()) {
            NuScenesResult& sample = results.emplace_back();
            sample.sample_token = token;
            for (const Json& box : list(boxes)) sample.boxes.push_back(golden_nuscenes_box(box));
        }
    }
};

}  // namespace regulus::testing
