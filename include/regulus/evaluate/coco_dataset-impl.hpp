#pragma once
#include <regulus/evaluate/coco_dataset.hpp>

#include <cmath>
#include <set>
#include <utility>

#include <regulus/core/json.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/evaluate/coco_index.hpp>
#include <regulus/core/json_cursor.hpp>

namespace regulus {
namespace evaluate_detail {

/// One object of a list in a COCO file; every complaint names file, element and member.
class CocoElement {
public:
    CocoElement(std::string_view text, std::string who) : who_(std::move(who)), json_(parse_json(text, who_)) {
        if (json_.object() == nullptr) throw FileError(who_ + ": must be an object");
    }

    [[noreturn]] void refuse(const char* name, const std::string& expected) const {
        throw FileError(who_ + (json_.find(name) == nullptr ? ": lacks \"" : ": \"") + name +
                        (json_.find(name) == nullptr ? "\", which must be " : "\" must be ") + expected);
    }

    /// The member, or nullptr when it is absent or null.
    const Json* member(const char* name) const {
        const Json* found = json_.find(name);
        return found == nullptr || found->is_null() ? nullptr : found;
    }

    std::int64_t integer(const char* name) const {
        const Json* found = member(name);
        if (found == nullptr || found->integer() == nullptr) refuse(name, "an integer");
        return *found->integer();
    }

    std::int64_t side(const char* name) const {
        constexpr std::int64_t longest = std::int64_t{1} << 20;
        const Json* found = member(name);
        if (found == nullptr || found->integer() == nullptr || *found->integer() < 1 || *found->integer() > longest) refuse(name, "an integer of 1 .. 2^20");
        return *found->integer();
    }

    bool flag(const char* name) const {
        const Json* found = member(name);
        if (found == nullptr) return false;
        if (found->boolean() != nullptr) return *found->boolean();
        if (found->integer() == nullptr || (*found->integer() != 0 && *found->integer() != 1)) refuse(name, "0 or 1");
        return *found->integer() == 1;
    }

    std::string text(const char* name) const {
        const Json* found = member(name);
        if (found == nullptr || found->text() == nullptr) refuse(name, "a text");
        return *found->text();
    }

    std::string text_if_any(const char* name) const { return member(name) == nullptr ? std::string() : text(name); }

    double number(const char* name) const {
        const Json* found = member(name);
        double value = 0;
        if (found == nullptr || !as_number(*found, value)) refuse(name, number_words);
        return value;
    }

    std::array<double, 4> box(const char* name) const {
        const char* const expected = "4 numbers x, y, width, height, none beyond 1e12";
        const Json* found = member(name);
        std::vector<double> values;
        if (found == nullptr || !as_numbers(*found, values) || values.size() != 4) refuse(name, expected);
        return {values[0], values[1], values[2], values[3]};
    }

    std::vector<double> keypoints(const char* name) const {
        const Json* found = member(name);
        std::vector<double> values;
        if (found == nullptr) return values;
        if (!as_numbers(*found, values) || values.size() % 3 != 0) refuse(name, "numbers x, y, v for each keypoint, none beyond 1e12");
        return values;
    }

    std::vector<std::vector<double>> polygons(const Json& rings) const {
        std::vector<std::vector<double>> result;
        for (const Json& ring : *rings.array()) {
            std::vector<double> values;
            if (!as_numbers(ring, values) || values.size() < 6 || values.size() % 2 != 0) {
                refuse("segmentation", "run lengths or rings x0, y0, x1, y1, ... of 3 corners or more, ring " + std::to_string(result.size()) + " is not");
            }
            result.push_back(std::move(values));
        }
        return result;
    }

    Rle run_lengths(const Json& object) const {
        const Json* size = object.find("size");
        const Json* counts = object.find("counts");
        std::int64_t sides[2] = {};
        bool sized = size != nullptr && size->array() != nullptr && size->array()->size() == 2;
        for (std::size_t i = 0; sized && i < 2; ++i) {
            const std::int64_t* side = (*size->array())[i].integer();
            sized = side != nullptr && *side >= 0 && *side <= (std::int64_t{1} << 20);
            if (sized) sides[i] = *side;
        }
        if (!sized || counts == nullptr || (counts->text() == nullptr && counts->array() == nullptr)) {
            refuse("segmentation", "an object of \"size\": [height, width] and \"counts\", a text or a list of runs");
        }
        try {
            if (counts->text() != nullptr) return rle_from_string(*counts->text(), sides[0], sides[1]);
            Rle rle{sides[0], sides[1], {}};
            for (const Json& count : *counts->array()) {
                if (count.integer() == nullptr || *count.integer() < 0 || *count.integer() > std::int64_t{UINT32_MAX})
                    refuse("segmentation", "made of runs of 0 .. 2^32 - 1 pixels");
                rle.counts.push_back(std::uint32_t(*count.integer()));
            }
            check_rle(rle);
            return rle;
        } catch (const FileError& error) {
            if (counts->text() == nullptr) throw;
            throw FileError(who_ + ": \"segmentation\": " + error.what());
        } catch (const ShapeError& error) {
            throw FileError(who_ + ": \"segmentation\": " + error.what());
        }
    }

    const std::string& who() const noexcept { return who_; }

private:
    static constexpr const char* number_words = "a number, not beyond 1e12";

    /// Not so far out that areas and overlaps would overflow.
    static bool as_number(const Json& json, double& value) {
        if (json.integer() != nullptr) value = double(*json.integer());
        else if (json.real() != nullptr) value = *json.real();
        else return false;
        return std::fabs(value) <= 1e12;
    }

    static bool as_numbers(const Json& json, std::vector<double>& values) {
        if (json.array() == nullptr) return false;
        values.resize(json.array()->size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!as_number((*json.array())[i], values[i])) return false;
        }
        return true;
    }

    std::string who_;
    Json json_;
};

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

template <class Items>
std::string id_twice(const char* list, const Items& items) {
    const auto twice = IdIndex(items).twice();
    if (!twice) return {};
    return std::string(list) + "[" + std::to_string(twice->first) + "] and " + list + "[" + std::to_string(twice->second) + "] both have the id " +
           std::to_string(items[twice->first].id);
}

inline std::string_view text_of(const MappedFile& file) { return {reinterpret_cast<const char*>(file.data()), file.size()}; }

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

REGULUS_INLINE CocoDataset parse_coco_annotations(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
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
            });
        } else if (name == "categories") {
            each(name, [&](const CocoElement& e) { dataset.categories.push_back({e.integer("id"), e.text("name"), e.text_if_any("supercategory")}); });
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
