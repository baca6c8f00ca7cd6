#pragma once
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

/// The model zoo of pycls (dev/model_error.json): BGR, resized as float32.
REGULUS_INLINE std::vector<ClassifierSpec> pycls_classifiers() {
    struct Row {
        const char* name;
        const char* network;
        double top1_error, top5_error;
        const char* config = "";  // where its file is not called after the name
    };
    const Row rows[] = {
        {"RegNetX-200MF", "RegNetX-200MF", 31.088, 11.342},
        {"RegNetX-400MF", "RegNetX-400MF", 27.382, 9.076},
        {"RegNetX-600MF", "RegNetX-600MF", 25.864, 8.198},
        {"RegNetX-800MF", "RegNetX-800MF", 24.846, 7.592},
        {"RegNetX-1.6GF", "RegNetX-1.6GF", 23.038, 6.484},
        {"RegNetX-3.2GF", "RegNetX-3.2GF", 21.736, 5.862},
        {"RegNetX-4.0GF", "RegNetX-4.0GF", 21.356, 5.736},
        {"RegNetX-6.4GF", "RegNetX-6.4GF", 20.844, 5.434},
        {"RegNetX-8.0GF", "RegNetX-8.0GF", 20.728, 5.42},
        {"RegNetX-12GF", "RegNetX-12GF", 20.288, 5.284},
        {"RegNetX-16GF", "RegNetX-16GF", 19.956, 5.022},
        {"RegNetX-32GF", "RegNetX-32GF", 19.498, 4.878},
        {"RegNetY-200MF", "RegNetY-200MF", 29.658, 10.378},
        {"RegNetY-400MF", "RegNetY-400MF", 25.898, 8.07},
        {"RegNetY-600MF", "RegNetY-600MF", 24.54, 7.28},
        {"RegNetY-800MF", "RegNetY-800MF", 23.684, 6.846},
        {"RegNetY-1.6GF", "RegNetY-1.6GF", 22.066, 6.134},
        {"RegNetY-3.2GF", "RegNetY-3.2GF", 21.074, 5.454},
        {"RegNetY-4.0GF", "RegNetY-4.0GF", 20.64, 5.336},
        {"RegNetY-6.4GF", "RegNetY-6.4GF", 20.11, 5.1},
        {"RegNetY-8.0GF", "RegNetY-8.0GF", 20.052, 5.06},
        {"RegNetY-12GF", "RegNetY-12GF", 19.67, 4.856},
        {"RegNetY-16GF", "RegNetY-16GF", 19.608, 4.944},
        {"RegNetY-32GF", "RegNetY-32GF", 19.066, 4.568},
        {"ResNet-50", "ResNet-50", 23.19, 6.63, "R-50-1x64d"},
        {"ResNet-101", "ResNet-101", 21.414, 5.792, "R-101-1x64d"},
        {"ResNet-152", "ResNet-152", 20.87, 5.44, "R-152-1x64d"},
        {"ResNeXt-50", "ResNeXt-50 32x4d", 21.884, 6.062, "X-50-32x4d"},
        {"ResNeXt-101", "ResNeXt-101 32x4d", 20.664, 5.392, "X-101-32x4d"},
        {"ResNeXt-152", "ResNeXt-152 32x4d", 20.386, 5.318, "X-152-32x4d"},
    };
    std::vector<ClassifierSpec> models;
    for (const Row& row : rows) {
        ClassifierSpec model;
        model.name = std::string("pycls/") + row.name;
        model.code_base = "pycls";
        model.architecture = row.network;
        model.record = classifier_network(row.network);
        model.licence = "MIT";
        model.aliases = {std::string(*row.config == '\0' ? row.name : row.config) + "_dds_8gpu"};
        model.checkpoint = model.aliases.front() + ".pyth";
        model.top1_error = row.top1_error;
        model.top5_error = row.top5_error;
        models.push_back(std::move(model));
    }
    return models;
}

}  // namespace regulus
