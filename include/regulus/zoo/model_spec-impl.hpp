#pragma once
#include <cmath>
#include <cstdio>
#include <limits>

#include <regulus/core/json.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace regulus {

namespace detail::facts {

/// Shortest of 6 to 9 digits that reads back to the same float.
inline std::string number(float value) {
    char text[32];
    for (int digits = 6; digits <= 9; ++digits) {
        std::snprintf(text, sizeof text, "%.*g", digits, double(value));
        float back = 0;
        if (std::sscanf(text, "%f", &back) == 1 && back == value) break;
    }
    return text;
}

inline std::string triple(const std::array<float, 3>& values) { return "[" + number(values[0]) + ", " + number(values[1]) + ", " + number(values[2]) + "]"; }

// Names in files, in the order of the enumerators.
inline constexpr const char* resize_rules[] = {"none", "mmdet_keep_ratio", "detectron2_short", "torchvision_short"};
inline constexpr const char* interpolations[] = {"opencv_bilinear", "pillow_bilinear", "pillow_bicubic", "torch_bilinear"};
inline constexpr const char* channel_orders[] = {"rgb", "bgr"};

/// A member of the preprocessing object; each complaint names source and key.
struct Reader {
    const Json& object;
    const std::string& source;

    [[noreturn]] void refuse(const char* key, const char* expected) const {
        throw FileError("load: " + source + ": regulus.preprocessing: \"" + key + "\" must be " + expected);
    }
    template <std::size_t Count, class Enum>
    void choice(const char* key, const char* const (&names)[Count], Enum& value) const {
        const Json* member = object.find(key);
        if (member == nullptr) return;
        for (std::size_t i = 0; i < Count; ++i) {
            if (member->text() != nullptr && *member->text() == names[i]) {
                value = Enum(i);
                return;
            }
        }
        refuse(key, "one of the names that Regulus writes");
    }
    /// A side or what it is a multiple of. A file that asks for giant inputs asks for all memory and time there is.
    void count(const char* key, std::int64_t& value) const {
        const Json* member = object.find(key);
        if (member == nullptr) return;
        if (member->integer() == nullptr || *member->integer() < 1 || *member->integer() > 8192) refuse(key, "an integer of 1 .. 8192");
        value = *member->integer();
    }
    void positive(const char* key, float& result) const {
        const Json* member = object.find(key);
        if (member == nullptr) return;
        const double value = member->real() != nullptr ? *member->real() : member->integer() != nullptr ? double(*member->integer()) : 0;
        if (!(value > 0 && float(value) > 0 && value <= double(std::numeric_limits<float>::max()))) refuse(key, "a number above zero of single precision");
        result = float(value);
    }
    void values(const char* key, std::array<float, 3>& result) const {
        const Json* member = object.find(key);
        if (member == nullptr) return;
        const Json::Array* array = member->array();
        if (array == nullptr || array->size() != 3) refuse(key, "three numbers");
        for (std::size_t i = 0; i < 3; ++i) {
            const Json& item = (*array)[i];
            if (item.real() == nullptr && item.integer() == nullptr) refuse(key, "three numbers");
            const double value = item.real() != nullptr ? *item.real() : double(*item.integer());
            if (!(std::fabs(value) <= double(std::numeric_limits<float>::max()))) refuse(key, "three numbers of single precision");
            result[i] = float(value);
        }
    }
};

inline std::vector<std::string> texts(const Json& json) {
    std::vector<std::string> result;
    if (json.array() == nullptr) return {};
    for (const Json& item : *json.array()) {
        if (item.text() == nullptr) return {};
        result.push_back(*item.text());
    }
    return result;
}

}  // namespace detail::facts

REGULUS_INLINE std::string ModelFacts::class_name(int label) const {
    return label >= 0 && std::size_t(label) < class_names.size() ? class_names[std::size_t(label)] : "class " + std::to_string(label);
}

REGULUS_INLINE std::int64_t ModelFacts::category_id(int label) const {
    return label >= 0 && std::size_t(label) < category_ids.size() ? category_ids[std::size_t(label)] : std::int64_t(label) + 1;
}

REGULUS_INLINE std::string ModelFacts::stuff_name(int label) const {
    return label >= 0 && std::size_t(label) < stuff_names.size() ? stuff_names[std::size_t(label)] : "stuff " + std::to_string(label);
}

REGULUS_INLINE std::int64_t ModelFacts::stuff_id(int label) const {
    return label >= 0 && std::size_t(label) < stuff_ids.size() ? stuff_ids[std::size_t(label)] : std::int64_t(label);
}

REGULUS_INLINE std::map<std::string, std::string> facts_to_metadata(const ModelFacts& facts) {
    using namespace detail::facts;
    const Preprocessing& p = facts.preprocessing;
    std::map<std::string, std::string> metadata;
    metadata["regulus.preprocessing"] = std::string("{\"resize_rule\": \"") + resize_rules[int(p.resize_rule)] + "\", \"long_side\": " + std::to_string(p.long_side) +
                                        ", \"short_side\": " + std::to_string(p.short_side) + ", \"interpolation\": \"" + interpolations[int(p.interpolation)] +
                                        "\", \"channel_order\": \"" + channel_orders[int(p.channel_order)] + (p.divisor == 1 ? "\"" : "\", \"divisor\": " + number(p.divisor)) + ", \"mean\": " + triple(p.mean) + ", \"std\": " + triple(p.std) +
                                        ", \"pad_divisor\": " + std::to_string(p.pad_divisor) + "}";
    const auto add = [&](const char* key, const auto& list, auto&& word) {
        std::string text;
        for (const auto& item : list) text += (text.empty() ? "[" : ", ") + word(item);
        if (!text.empty()) metadata[key] = text + "]";
    };
    const auto quoted = [](const std::string& name) { return json_quote(name); };
    const auto digits = [](std::int64_t id) { return std::to_string(id); };
    add("regulus.classes", facts.class_names, quoted);
    add("regulus.category_ids", facts.category_ids, digits);
    add("regulus.stuff_classes", facts.stuff_names, quoted);
    add("regulus.stuff_ids", facts.stuff_ids, digits);
    return metadata;
}

REGULUS_INLINE ModelFacts facts_from_metadata(const std::map<std::string, std::string>& metadata, const ModelFacts& defaults, const std::string& source) {
    ModelFacts facts = defaults;
    const auto parse = [&](const std::string& key, const std::string& text) { return parse_json(text, source + ": " + key); };
    if (const auto found = metadata.find("regulus.preprocessing"); found != metadata.end()) {
        const Json json = parse(found->first, found->second);
        if (json.object() == nullptr) throw FileError("load: " + source + ": regulus.preprocessing must be a JSON object");
        const detail::facts::Reader reader{json, source};
        reader.choice("resize_rule", detail::facts::resize_rules, facts.preprocessing.resize_rule);
        reader.choice("interpolation", detail::facts::interpolations, facts.preprocessing.interpolation);
        reader.choice("channel_order", detail::facts::channel_orders, facts.preprocessing.channel_order);
        reader.count("long_side", facts.preprocessing.long_side);
        reader.count("short_side", facts.preprocessing.short_side);
        reader.count("pad_divisor", facts.preprocessing.pad_divisor);
        reader.positive("divisor", facts.preprocessing.divisor);
        reader.values("mean", facts.preprocessing.mean);
        reader.values("std", facts.preprocessing.std);
        for (const float std : facts.preprocessing.std) {
            if (!(std > 0)) reader.refuse("std", "three numbers above zero");
        }
    }
    const auto names = [&](const char* key, std::vector<std::string>& list) {
        const auto found = metadata.find(key);
        if (found == metadata.end()) return;
        list = detail::facts::texts(parse(key, found->second));
        if (list.empty()) throw FileError("load: " + source + ": " + key + " must be a JSON array of names");
    };
    const auto ids = [&](const char* key, std::vector<std::int64_t>& list) {
        const auto found = metadata.find(key);
        if (found == metadata.end()) return;
        const Json json = parse(key, found->second);
        list.clear();
        if (json.array() == nullptr) throw FileError("load: " + source + ": " + key + " must be a JSON array of integers");
        for (const Json& item : *json.array()) {
            if (item.integer() == nullptr) throw FileError("load: " + source + ": " + key + " must be a JSON array of integers");
            list.push_back(*item.integer());
        }
    };
    names("regulus.classes", facts.class_names);
    ids("regulus.category_ids", facts.category_ids);
    names("regulus.stuff_classes", facts.stuff_names);
    ids("regulus.stuff_ids", facts.stuff_ids);
    if (facts.class_names.empty()) {
        for (const char* key : {"meta.CLASSES", "meta.dataset_meta.CLASSES", "meta.dataset_meta.classes"}) {
            const auto found = metadata.find(key);
            if (found == metadata.end() || !facts.class_names.empty()) continue;
            try {
                facts.class_names = detail::facts::texts(parse_json(found->second, source));
            } catch (const FileError&) {  // another program's free text: without class names the numbers still hold
            }
        }
    }
    return facts;
}

REGULUS_INLINE Graph recorded(const ModelSpec& model) {
    if (model.record == nullptr) throw ArgumentError("zoo: " + model.name + " has no recording function");
    Graph graph = model.record();
    graph.name = model.name;
    return graph;
}

}  // namespace regulus
