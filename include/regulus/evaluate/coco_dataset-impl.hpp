#pragma once
#include <regulus/evaluate/coco_dataset.hpp>

#include <set>
#include <utility>

#include <regulus/core/json_cursor.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/evaluate/coco_element.hpp>
#include <regulus/evaluate/coco_index.hpp>

namespace regulus {
namespace evaluate_detail {

inline CocoAnnotation coco_annotation(const CocoElement& element) {
    CocoAnnotation annotation;
    annotation.id = element.integer("id");
    annotation.image_id = element.integer("image_id");
    annotation.category_id = element.integer("category_id");
    annotation.bbox = element.box("bbox");
    annotation.area = element.number("area");
    annotation.iscrowd = element.flag("iscrowd");
    if (const Json* mask = element.member("segmentation")) {
        if (mask->array() != nullptr) annotation.polygons = element.polygons(*mask);
        else if (mask->object() != nullptr) annotation.rle = element.run_lengths(*mask);
        else element.refuse("segmentation", "a list of rings or an object of run lengths");
    }
    annotation.keypoints = element.keypoints("keypoints");
    if (element.member("num_keypoints") != nullptr) annotation.num_keypoints = element.integer("num_keypoints");
    else {
        for (std::size_t i = 2; i < annotation.keypoints.size(); i += 3) annotation.num_keypoints += annotation.keypoints[i] > 0;
    }
    return annotation;
}

inline CocoDetection coco_detection(const CocoElement& element) {
    CocoDetection detection;
    detection.image_id = element.integer("image_id");
    detection.category_id = element.integer("category_id");
    detection.score = element.number("score");
    const Json* box = element.member("bbox");
    if (box != nullptr && !(box->array() != nullptr && box->array()->empty())) detection.bbox = element.box("bbox");
    if (const Json* mask = element.member("segmentation")) {
        if (mask->object() == nullptr) element.refuse("segmentation", "an object of run lengths (results hold no polygons)");
        detection.segmentation = element.run_lengths(*mask);
    }
    detection.keypoints = element.keypoints("keypoints");
    if (!detection.bbox && !detection.segmentation && detection.keypoints.empty())
        throw FileError(element.who() + ": needs \"bbox\", \"segmentation\" or \"keypoints\"");
    return detection;
}

}  // namespace evaluate_detail

REGULUS_INLINE std::string coco_dataset_problem(const CocoDataset& dataset) {
    for (const std::string& twice : {evaluate_detail::id_twice("images", dataset.images), evaluate_detail::id_twice("categories", dataset.categories),
                                     evaluate_detail::id_twice("annotations", dataset.annotations)}) {
        if (!twice.empty()) return twice;
    }
    const evaluate_detail::IdIndex images(dataset.images), categories(dataset.categories);
    for (std::size_t i = 0; i < dataset.annotations.size(); ++i) {
        const CocoAnnotation& annotation = dataset.annotations[i];
        const std::string who = "annotations[" + std::to_string(i) + "]: ";
        const auto image = images.find(annotation.image_id);
        if (!image) return who + "\"image_id\" is " + std::to_string(annotation.image_id) + ", which \"images\" does not list";
        if (!categories.find(annotation.category_id))
            return who + "\"category_id\" is " + std::to_string(annotation.category_id) + ", which \"categories\" does not list";
        const CocoImage& picture = dataset.images[*image];
        if (annotation.rle && (annotation.rle->height != picture.height || annotation.rle->width != picture.width)) {
            return who + "\"segmentation\" is of " + std::to_string(annotation.rle->height) + " x " + std::to_string(annotation.rle->width) +
                   " pixels, its picture has " + std::to_string(picture.height) + " x " + std::to_string(picture.width) + " (height x width)";
        }
    }
    return {};
}

namespace evaluate_detail {

/// The lists of an annotation file; on_image(element) and on_category(element) see each element of theirs once it is stored.
template <class OnImage, class OnCategory>
CocoDataset parse_annotation_lists(std::string_view text, const std::string& who, OnImage&& on_image, OnCategory&& on_category) {
    CocoDataset dataset;
    std::set<std::string> seen;
    JsonCursor cursor(text, who);
    const auto each = [&](const std::string& list, auto&& take) {
        cursor.array(list, [&](std::size_t index, std::string_view slice) { take(CocoElement(slice, who + ": " + list + "[" + std::to_string(index) + "]")); });
    };
    cursor.object([&](const std::string& name, std::size_t offset) {
        if (!seen.insert(name).second) cursor.fail(offset, "the object has " + json_quote(name.substr(0, 200)) + " twice");
        if (name == "images") {
            each(name, [&](const CocoElement& e) {
                dataset.images.push_back({e.integer("id"), e.side("width"), e.side("height"), e.text_if_any("file_name")});
                on_image(e);
            });
        } else if (name == "categories") {
            each(name, [&](const CocoElement& e) {
                dataset.categories.push_back({e.integer("id"), e.text("name"), e.text_if_any("supercategory")});
                on_category(e);
            });
        } else if (name == "annotations") {
            each(name, [&](const CocoElement& e) { dataset.annotations.push_back(coco_annotation(e)); });
        } else {
            cursor.value(json_quote(name.substr(0, 200)));
        }
    });
    cursor.end();
    for (const char* list : {"images", "categories", "annotations"}) {
        if (seen.count(list) == 0) throw FileError(who + ": lacks \"" + list + "\": annotation files hold lists of images, categories and annotations");
    }
    const std::string problem = coco_dataset_problem(dataset);
    if (!problem.empty()) throw FileError(who + ": " + problem);
    return dataset;
}

}  // namespace evaluate_detail

REGULUS_INLINE CocoDataset parse_coco_annotations(std::string_view text, const std::string& who) {
    const auto nothing = [](const evaluate_detail::CocoElement&) {};
    return evaluate_detail::parse_annotation_lists(text, who, nothing, nothing);
}

REGULUS_INLINE std::vector<CocoDetection> parse_coco_results(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
    std::vector<CocoDetection> detections;
    JsonCursor cursor(text, who);
    cursor.array("results", [&](std::size_t index, std::string_view slice) {
        detections.push_back(coco_detection(CocoElement(slice, who + ": results[" + std::to_string(index) + "]")));
    });
    cursor.end();
    return detections;
}

REGULUS_INLINE CocoDataset read_coco_annotations(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_coco_annotations(evaluate_detail::text_of(*file), "read_coco_annotations: " + path);
}

REGULUS_INLINE std::vector<CocoDetection> read_coco_results(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_coco_results(evaluate_detail::text_of(*file), "read_coco_results: " + path);
}

REGULUS_INLINE std::vector<CocoDetection> coco_detections(std::span<const CocoResult> results) {
    std::vector<CocoDetection> detections;
    detections.reserve(results.size());
    for (const CocoResult& result : results)
        detections.push_back({result.image_id, result.category_id, double(result.score), result.bbox, result.segmentation, {}});
    return detections;
}

REGULUS_INLINE Rle coco_mask(const CocoAnnotation& annotation, const CocoImage& image) {
    const std::string who = "coco_mask: annotation " + std::to_string(annotation.id);
    if (annotation.rle) {
        if (annotation.rle->height == image.height && annotation.rle->width == image.width) return *annotation.rle;
        throw ShapeError(who + ": the mask is of " + std::to_string(annotation.rle->height) + " x " + std::to_string(annotation.rle->width) +
                         " pixels, the picture has " + std::to_string(image.height) + " x " + std::to_string(image.width) + " (height x width)");
    }
    if (annotation.polygons.empty()) throw ArgumentError(who + " has no \"segmentation\"");
    try {
        return rle_from_polygons(annotation.polygons, image.height, image.width);
    } catch (const Error& error) {
        throw ArgumentError(who + ": " + error.what());
    }
}

}  // namespace regulus
