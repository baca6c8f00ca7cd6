#pragma once
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

/// timm: pycls's weights with the stem turned to RGB, and torchvision's second weights of the nets that differ (*_tv). Pillow's bicubic resize.
/// Errors: timm's results-imagenet.csv.
REGULUS_INLINE std::vector<ClassifierSpec> timm_classifiers() {
    struct Row {
        const char* name;
        const char* network;
        double top1_error, top5_error;
    };
    const Row rows[] = {
        {"regnetx_002", "RegNetX-200MF", 31.242, 11.432},
        {"regnetx_004", "RegNetX-400MF", 27.518, 9.16},
        {"regnetx_006", "RegNetX-600MF", 26.096, 8.36},
        {"regnetx_008", "RegNetX-800MF", 24.946, 7.662},
        {"regnetx_016", "RegNetX-1.6GF", 23.064, 6.568},
        {"regnetx_032", "RegNetX-3.2GF", 21.84, 5.912},
        {"regnetx_040", "RegNetX-4.0GF", 21.514, 5.748},
        {"regnetx_064", "RegNetX-6.4GF", 20.938, 5.532},
        {"regnetx_080", "RegNetX-8.0GF", 20.786, 5.458},
        {"regnetx_120", "RegNetX-12GF", 20.392, 5.266},
        {"regnetx_160", "RegNetX-16GF", 20.156, 5.148},
        {"regnetx_320", "RegNetX-32GF", 19.742, 4.984},
        {"regnety_002", "RegNetY-200MF", 29.712, 10.456},
        {"regnety_004", "RegNetY-400MF", 25.996, 8.244},
        {"regnety_006", "RegNetY-600MF", 24.726, 7.468},
        {"regnety_008", "RegNetY-800MF", 23.666, 6.94},
        {"regnety_016", "RegNetY-1.6GF", 22.12, 6.274},
        {"regnety_032", "RegNetY-3.2GF", 21.098, 5.574},
        {"regnety_040", "RegNetY-4.0GF", 20.754, 5.334},
        {"regnety_064", "RegNetY-6.4GF", 20.266, 5.232},
        {"regnety_080", "RegNetY-8.0GF", 20.126, 5.166},
        {"regnety_120", "RegNetY-12GF", 19.618, 4.896},
        {"regnety_160", "RegNetY-16GF", 19.716, 5.018},
        {"regnety_320", "RegNetY-32GF", 19.204, 4.754},
        {"regnetx_004_tv", "RegNetX-400MF-tv", 0, 0},
        {"regnety_008_tv", "RegNetY-800MF-tv", 0, 0},
        {"regnety_080_tv", "RegNetY-8.0GF-tv", 0, 0},
    };
    std::vector<ClassifierSpec> models;
    for (const Row& row : rows) {
        const bool from_torchvision = std::string_view(row.network).find("-tv") != std::string_view::npos;
        ClassifierSpec model;
        model.name = std::string("timm/") + row.name;
        model.aliases = {std::string(row.name) + (from_torchvision ? ".tv2_in1k" : ".pycls_in1k")};
        model.code_base = "timm";
        model.architecture = row.network;
        model.record = classifier_network(row.network);
        // floor(224 / 0.875) and floor(224 / 0.965)
        model.facts.preprocessing = detail::pillow_rgb(ClassifyResize::pillow_bicubic, from_torchvision ? 232 : 256);
        model.licence = from_torchvision ? "BSD-3-Clause" : "MIT";
        model.top1_error = row.top1_error;
        model.top5_error = row.top5_error;
        models.push_back(std::move(model));
    }
    return models;
}

}  // namespace regulus
