#pragma once
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

namespace detail {

/// How a config of mmpretrain sees pictures; all decode with OpenCV and use statistics of 0..255.
enum class MmRecipe { regnet, cv2, pillow, rsb };

inline ClassifyPreprocessing mmpretrain_preprocessing(MmRecipe recipe) {
    ClassifyPreprocessing p;
    p.divisor = 1;
    if (recipe == MmRecipe::regnet) {  // configs/regnet: BGR
        p.mean = {103.53f, 116.28f, 123.675f};
        p.std = {57.375f, 57.12f, 58.395f};
    } else {
        p.channel_order = ChannelOrder::rgb;
        p.mean = {123.675f, 116.28f, 103.53f};
        p.std = {58.395f, 57.12f, 57.375f};
    }
    p.resize = recipe == MmRecipe::pillow ? ClassifyResize::pillow_bilinear : recipe == MmRecipe::rsb ? ClassifyResize::pillow_bicubic : ClassifyResize::opencv_u8;
    if (recipe == MmRecipe::rsb) p.short_side = 236;
    return p;
}

}  // namespace detail

/// mmpretrain (mmclassification before): RegNetX of its own training and, ".pycls", converted from pycls; ResNets and ResNeXts of the plain form.
/// Facts: metafile.yml of its configs, which are the same in 0.25 and 1.2, and the table of configs/regnet for the converted ones.
REGULUS_INLINE std::vector<ClassifierSpec> mmpretrain_classifiers() {
    using enum detail::MmRecipe;
    struct Row {
        const char* config;
        const char* network;
        detail::MmRecipe recipe;
        const char* checkpoint;  // without .pth; "_...": what follows the config's name
        double top1_error, top5_error;
    };
    const Row rows[] = {
        {"regnetx-400mf_8xb128_in1k", "RegNetX-400MF", regnet, "_20211213-89bfc226", 27.44, 9.22},
        {"regnetx-800mf_8xb128_in1k", "RegNetX-800MF", regnet, "_20211213-222b0f11", 25.24, 7.68},
        {"regnetx-1.6gf_8xb128_in1k", "RegNetX-1.6GF", regnet, "_20211213-d1b89758", 23.16, 6.69},
        {"regnetx-3.2gf_8xb64_in1k", "RegNetX-3.2GF", regnet, "_20211213-1fdd82ae", 21.91, 5.92},
        {"regnetx-4.0gf_8xb64_in1k", "RegNetX-4.0GF", regnet, "_20211213-efed675c", 21.4, 5.83},
        {"regnetx-6.4gf_8xb64_in1k", "RegNetX-6.4GF", regnet, "_20211215-5c6089da", 20.62, 5.35},
        {"regnetx-8.0gf_8xb64_in1k", "RegNetX-8.0GF", regnet, "_20211213-9a9fcc76", 20.88, 5.49},
        {"regnetx-12gf_8xb64_in1k", "RegNetX-12GF", regnet, "_20211213-5df8c2f8", 20.33, 4.97},
        {"regnetx-400mf_8xb128_in1k.pycls", "RegNetX-400MF", regnet, "RegNetX-400MF-0db9f35c", 27.45, 9.09},
        {"regnetx-800mf_8xb128_in1k.pycls", "RegNetX-800MF", regnet, "RegNetX-800MF-4f9d1e8a", 24.79, 7.63},
        {"regnetx-1.6gf_8xb128_in1k.pycls", "RegNetX-1.6GF", regnet, "RegNetX-1.6GF-cfb32375", 22.96, 6.49},
        {"regnetx-3.2gf_8xb64_in1k.pycls", "RegNetX-3.2GF", regnet, "RegNetX-3.2GF-82c43fd5", 21.74, 5.8},
        {"regnetx-4.0gf_8xb64_in1k.pycls", "RegNetX-4.0GF", regnet, "RegNetX-4.0GF-ef8bb32c", 21.28, 5.78},
        {"regnetx-6.4gf_8xb64_in1k.pycls", "RegNetX-6.4GF", regnet, "RegNetX-6.4GF-6888c0ea", 20.78, 5.39},
        {"regnetx-8.0gf_8xb64_in1k.pycls", "RegNetX-8.0GF", regnet, "RegNetX-8.0GF-cb4c77ec", 20.69, 5.43},
        {"regnetx-12gf_8xb64_in1k.pycls", "RegNetX-12GF", regnet, "RegNetX-12GF-0574538f", 20.09, 5.22},
        {"resnet50_8xb32_in1k", "ResNet-50", cv2, "_20210831-ea4938fc", 23.45, 6.94},
        {"resnet101_8xb32_in1k", "ResNet-101", cv2, "_20210831-539c63f8", 22.03, 5.94},
        {"resnet152_8xb32_in1k", "ResNet-152", cv2, "_20210901-4d7582fa", 21.52, 5.87},
        {"resnet50_8xb32-fp16_in1k", "ResNet-50", cv2, "resnet50_batch256_fp16_imagenet_20210320-b3964210", 23.7, 6.93},
        {"resnet50_8xb256-rsb-a1-600e_in1k", "ResNet-50", rsb, "_20211228-20e21305", 19.88, 5.22},
        {"resnet50_8xb256-rsb-a2-300e_in1k", "ResNet-50", rsb, "_20211228-0fd8be6e", 20.45, 5.63},
        {"resnet50_8xb256-rsb-a3-100e_in1k", "ResNet-50", rsb, "_20211228-3493673c", 21.7, 6.2},
        {"resnext50-32x4d_8xb32_in1k", "ResNeXt-50 32x4d", pillow, "resnext50_32x4d_b32x8_imagenet_20210429-56066e27", 22.1, 6.34},
        {"resnext101-32x4d_8xb32_in1k", "ResNeXt-101 32x4d", pillow, "resnext101_32x4d_b32x8_imagenet_20210506-e0fa3dd5", 21.39, 5.83},
        {"resnext101-32x8d_8xb32_in1k", "ResNeXt-101 32x8d", pillow, "resnext101_32x8d_b32x8_imagenet_20210506-23a247d5", 20.73, 5.42},
        {"resnext152-32x4d_8xb32_in1k", "ResNeXt-152 32x4d", pillow, "resnext152_32x4d_b32x8_imagenet_20210524-927787be", 21.12, 5.67},
    };
    std::vector<ClassifierSpec> models;
    for (const Row& row : rows) {
        const std::string config = row.config, file = row.checkpoint;
        ClassifierSpec model;
        model.name = "mmpretrain/" + config;
        model.code_base = "mmpretrain";
        model.architecture = row.network;
        model.record = classifier_network(row.network);
        model.facts.preprocessing = detail::mmpretrain_preprocessing(row.recipe);
        const bool converted = config.find(".pycls") != std::string::npos;
        model.licence = converted ? "MIT" : "Apache-2.0";  // converted weights are still pycls's
        model.checkpoint = (file[0] == '_' ? config + file : file) + ".pth";
        model.top1_error = row.top1_error;
        model.top5_error = row.top5_error;
        models.push_back(std::move(model));
    }
    return models;
}

}  // namespace regulus
