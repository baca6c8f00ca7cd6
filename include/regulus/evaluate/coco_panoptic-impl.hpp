#pragma once
#include <regulus/evaluate/coco_panoptic.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include <regulus/core/json.hpp>
#include <regulus/core/json_cursor.hpp>
#include <regulus/data/segment_map.hpp>
#include <regulus/evaluate/coco_element.hpp>
#include <regulus/evaluate/coco_index.hpp>
#include <regulus/evaluate/json_numbers.hpp>

namespace regulus {
namespace evaluate_detail {

/// Whether a path stays below the folder it is relative to.
inline bool stays_inside(const std::string& path) {
    if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) return false;
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        if (path.compare(begin, end - begin, "..") == 0) return false;
        begin = end + 1;
    }
    return true;
}

inline PanopticSegmentInfo panoptic_segment(const CocoElement& element, bool is_truth) {
    PanopticSegmentInfo segment;
    segment.id = element.integer("id");
    if (segment.id < 1 || segment.id > std::int64_t{SegmentMap::max_id}) element.refuse("id", "an integer of 1 .. 2^24 - 1, the colours of a PNG");
    segment.category_id = element.integer("category_id");
    if (is_truth || element.member("area") != nullptr) segment.area = element.integer("area");
    segment.iscrowd = element.flag("iscrowd");
    return segment;
}

inline PanopticAnnotation panoptic_annotation(const CocoElement& element, bool is_truth) {
    PanopticAnnotation annotation;
    annotation.image_id = element.integer("image_id");
    annotation.file_name = element.text("file_name");
    if (!stays_inside(annotation.file_name)) element.refuse("file_name", "a path relative to the folder of PNG files, without \"..\"");
    const Json* const segments = element.member("segments_info");
    if (segments == nullptr || segments->array() == nullptr) element.refuse("segments_info", "a list");
    std::size_t index = 0;
    for (const Json& segment : *segments->array())
        annotation.segments.push_back(panoptic_segment(CocoElement(segment, element.who() + ": segments_info[" + std::to_string(index++) + "]"), is_truth));
    const std::string twice = id_twice("segments_info", annotation.segments);
    if (!twice.empty()) throw FileError(element.who() + ": " + twice);
    return annotation;
}

inline std::string picture_twice(const std::vector<PanopticAnnotation>& annotations) {
    std::vector<std::pair<std::int64_t, std::size_t>> places;
    for (std::size_t i = 0; i < annotations.size(); ++i) places.emplace_back(annotations[i].image_id, i);
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i) {
        if (places[i].first == places[i - 1].first)
            return "annotations[" + std::to_string(places[i - 1].second) + "] and annotations[" + std::to_string(places[i].second) + "] are both of picture " + std::to_string(places[i].first);
    }
    return {};
}

/// Reads the lists that `take` knows; it answers false for a member that is not looked at.
template <class Take>
void read_panoptic_lists(std::string_view text, const std::string& who, std::set<std::string>& seen, Take&& take) {
    JsonCursor cursor(text, who);
    cursor.object([&](const std::string& name, std::size_t offset) {
        if (!seen.insert(name).second) cursor.fail(offset, "the object has " + json_quote(name.substr(0, 200)) + " twice");
        const auto each = [&](auto&& element) {
            cursor.array(name, [&](std::size_t index, std::string_view slice) { element(CocoElement(slice, who + ": " + name + "[" + std::to_string(index) + "]")); });
        };
        if (!take(name, each)) cursor.value(json_quote(name.substr(0, 200)));
    });
    cursor.end();
}

}  // namespace evaluate_detail

REGULUS_INLINE std::string coco_panoptic_problem(const PanopticDataset& dataset) {
    using namespace evaluate_detail;
    for (const std::string& twice : {id_twice("images", dataset.images), id_twice("categories", dataset.categories), picture_twice(dataset.annotations)}) {
        if (!twice.empty()) return twice;
    }
    const IdIndex images(dataset.images), categories(dataset.categories);
    for (std::size_t i = 0; i < dataset.annotations.size(); ++i) {
        const PanopticAnnotation& annotation = dataset.annotations[i];
        const std::string who = "annotations[" + std::to_string(i) + "]: ";
        const auto image = images.find(annotation.image_id);
        if (!image) return who + "\"image_id\" is " + std::to_string(annotation.image_id) + ", which \"images\" does not list";
        const std::int64_t pixels = dataset.images[*image].width * dataset.images[*image].height;
        for (const PanopticSegmentInfo& segment : annotation.segments) {
            if (!categories.find(segment.category_id))
                return who + "segment " + std::to_string(segment.id) + " has category " + std::to_string(segment.category_id) + ", which \"categories\" does not list";
            if (segment.area < 1 || segment.area > pixels)
                return who + "segment " + std::to_string(segment.id) + " has an area of " + std::to_string(segment.area) + ", its picture has " + std::to_string(pixels) + " pixels";
        }
        const std::string twice = id_twice("segments_info", annotation.segments);
        if (!twice.empty()) return who + twice;
    }
    return {};
}

REGULUS_INLINE PanopticDataset parse_coco_panoptic(std::string_view text, const std::string& who) {
    using evaluate_detail::CocoElement;
    PanopticDataset dataset;
    std::set<std::string> seen;
    evaluate_detail::read_panoptic_lists(text, who, seen, [&](const std::string& name, auto&& each) {
        if (name == "images") each([&](const CocoElement& e) { dataset.images.push_back({e.integer("id"), e.side("width"), e.side("height"), e.text_if_any("file_name")}); });
        else if (name == "categories") each([&](const CocoElement& e) {
            if (e.member("isthing") == nullptr) e.refuse("isthing", "0 or 1");
            dataset.categories.push_back({e.integer("id"), e.text("name"), e.flag("isthing")});
        });
        else if (name == "annotations") each([&](const CocoElement& e) { dataset.annotations.push_back(evaluate_detail::panoptic_annotation(e, true)); });
        else return false;
        return true;
    });
    for (const char* list : {"images", "categories", "annotations"}) {
        if (seen.count(list) == 0) throw FileError(who + ": lacks \"" + list + "\": panoptic annotation files hold lists of images, categories and annotations");
    }
    const std::string problem = coco_panoptic_problem(dataset);
    if (!problem.empty()) throw FileError(who + ": " + problem);
    return dataset;
}

REGULUS_INLINE std::vector<PanopticAnnotation> parse_coco_panoptic_results(std::string_view text, const std::string& who) {
    std::vector<PanopticAnnotation> annotations;
    std::set<std::string> seen;
    evaluate_detail::read_panoptic_lists(text, who, seen, [&](const std::string& name, auto&& each) {
        if (name != "annotations") return false;
        each([&](const evaluate_detail::CocoElement& e) { annotations.push_back(evaluate_detail::panoptic_annotation(e, false)); });
        return true;
    });
    if (seen.count("annotations") == 0) throw FileError(who + ": lacks \"annotations\", the list of each picture's segments");
    const std::string twice = evaluate_detail::picture_twice(annotations);
    if (!twice.empty()) throw FileError(who + ": " + twice);
    return annotations;
}

REGULUS_INLINE PanopticDataset read_coco_panoptic(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_coco_panoptic(evaluate_detail::text_of(*file), "read_coco_panoptic: " + path);
}

REGULUS_INLINE std::vector<PanopticAnnotation> read_coco_panoptic_results(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_coco_panoptic_results(evaluate_detail::text_of(*file), "read_coco_panoptic_results: " + path);
}

REGULUS_INLINE std::string coco_panoptic_json(const PanopticAnnotation& annotation) {
    using evaluate_detail::append_number;
    std::string text = "{\"image_id\":";
    append_number(text, annotation.image_id);
    text += ",\"file_name\":" + json_quote(annotation.file_name) + ",\"segments_info\":[";
    for (const PanopticSegmentInfo& segment : annotation.segments) {
        text += text.back() == '[' ? "{\"id\":" : ",{\"id\":";
        append_number(text, segment.id);
        text += ",\"category_id\":";
        append_number(text, segment.category_id);
        text += ",\"area\":";
        append_number(text, segment.area);
        text += segment.iscrowd ? ",\"iscrowd\":1}" : ",\"iscrowd\":0}";
    }
    return text + "]}";
}

REGULUS_INLINE std::string coco_panoptic_json(std::span<const PanopticAnnotation> annotations) {
    std::string text = "{\"annotations\":[";
    for (const PanopticAnnotation& annotation : annotations) text += (text.back() == '[' ? "\n" : ",\n") + coco_panoptic_json(annotation);
    return text + (annotations.empty() ? "]}\n" : "\n]}\n");
}

}  // namespace regulus
