#pragma once
#include <regulus/evaluate/lvis_dataset.hpp>

#include <algorithm>

#include <regulus/evaluate/coco_dataset-impl.hpp>

namespace regulus {
namespace evaluate_detail {

inline std::vector<std::int64_t> ascending_ids(const CocoElement& element, const char* name) {
    const Json* list = element.member(name);
    const char* const expected = "a list of category ids";
    if (list == nullptr || list->array() == nullptr) element.refuse(name, expected);
    std::vector<std::int64_t> ids;
    for (const Json& id : *list->array()) {
        if (id.integer() == nullptr) element.refuse(name, expected);
        ids.push_back(*id.integer());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

inline LvisFrequency lvis_frequency(const CocoElement& element) {
    const Json* found = element.member("frequency");
    const std::string frequency = found == nullptr || found->text() == nullptr ? "" : *found->text();
    if (frequency != "r" && frequency != "c" && frequency != "f") element.refuse("frequency", "\"r\", \"c\" or \"f\"");
    return frequency == "r" ? LvisFrequency::rare : frequency == "c" ? LvisFrequency::common : LvisFrequency::frequent;
}

/// What the file of a picture is called in COCO's folders of 2017; "" when nothing tells.
inline std::string lvis_file_name(const CocoElement& element) {
    const std::string name = element.text_if_any("file_name");
    constexpr std::size_t short_name = 16;  // 000000000139.jpg
    if (name.compare(0, 5, "COCO_") == 0 && name.size() > short_name) return name.substr(name.size() - short_name);
    if (!name.empty()) return name;
    const std::string url = element.text_if_any("coco_url");
    const std::size_t last = url.rfind('/');
    if (last == std::string::npos || last == 0) return url;
    const std::size_t before = url.rfind('/', last - 1);
    return before == std::string::npos ? url : url.substr(before + 1);
}

}  // namespace evaluate_detail

REGULUS_INLINE LvisDataset parse_lvis_annotations(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
    LvisDataset dataset;
    std::vector<std::string> names;
    const auto on_image = [&](const CocoElement& element) {
        dataset.pictures.push_back({ascending_ids(element, "neg_category_ids"), ascending_ids(element, "not_exhaustive_category_ids")});
        names.push_back(lvis_file_name(element));
    };
    dataset.coco = parse_annotation_lists(text, who, on_image, [&](const CocoElement& element) { dataset.frequencies.push_back(lvis_frequency(element)); });
    for (std::size_t i = 0; i < names.size(); ++i) dataset.coco.images[i].file_name = std::move(names[i]);
    return dataset;
}

REGULUS_INLINE LvisDataset read_lvis_annotations(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_lvis_annotations(evaluate_detail::text_of(*file), "read_lvis_annotations: " + path);
}

}  // namespace regulus
