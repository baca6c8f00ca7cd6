#pragma once
#include <regulus/zoo/classifier_facts.hpp>

#include <regulus/core/json.hpp>
#include <regulus/zoo/model_spec.hpp>
#include <regulus/zoo/model_spec-impl.hpp>

namespace regulus {

namespace detail::facts {

// Names in files, in the order of the enumerators.
inline constexpr const char* classify_resizes[] = {"opencv_float", "opencv_u8", "pillow_bilinear", "pillow_bicubic"};
inline constexpr const char* exif_orientations[] = {"applied", "ignored"};

static_assert(int(ClassifyResize::opencv_float) == 0 && int(ClassifyResize::opencv_u8) == 1 && int(ClassifyResize::pillow_bilinear) == 2 && int(ClassifyResize::pillow_bicubic) == 3);
static_assert(int(ExifOrientation::applied) == 0 && int(ExifOrientation::ignored) == 1);

}  // namespace detail::facts

REGULUS_INLINE std::map<std::string, std::string> facts_to_metadata(const ClassifierFacts& facts) {
    using namespace detail::facts;
    const ClassifyPreprocessing& p = facts.preprocessing;
    std::map<std::string, std::string> metadata;
    metadata["regulus.preprocessing"] = std::string("{\"resize\": \"") + classify_resizes[int(p.resize)] + "\", \"short_side\": " + std::to_string(p.short_side) +
                                        ", \"crop\": " + std::to_string(p.crop) + ", \"channel_order\": \"" + channel_orders[int(p.channel_order)] + "\", \"divisor\": " + number(p.divisor) +
                                        ", \"mean\": " + triple(p.mean) + ", \"std\": " + triple(p.std) + ", \"exif\": \"" + exif_orientations[int(p.exif)] + "\"}";
    std::string classes;
    for (const std::string& name : facts.class_names) classes += (classes.empty() ? "" : ", ") + json_quote(name);
    if (!classes.empty()) metadata["regulus.classes"] = "[" + classes + "]";
    return metadata;
}

REGULUS_INLINE ClassifierFacts facts_from_metadata(const std::map<std::string, std::string>& metadata, const ClassifierFacts& defaults, const std::string& source) {
    ClassifierFacts facts = defaults;
    if (const auto found = metadata.find("regulus.preprocessing"); found != metadata.end()) {
        const Json json = parse_json(found->second, source + ": " + found->first);
        if (json.object() == nullptr) throw FileError("load: " + source + ": regulus.preprocessing must be a JSON object");
        if (json.find("resize_rule") != nullptr) throw FileError("load: " + source + ": regulus.preprocessing is that of a detector, not of a classifier");
        const detail::facts::Reader reader{json, source};
        ClassifyPreprocessing& p = facts.preprocessing;
        reader.choice("resize", detail::facts::classify_resizes, p.resize);
        reader.choice("channel_order", detail::facts::channel_orders, p.channel_order);
        reader.choice("exif", detail::facts::exif_orientations, p.exif);
        reader.count("short_side", p.short_side);
        reader.count("crop", p.crop);
        reader.values("mean", p.mean);
        reader.values("std", p.std);
        if (const Json* divisor = json.find("divisor")) {
            const bool one = divisor->integer() != nullptr && *divisor->integer() == 1, full = divisor->integer() != nullptr && *divisor->integer() == 255;
            if (!one && !full) reader.refuse("divisor", "1 or 255");
            p.divisor = one ? 1.0f : 255.0f;
        }
        for (const float std : p.std) {
            if (!(std > 0)) reader.refuse("std", "three numbers above zero");
        }
    }
    ModelFacts names;
    names.class_names = facts.class_names;
    std::map<std::string, std::string> rest = metadata;
    rest.erase("regulus.preprocessing");
    facts.class_names = facts_from_metadata(rest, names, source).class_names;
    return facts;
}

}  // namespace regulus
