#pragma once
#include <regulus/evaluate/voc_dataset.hpp>

#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/core/xml.hpp>
#include <regulus/evaluate/json_boxes.hpp>
#include <regulus/evaluate/text_table.hpp>
#include <regulus/evaluate/text_words.hpp>

namespace regulus {
namespace evaluate_detail {

inline VocObject voc_object(const XmlElement& object, const std::string& who) {
    const auto member = [&](const XmlElement& element, const char* name) -> const XmlElement& {
        const XmlElement* found = element.find(name);
        if (found == nullptr) throw FileError(who + ": <" + element.name + "> lacks <" + name + ">");
        return *found;
    };
    VocObject result;
    result.class_name = member(object, "name").text;
    if (result.class_name.empty() || !is_printable(result.class_name)) throw FileError(who + ": <name> must be the name of a class");
    const XmlElement& box = member(object, "bndbox");
    const char* const corners[] = {"xmin", "ymin", "xmax", "ymax"};
    for (std::size_t i = 0; i < 4; ++i) {
        if (!parse_number(member(box, corners[i]).text, result.box[i])) throw FileError(who + ": <" + corners[i] + "> must be a number, not beyond 1e12");
    }
    if (result.box[2] < result.box[0] || result.box[3] < result.box[1]) throw FileError(who + ": <bndbox> must have xmin <= xmax and ymin <= ymax");
    if (const XmlElement* difficult = object.find("difficult")) {
        if (difficult->text != "0" && difficult->text != "1") throw FileError(who + ": <difficult> must be 0 or 1");
        result.difficult = difficult->text == "1";
    }
    return result;
}

inline std::int64_t voc_side(const XmlElement& size, const char* name, const std::string& who) {
    constexpr double greatest = 1 << 24;
    const XmlElement* const side = size.find(name);
    double number = 0;
    if (side == nullptr || !parse_number(side->text, number) || !(number >= 0 && number <= greatest) || number != std::floor(number)) throw FileError(who + ": <size> must have a <" + name + "> in whole pixels");
    return std::int64_t(number);
}

}  // namespace evaluate_detail

REGULUS_INLINE VocPicture parse_voc_annotation(std::string_view text, const std::string& who) {
    const XmlElement root = parse_xml(text, who);
    if (root.name != "annotation") throw FileError(who + ": must hold an <annotation>, holds <" + evaluate_detail::printable(root.name.substr(0, 200)) + ">");
    VocPicture picture;
    for (const XmlElement& element : root.children) {
        if (element.name == "object") picture.objects.push_back(evaluate_detail::voc_object(element, who + ": object " + std::to_string(picture.objects.size())));
    }
    if (const XmlElement* size = root.find("size")) {
        picture.size = {evaluate_detail::voc_side(*size, "height", who), evaluate_detail::voc_side(*size, "width", who)};
    }
    return picture;
}

REGULUS_INLINE std::vector<VocPicture> read_voc_pictures(const std::string& folder, std::span<const std::string> ids) {
    std::vector<VocPicture> pictures;
    for (const std::string& id : ids) {
        const std::string path = folder + "/" + id + ".xml";
        const auto file = MappedFile::open(path);
        pictures.push_back(parse_voc_annotation(evaluate_detail::whole_text(*file), "read_voc_pictures: " + path));
        pictures.back().id = id;
    }
    return pictures;
}

REGULUS_INLINE std::vector<std::string> parse_voc_ids(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
    TextLines lines(text, who);
    std::vector<std::string> ids;
    std::set<std::string, std::less<>> seen;
    for (std::string_view line; lines.next(line);) {
        const std::vector<std::string_view> words = words_of(line);
        if (words.empty()) continue;
        if (words.size() > 1 || !is_printable(words[0])) lines.fail("expected the id of a picture alone");
        if (!seen.insert(std::string(words[0])).second) lines.fail("the picture " + std::string(words[0].substr(0, 200)) + " is there twice");
        ids.emplace_back(words[0]);
    }
    if (ids.empty()) throw FileError(who + ": lists no pictures");
    return ids;
}

REGULUS_INLINE std::vector<std::string> read_voc_ids(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_voc_ids(evaluate_detail::whole_text(*file), "read_voc_ids: " + path);
}

REGULUS_INLINE std::vector<VocDetection> parse_voc_results(std::string_view text, const std::string& class_name, const std::string& who) {
    using namespace evaluate_detail;
    TextLines lines(text, who);
    std::vector<VocDetection> detections;
    for (std::string_view line; lines.next(line);) {
        const std::vector<std::string_view> words = words_of(line);
        if (words.empty()) continue;
        VocDetection detection{std::string(words[0]), class_name, 0, {}};
        bool numbers = words.size() == 6 && is_printable(words[0]) && parse_number(words[1], detection.score);
        for (std::size_t i = 0; numbers && i < 4; ++i) numbers = parse_number(words[2 + i], detection.box[i]);
        if (!numbers) lines.fail("expected a picture, a score and 4 corners, none beyond 1e12");
        detections.push_back(std::move(detection));
    }
    return detections;
}

REGULUS_INLINE std::vector<VocDetection> read_voc_results(const std::string& folder, const std::string& prefix, std::span<const std::string> class_names) {
    std::vector<VocDetection> all;
    for (const std::string& name : class_names) {
        const std::string path = folder + "/" + prefix + name + ".txt";
        const auto file = MappedFile::open(path);
        for (VocDetection& detection : parse_voc_results(evaluate_detail::whole_text(*file), name, "read_voc_results: " + path)) all.push_back(std::move(detection));
    }
    return all;
}

REGULUS_INLINE std::string voc_result_line(const std::string& picture, double score, const std::array<float, 4>& box) {
    bool finite = std::isfinite(score);
    for (const float corner : box) finite = finite && std::isfinite(corner);
    if (!finite) throw ArgumentError("voc_result_line: a number of a detection on " + picture + " is not finite");
    char text[256];  // floats have at most 39 digits before the point
    std::snprintf(text, sizeof text, " %.3f %.1f %.1f %.1f %.1f", score, double(box[0] + 1), double(box[1] + 1), double(box[2]), double(box[3]));
    return picture + text;
}

REGULUS_INLINE CocoDataset voc_as_coco(std::span<const VocPicture> pictures) {
    std::map<std::string, std::int64_t> ids;
    for (const VocPicture& picture : pictures) {
        for (const VocObject& object : picture.objects) ids.emplace(object.class_name, 0);
    }
    CocoDataset dataset;
    for (auto& [name, id] : ids) {
        id = std::int64_t(dataset.categories.size());
        dataset.categories.push_back({id, name, ""});
    }
    for (const VocPicture& picture : pictures) {
        if (picture.size.height < 1 || picture.size.width < 1) throw ArgumentError("voc_as_coco: the size of picture " + picture.id + " is not known; its annotation lacks <size>");
        const std::int64_t image = std::int64_t(dataset.images.size());
        dataset.images.push_back({image, picture.size.width, picture.size.height, picture.id + ".jpg"});
        for (const VocObject& object : picture.objects) {
            CocoAnnotation annotation;
            annotation.id = std::int64_t(dataset.annotations.size());
            annotation.image_id = image;
            annotation.category_id = ids.at(object.class_name);
            annotation.bbox = {object.box[0] - 1, object.box[1] - 1, object.box[2] - object.box[0] + 1, object.box[3] - object.box[1] + 1};
            annotation.area = annotation.bbox[2] * annotation.bbox[3];
            dataset.annotations.push_back(std::move(annotation));
        }
    }
    return dataset;
}

}  // namespace regulus
