#pragma once
#include <regulus/evaluate/nuscenes_results.hpp>

#include <cmath>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <regulus/core/atomic_file.hpp>
#include <regulus/evaluate/json_boxes.hpp>
#include <regulus/evaluate/json_numbers.hpp>
#include <regulus/evaluate/nuscenes_check.hpp>

namespace regulus {
namespace evaluate_detail {

template <class Numbers>
void append_numbers(std::string& text, const char* name, const Numbers& numbers) {
    text += std::string(",\"") + name + "\":";
    char before = '[';
    for (const double number : numbers) {
        text += before;
        if (std::isnan(number)) text += "null";
        else append_number(text, number);
        before = ',';
    }
    text += ']';
}

inline void append_nuscenes_place(std::string& text, const std::string& token, const NuScenesBox& box) {
    text += "{\"sample_token\":" + json_quote(token);
    append_numbers(text, "translation", box.translation);
    append_numbers(text, "size", box.size);
    append_numbers(text, "rotation", box.rotation);
}

inline void append_nuscenes_name(std::string& text, const NuScenesBox& box) {
    text += ",\"detection_name\":\"" + std::string(nuscenes_class_names[std::size_t(box.label)]) + '"';
}

inline void append_nuscenes_attribute(std::string& text, const NuScenesBox& box) {
    text += ",\"attribute_name\":\"" + std::string(box.attribute < 0 ? "" : nuscenes_attribute_names[std::size_t(box.attribute)]) + '"';
}

/// `"token":[box,box]` with each box as `append` writes it.
template <class Boxes, class Append>
std::string sample_member(const std::string& token, const Boxes& boxes, const char* who, Append&& append) {
    std::string text = json_quote(token) + ":[";
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        const std::string problem = nuscenes_box_problem(boxes[i]);
        if (!problem.empty()) throw ArgumentError(std::string(who) + ": box " + std::to_string(i) + " of sample " + token + ": " + problem);
        if (i > 0) text += ',';
        append(text, boxes[i]);
    }
    return text += ']';
}

/// {"meta":...,"results":{...}} handed to put() in pieces.
template <class Put>
void put_nuscenes_results(std::span<const NuScenesResult> samples, const NuScenesMeta& meta, Put&& put) {
    const auto flag = [](const char* name, bool value) { return '"' + std::string(name) + "\":" + (value ? "true" : "false"); };
    put("{\"meta\":{" + flag("use_camera", meta.use_camera) + ',' + flag("use_lidar", meta.use_lidar) + ',' + flag("use_radar", meta.use_radar) + ',' +
        flag("use_map", meta.use_map) + ',' + flag("use_external", meta.use_external) + "},\n\"results\":{");
    std::unordered_set<std::string_view> seen;
    for (const NuScenesResult& sample : samples) {
        if (!seen.insert(sample.sample_token).second) throw ArgumentError("nuscenes_results_json: the sample " + sample.sample_token + " is there twice");
        put((seen.size() == 1 ? "\n" : ",\n") + nuscenes_sample_json(sample));
    }
    put("\n}}\n");
}

template <class Put>
void put_nuscenes_truth(std::span<const NuScenesTruth> samples, Put&& put) {
    std::unordered_set<std::string_view> seen;
    put("{\"results\":{");
    for (const NuScenesTruth& sample : samples) {
        if (!seen.insert(sample.sample_token).second) throw ArgumentError("nuscenes_truth_json: the sample " + sample.sample_token + " is there twice");
        put((seen.size() == 1 ? "\n" : ",\n") + sample_member(sample.sample_token, sample.boxes, "nuscenes_truth_json", [&](std::string& text, const NuScenesBox& box) {
            append_nuscenes_place(text, sample.sample_token, box);
            append_numbers(text, "velocity", box.velocity);
            append_nuscenes_name(text, box);
            append_nuscenes_attribute(text, box);
            text += ",\"num_pts\":" + std::to_string(box.points) + '}';
        }));
    }
    put("\n},\n\"ego\":{");
    const char* before = "\n";
    for (const NuScenesTruth& sample : samples) {
        std::string text;
        append_numbers(text, "", sample.ego);  // ,"":[x,y,z]
        for (const double v : sample.ego) {
            if (!std::isfinite(v)) throw ArgumentError("nuscenes_truth_json: the vehicle's place in sample " + sample.sample_token + " is not finite");
        }
        put(std::exchange(before, ",\n") + json_quote(sample.sample_token) + text.substr(3));
    }
    put("\n},\n\"bicycle_racks\":{");
    before = "\n";
    for (const NuScenesTruth& sample : samples) {
        if (sample.bicycle_racks.empty()) continue;
        put(std::exchange(before, ",\n") + sample_member(sample.sample_token, sample.bicycle_racks, "nuscenes_truth_json", [&](std::string& text, const NuScenesBox& box) {
            append_nuscenes_place(text, sample.sample_token, box);
            text += '}';
        }));
    }
    put("\n}}\n");
}

/// What annotations and detections have in common.
inline NuScenesBox nuscenes_box(const BoxElement& element) {
    NuScenesBox box;
    box.translation = element.numbers<3>("translation");
    box.size = element.size("size");
    box.rotation = element.numbers<4>("rotation");
    return box;
}

inline void read_nuscenes_kind(const BoxElement& element, const std::string& token, NuScenesBox& box) {
    if (element.text("sample_token") != token) element.refuse("sample_token", json_quote(token) + ", under which the box stands");
    box.label = nuscenes_label_of(element.text("detection_name"));
    if (box.label < 0) element.refuse("detection_name", "one of the ten classes (car, truck, bus, ...), not " + json_quote(element.text("detection_name").substr(0, 100)));
    const bool named = element.has("attribute_name") && !element.text("attribute_name").empty();
    if (named) box.attribute = nuscenes_attribute_of(element.text("attribute_name"));
    if (named && box.attribute < 0)
        element.refuse("attribute_name", "empty or one of the eight attributes (vehicle.moving, ...), not " + json_quote(element.text("attribute_name").substr(0, 100)));
}

/// Calls take(token, offset) for each member of the object of samples that stands here; no token may come twice.
template <class Take>
void each_sample(JsonCursor& cursor, const char* list, Take&& take) {
    std::unordered_set<std::string> seen;
    cursor.object([&](const std::string& token, std::size_t offset) {
        if (!seen.insert(token).second) cursor.fail(offset, "\"" + std::string(list) + "\" has " + json_quote(token.substr(0, 200)) + " twice");
        take(token);
    });
}

template <class Take>
void each_box(JsonCursor& cursor, const std::string& who, const std::string& token, Take&& take) {
    const std::string of_sample = who + ": sample " + token.substr(0, 200) + " box ";
    cursor.array("boxes of a sample", [&](std::size_t index, std::string_view text) { take(BoxElement(text, of_sample + std::to_string(index))); });
}

inline NuScenesMeta nuscenes_meta(const Json& json, const std::string& who) {
    if (json.object() == nullptr) throw FileError(who + ": \"meta\" must be an object");
    NuScenesMeta meta;
    const std::pair<const char*, bool*> flags[] = {{"use_camera", &meta.use_camera}, {"use_lidar", &meta.use_lidar}, {"use_radar", &meta.use_radar},
                                                   {"use_map", &meta.use_map}, {"use_external", &meta.use_external}};
    for (const auto& [name, value] : flags) {
        const Json* found = json.find(name);
        if (found == nullptr) continue;
        if (found->boolean() == nullptr) throw FileError(who + ": \"meta\": \"" + name + "\" must be true or false");
        *value = *found->boolean();
    }
    return meta;
}

}  // namespace evaluate_detail

REGULUS_INLINE std::string nuscenes_sample_json(const NuScenesResult& sample) {
    using namespace evaluate_detail;
    return sample_member(sample.sample_token, sample.boxes, "nuscenes_sample_json", [&](std::string& text, const NuScenesBox& box) {
        append_nuscenes_place(text, sample.sample_token, box);
        const bool known = !std::isnan(box.velocity[0]) && !std::isnan(box.velocity[1]);
        append_numbers(text, "velocity", known ? box.velocity : std::array<double, 2>{});
        append_nuscenes_name(text, box);
        text += ",\"detection_score\":";
        append_number(text, box.score);
        append_nuscenes_attribute(text, box);
        text += '}';
    });
}

REGULUS_INLINE void write_nuscenes_results(const std::string& path, std::span<const NuScenesResult> samples, const NuScenesMeta& meta) {
    AtomicFile file(path);
    evaluate_detail::put_nuscenes_results(samples, meta, [&](const std::string& piece) { file.write(piece); });
    file.commit();
}

REGULUS_INLINE std::string nuscenes_results_json(std::span<const NuScenesResult> samples, const NuScenesMeta& meta) {
    std::string text;
    evaluate_detail::put_nuscenes_results(samples, meta, [&](const std::string& piece) { text += piece; });
    return text;
}

REGULUS_INLINE void write_nuscenes_truth(const std::string& path, std::span<const NuScenesTruth> samples) {
    AtomicFile file(path);
    evaluate_detail::put_nuscenes_truth(samples, [&](const std::string& piece) { file.write(piece); });
    file.commit();
}

REGULUS_INLINE std::string nuscenes_truth_json(std::span<const NuScenesTruth> samples) {
    std::string text;
    evaluate_detail::put_nuscenes_truth(samples, [&](const std::string& piece) { text += piece; });
    return text;
}

REGULUS_INLINE NuScenesSubmission parse_nuscenes_results(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
    NuScenesSubmission submission;
    std::set<std::string> seen;
    JsonCursor cursor(text, who);
    cursor.object([&](const std::string& name, std::size_t offset) {
        if (!seen.insert(name).second) cursor.fail(offset, "the object has " + json_quote(name.substr(0, 200)) + " twice");
        if (name == "meta") {
            submission.meta = nuscenes_meta(cursor.value(name), who);
        } else if (name == "results") {
            each_sample(cursor, "results", [&](const std::string& token) {
                NuScenesResult& sample = submission.samples.emplace_back();
                sample.sample_token = token;
                each_box(cursor, who, token, [&](const BoxElement& element) {
                    NuScenesBox box = nuscenes_box(element);
                    read_nuscenes_kind(element, token, box);
                    box.velocity = element.numbers_or_null<2>("velocity");
                    box.score = element.number("detection_score");
                    if (!element.has("attribute_name")) element.refuse("attribute_name", "a text, empty for none");
                    sample.boxes.push_back(box);
                });
            });
        } else {
            cursor.value(json_quote(name.substr(0, 200)));
        }
    });
    cursor.end();
    if (seen.count("results") == 0) throw FileError(who + ": lacks \"results\": a submission is {\"meta\": {...}, \"results\": {sample token: [boxes]}}");
    return submission;
}

REGULUS_INLINE std::vector<NuScenesTruth> parse_nuscenes_truth(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
    std::vector<NuScenesTruth> truth;
    std::unordered_map<std::string, std::array<double, 3>> ego;          // what "ego" says
    std::unordered_map<std::string, std::array<double, 3>> ego_by_box;   // what a box of the sample says
    std::unordered_map<std::string, std::vector<NuScenesBox>> racks;
    std::set<std::string> seen;
    JsonCursor cursor(text, who);
    cursor.object([&](const std::string& name, std::size_t offset) {
        if (!seen.insert(name).second) cursor.fail(offset, "the object has " + json_quote(name.substr(0, 200)) + " twice");
        if (name == "results") {
            each_sample(cursor, "results", [&](const std::string& token) {
                NuScenesTruth& sample = truth.emplace_back();
                sample.sample_token = token;
                each_box(cursor, who, token, [&](const BoxElement& element) {
                    NuScenesBox box = nuscenes_box(element);
                    read_nuscenes_kind(element, token, box);
                    if (element.has("velocity")) box.velocity = element.numbers_or_null<2>("velocity");
                    if (element.has("num_pts")) box.points = element.count("num_pts");
                    if (element.has("ego_translation")) {
                        const auto from_ego = element.numbers<3>("ego_translation");
                        ego_by_box.insert({token, {box.translation[0] - from_ego[0], box.translation[1] - from_ego[1], box.translation[2] - from_ego[2]}});
                    }
                    sample.boxes.push_back(box);
                });
            });
        } else if (name == "ego") {
            each_sample(cursor, "ego", [&](const std::string& token) {
                const BoxElement element("{\"ego\":" + std::string(cursor.value_text()) + "}", who + ": sample " + token.substr(0, 200));
                ego[token] = element.numbers<3>("ego");
            });
        } else if (name == "bicycle_racks") {
            each_sample(cursor, "bicycle_racks", [&](const std::string& token) {
                each_box(cursor, who + ": \"bicycle_racks\"", token, [&](const BoxElement& element) { racks[token].push_back(nuscenes_box(element)); });
            });
        } else {
            cursor.value(json_quote(name.substr(0, 200)));
        }
    });
    cursor.end();
    if (seen.count("results") == 0) throw FileError(who + ": lacks \"results\": ground truth is {\"results\": {sample token: [boxes]}, \"ego\": {...}, ...}");
    for (NuScenesTruth& sample : truth) {
        const auto said = ego.find(sample.sample_token), derived = ego_by_box.find(sample.sample_token);
        if (said != ego.end()) sample.ego = said->second;
        else if (derived != ego_by_box.end()) sample.ego = derived->second;
        else throw FileError(who + ": sample " + sample.sample_token.substr(0, 200) + ": nothing says where the vehicle was; give \"ego\": {token: [x, y, z]}");
        const auto found = racks.find(sample.sample_token);
        if (found != racks.end()) sample.bicycle_racks = std::move(found->second);
    }
    return truth;
}

REGULUS_INLINE NuScenesSubmission read_nuscenes_results(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_nuscenes_results(evaluate_detail::whole_text(*file), "read_nuscenes_results: " + path);
}

REGULUS_INLINE std::vector<NuScenesTruth> read_nuscenes_truth(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_nuscenes_truth(evaluate_detail::whole_text(*file), "read_nuscenes_truth: " + path);
}

}  // namespace regulus
