#pragma once
#include <algorithm>
#include <utility>

#include <regulus/converters/caffe2.hpp>
#include <regulus/converters/classifiers.hpp>
#include <regulus/converters/detectron2.hpp>
#include <regulus/converters/mmdetection.hpp>
#include <regulus/converters/mmdetection3d.hpp>
#include <regulus/converters/name_table.hpp>
#include <regulus/converters/torchvision.hpp>
#include <regulus/converters/torchvision_detectors.hpp>

namespace regulus {

// Each file of tables includes name_table.hpp, so it may be the one that brings this file in.
inline NameTable mmdetection_rcnn_names();
inline NameTable mmdetection_retinanet_names();
inline NameTable mmdetection3d_names();
inline NameTable mmdetection3d_voxelnet_names();
inline NameTable pycls_names();
inline NameTable mmpretrain_names();
inline NameTable timm_names();
inline NameTable torchvision_resnet_names();
inline NameTable torchvision_regnet_names();
inline NameTable timm_resnet_names();
inline NameTable torchvision_rcnn_names();
inline NameTable torchvision_retinanet_names();
inline NameTable torchvision_rcnn_v2_names();
inline NameTable torchvision_retinanet_v2_names();
inline NameTable detectron2_resnet_rcnn_names();
inline NameTable detectron2_resnet_retinanet_names();
inline NameTable detectron2_regnet_rcnn_names();
inline NameTable detectron2_regnet_retinanet_names();
inline NameTable detectron2_one_map_rcnn_names();
inline NameTable caffe2_152_names();
inline NameTable caffe2_101_names();
inline NameTable caffe2_50_names();
inline NameTable caffe2_group_101_names();
inline NameTable caffe2_group_50_names();
inline NameTable caffe2_one_map_names();

namespace detail::names {

/// A number of a pattern: {b+1} has the letter b and adds 1.
struct PatternNumber {
    char letter = 0;
    int adds = 0;
};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads {x} or {x+k} at `at` and steps over it. Patterns are literals of this folder, so nothing is checked here; their test does.
inline PatternNumber read_number(std::string_view pattern, std::size_t& at) {
    PatternNumber number{pattern[at + 1], 0};
    at += 2;
    if (pattern[at] == '+') {
        for (++at; is_digit(pattern[at]); ++at) number.adds = number.adds * 10 + (pattern[at] - '0');
    }
    ++at;
    return number;
}

}  // namespace detail::names

REGULUS_INLINE std::optional<std::string> rewrite_name(std::string_view name, std::string_view from, std::string_view to) {
    const std::size_t literal = std::min(from.find_first_of("{*"), from.size());
    if (name.substr(0, literal) != from.substr(0, literal)) return std::nullopt;  // most rules end here
    int values[26] = {};
    bool known[26] = {};
    std::string_view rest;
    std::size_t at = 0;
    for (std::size_t i = 0; i < from.size();) {
        if (from[i] == '*') {
            rest = name.substr(at);
            if (rest.empty()) return std::nullopt;
            at = name.size();
            ++i;
        } else if (from[i] == '{') {
            const detail::names::PatternNumber number = detail::names::read_number(from, i);
            const std::size_t begin = at;
            int value = 0;
            for (; at < name.size() && detail::names::is_digit(name[at]) && at - begin < 9; ++at) value = value * 10 + (name[at] - '0');
            const bool leading_zero = at - begin > 1 && name[begin] == '0';
            if (at == begin || leading_zero || value < number.adds) return std::nullopt;
            const std::size_t slot = std::size_t(number.letter - 'a');
            value -= number.adds;
            if (known[slot] && values[slot] != value) return std::nullopt;
            values[slot] = value;
            known[slot] = true;
        } else {
            if (at == name.size() || name[at] != from[i]) return std::nullopt;
            ++at, ++i;
        }
    }
    if (at != name.size()) return std::nullopt;

    std::string result;
    for (std::size_t i = 0; i < to.size();) {
        if (to[i] == '*') {
            result += rest;
            ++i;
        } else if (to[i] == '{') {
            const detail::names::PatternNumber number = detail::names::read_number(to, i);
            result += std::to_string(values[number.letter - 'a'] + number.adds);
        } else {
            result += to[i++];
        }
    }
    return result;
}

REGULUS_INLINE std::optional<Renamed> NameTable::renamed_to_ours(std::string_view foreign) const {
    for (const NameRule& rule : rules) {
        if (auto name = rewrite_name(foreign, rule.foreign, rule.ours)) return Renamed{std::move(*name), rule.values};
    }
    return std::nullopt;
}

REGULUS_INLINE std::optional<Renamed> NameTable::renamed_to_foreign(std::string_view ours) const {
    for (const NameRule& rule : rules) {
        if (rule.ours.empty()) continue;
        if (auto name = rewrite_name(ours, rule.ours, rule.foreign)) return Renamed{std::move(*name), rule.values};
    }
    return std::nullopt;
}

REGULUS_INLINE std::optional<std::string> NameTable::to_ours(std::string_view foreign) const {
    auto renamed = renamed_to_ours(foreign);
    return renamed ? std::optional(std::move(renamed->name)) : std::nullopt;
}

REGULUS_INLINE std::optional<std::string> NameTable::to_foreign(std::string_view ours) const {
    auto renamed = renamed_to_foreign(ours);
    return renamed ? std::optional(std::move(renamed->name)) : std::nullopt;
}

REGULUS_INLINE const std::vector<NameTable>& name_tables() {
    static const std::vector<NameTable> tables{
        mmdetection_rcnn_names(), mmdetection_retinanet_names(), mmdetection3d_names(), mmdetection3d_voxelnet_names(), pycls_names(), mmpretrain_names(), timm_names(),
        torchvision_resnet_names(), torchvision_regnet_names(), torchvision_rcnn_names(), torchvision_retinanet_names(), torchvision_rcnn_v2_names(), torchvision_retinanet_v2_names(), timm_resnet_names(),
        // One map before pyramids: of tables that know equally many names the first is taken, and only those of pyramids know a neck.
        detectron2_one_map_rcnn_names(), detectron2_resnet_rcnn_names(), detectron2_resnet_retinanet_names(), detectron2_regnet_rcnn_names(), detectron2_regnet_retinanet_names(),
        caffe2_152_names(), caffe2_101_names(), caffe2_50_names(), caffe2_group_101_names(), caffe2_group_50_names(), caffe2_one_map_names()};
    return tables;
}

}  // namespace regulus
