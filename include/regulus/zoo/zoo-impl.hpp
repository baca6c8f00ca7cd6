#pragma once
#include <algorithm>
#include <set>

#include <regulus/zoo/mmdetection_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::zoo {

inline std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    }
    return result;
}

/// Whether `tail` ends `name` and begins at a part of it.
inline bool is_tail(const std::string& name, const std::string& tail) {
    if (tail.empty() || tail.size() > name.size() || name.compare(name.size() - tail.size(), tail.size(), tail) != 0) return false;
    if (tail.size() == name.size()) return true;
    const char before = name[name.size() - tail.size() - 1];
    return before == '/' || before == '_' || before == '-';
}

/// Edits (one character inserted, deleted or changed) from a to b.
inline std::size_t edit_distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

/// Name, aliases, and both without the code base, in lower case.
inline std::vector<std::string> spellings(const ModelSpec& model) {
    const std::string base = model.name.substr(0, model.name.find('/') + 1);
    std::vector<std::string> result{lower(model.name)};
    for (const std::string& alias : model.aliases) result.push_back(lower(base + alias));
    return result;
}

}  // namespace detail::zoo

REGULUS_INLINE const std::vector<ModelSpec>& zoo_models() {
    static const std::vector<ModelSpec> models = [] {
        std::vector<ModelSpec> all = mmdetection_mask_rcnn();
        for (auto part : {mmdetection_faster_rcnn(), mmdetection_retinanet(), mmdetection_mdconv(), mmdetection_cascade(), detectron2_pyramid_detectors(), detectron2_one_map_detectors(), detectron2_variants(),
                          detectron2_keypoint_detectors(), detectron2_other_data(), detectron2_panoptic(), detectron2_proposal_networks(), torchvision_detectors()}) {
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }();
    return models;
}

REGULUS_INLINE const ModelSpec& find_model(const std::vector<ModelSpec>& models, std::string_view name) {
    using namespace detail::zoo;
    if (name.size() > 200) throw ArgumentError("zoo: a model's name has at most 200 characters");
    const std::string wanted = lower(name);
    std::vector<const ModelSpec*> by_tail, in_full;
    for (const ModelSpec& model : models) {
        const std::vector<std::string> names = spellings(model);
        const auto fits = [&](const std::string& spelling) { return is_tail(spelling, wanted); };
        const auto is_whole = [&](const std::string& spelling) { return spelling == wanted || spelling.substr(spelling.find('/') + 1) == wanted; };
        if (std::any_of(names.begin(), names.end(), fits)) by_tail.push_back(&model);
        if (std::any_of(names.begin(), names.end(), is_whole)) in_full.push_back(&model);
    }
    const std::vector<const ModelSpec*>& found = in_full.empty() ? by_tail : in_full;
    if (found.size() == 1) return *found.front();

    std::string text = "zoo: ";
    if (found.size() > 1) {
        text += "\"" + std::string(name) + "\" fits " + std::to_string(found.size()) + " models; give more of the name:";
        for (const ModelSpec* model : found) text += "\n  " + model->name;
        throw ArgumentError(text);
    }
    std::vector<std::pair<std::size_t, const ModelSpec*>> near;
    for (const ModelSpec& model : models) {
        std::size_t distance = wanted.size() + model.name.size();
        for (const std::string& spelling : spellings(model)) {
            distance = std::min({distance, edit_distance(wanted, spelling), edit_distance(wanted, spelling.substr(spelling.find('/') + 1))});
            if (!wanted.empty() && spelling.find(wanted) != std::string::npos) distance = 0;
        }
        near.emplace_back(distance, &model);
    }
    std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    text += "there is no model \"" + std::string(name) + "\"; the nearest names:";
    for (std::size_t i = 0; i < near.size() && i < 5; ++i) text += "\n  " + near[i].second->name;
    throw ArgumentError(text);
}

}  // namespace regulus
