#pragma once
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

/// torchvision's weights. NAME is IMAGENET1K_V1; NAME.IMAGENET1K_V2 and the SWAG ones see pictures at other sizes.
REGULUS_INLINE std::vector<ClassifierSpec> torchvision_classifiers() {
    struct Row {
        const char* name;
        const char* network;
        const char* weights;  // "V1", ...: the end of torchvision's name
        const char* hash;     // of the checkpoint; "": none is published
        double top1_error, top5_error;
    };
    const Row rows[] = {
        {"regnet_x_400mf", "RegNetX-400MF-tv", "V1", "adf1edd5", 27.166, 9.05},
        {"regnet_x_400mf", "RegNetX-400MF-tv", "V2", "62229a5f", 25.136, 7.678},
        {"regnet_x_800mf", "RegNetX-800MF", "V1", "ad17e45c", 24.788, 7.652},
        {"regnet_x_800mf", "RegNetX-800MF", "V2", "94a99ebd", 22.478, 6.174},
        {"regnet_x_1_6gf", "RegNetX-1.6GF", "V1", "e3633e7f", 22.96, 6.56},
        {"regnet_x_1_6gf", "RegNetX-1.6GF", "V2", "a12f2b72", 20.332, 5.078},
        {"regnet_x_3_2gf", "RegNetX-3.2GF", "V1", "f342aeae", 21.636, 6.008},
        {"regnet_x_3_2gf", "RegNetX-3.2GF", "V2", "7071aa85", 18.804, 4.57},
        {"regnet_x_8gf", "RegNetX-8.0GF", "V1", "03ceed89", 20.656, 5.314},
        {"regnet_x_8gf", "RegNetX-8.0GF", "V2", "2b70d774", 18.318, 4.322},
        {"regnet_x_16gf", "RegNetX-16GF", "V1", "2007eb11", 19.942, 5.056},
        {"regnet_x_16gf", "RegNetX-16GF", "V2", "ba3796d7", 17.284, 3.804},
        {"regnet_x_32gf", "RegNetX-32GF", "V1", "9d47f8d0", 19.378, 4.752},
        {"regnet_x_32gf", "RegNetX-32GF", "V2", "6eb8fdc6", 16.986, 3.712},
        {"regnet_y_400mf", "RegNetY-400MF", "V1", "c65dace8", 25.954, 8.284},
        {"regnet_y_400mf", "RegNetY-400MF", "V2", "e6988f5f", 24.196, 7.258},
        {"regnet_y_800mf", "RegNetY-800MF-tv", "V1", "1b27b58c", 23.58, 6.864},
        {"regnet_y_800mf", "RegNetY-800MF-tv", "V2", "58fc7688", 21.172, 5.498},
        {"regnet_y_1_6gf", "RegNetY-1.6GF", "V1", "b11a554e", 22.05, 6.034},
        {"regnet_y_1_6gf", "RegNetY-1.6GF", "V2", "0d7bc02a", 19.124, 4.556},
        {"regnet_y_3_2gf", "RegNetY-3.2GF", "V1", "b5a9779c", 21.052, 5.424},
        {"regnet_y_3_2gf", "RegNetY-3.2GF", "V2", "9180c971", 18.018, 4.028},
        {"regnet_y_8gf", "RegNetY-8.0GF-tv", "V1", "d0d0e4a8", 19.968, 4.952},
        {"regnet_y_8gf", "RegNetY-8.0GF-tv", "V2", "dc2b1b54", 17.172, 3.67},
        {"regnet_y_16gf", "RegNetY-16GF", "V1", "9e6ed7dd", 19.576, 4.76},
        {"regnet_y_16gf", "RegNetY-16GF", "V2", "3e4a00f9", 17.114, 3.672},
        {"regnet_y_32gf", "RegNetY-32GF", "V1", "4dee3f7a", 19.122, 4.66},
        {"regnet_y_32gf", "RegNetY-32GF", "V2", "8db6d4b5", 16.632, 3.502},
        {"regnet_y_16gf", "RegNetY-16GF", "SWAG_E2E_V1", "43afe44d", 13.988, 1.946},
        {"regnet_y_16gf", "RegNetY-16GF", "SWAG_LINEAR_V1", "f3ec0043", 16.024, 2.756},
        {"regnet_y_32gf", "RegNetY-32GF", "SWAG_E2E_V1", "04fdfa75", 13.162, 1.638},
        {"regnet_y_32gf", "RegNetY-32GF", "SWAG_LINEAR_V1", "e1583746", 15.378, 2.52},
        {"regnet_y_128gf", "RegNetY-128GF", "SWAG_E2E_V1", "c8ce3e52", 11.772, 1.318},
        {"regnet_y_128gf", "RegNetY-128GF", "SWAG_LINEAR_V1", "cbe8ce12", 13.932, 2.156},
        {"resnet50", "ResNet-50", "V1", "0676ba61", 23.87, 7.138},
        {"resnet50", "ResNet-50", "V2", "11ad3fa6", 19.142, 4.566},
        {"resnet101", "ResNet-101", "V1", "63fe2227", 22.626, 6.454},
        {"resnet101", "ResNet-101", "V2", "cd907fc2", 18.114, 4.22},
        {"resnet152", "ResNet-152", "V1", "394f9c45", 21.688, 5.954},
        {"resnet152", "ResNet-152", "V2", "f82ba261", 17.716, 3.998},
        {"resnext50_32x4d", "ResNeXt-50 32x4d", "V1", "7cdf4587", 22.382, 6.302},
        {"resnext50_32x4d", "ResNeXt-50 32x4d", "V2", "1a0047aa", 18.802, 4.66},
        {"resnext101_32x8d", "ResNeXt-101 32x8d", "V1", "8ba56ff5", 20.688, 5.474},
        {"resnext101_32x8d", "ResNeXt-101 32x8d", "V2", "110c445d", 17.166, 3.772},
        {"resnext101_64x4d", "ResNeXt-101 64x4d", "V1", "173b62eb", 16.754, 3.546},
        {"resnext101_32x4d", "ResNeXt-101 32x4d", "V1", "", 0, 0},  // torchvision can build it and publishes no weights
    };
    std::vector<ClassifierSpec> models;
    for (const Row& row : rows) {
        const std::string name = row.name, weights = row.weights;
        const bool end_to_end = weights == "SWAG_E2E_V1", linear = weights == "SWAG_LINEAR_V1";
        const bool swag = end_to_end || linear;
        const bool new_recipe = weights == "V2" || name == "resnext101_64x4d";
        ClassifierSpec model;
        model.name = "torchvision/" + name + (weights == "V1" ? "" : ".IMAGENET1K_" + weights);
        if (weights == "V1") model.aliases = {name + ".IMAGENET1K_V1"};
        if (name == "regnet_y_128gf" && end_to_end) model.aliases = {name};  // torchvision's default where there is no V1
        model.code_base = "torchvision";
        model.architecture = row.network;
        model.record = classifier_network(row.network);
        model.facts.preprocessing = detail::pillow_rgb(ClassifyResize::pillow_bilinear, new_recipe ? 232 : 256);
        if (swag) {
            model.facts.preprocessing = detail::pillow_rgb(ClassifyResize::pillow_bicubic, end_to_end ? 384 : 224);
            model.facts.preprocessing.crop = end_to_end ? 384 : 224;
        }
        model.licence = swag ? "CC-BY-NC-4.0" : "BSD-3-Clause";
        if (*row.hash != '\0') model.checkpoint = name + (end_to_end ? "_swag-" : linear ? "_lc_swag-" : "-") + row.hash + ".pth";
        model.top1_error = row.top1_error;
        model.top5_error = row.top5_error;
        models.push_back(std::move(model));
    }
    return models;
}

}  // namespace regulus
