#pragma once
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

/// mmpretrain's own trainings (configs/regnet), which mmclassification published: BGR, resized as 8-bit values, statistics of 0..255. Only RegNetX.
REGULUS_INLINE std::vector<ClassifierSpec> mmpretrain_classifiers() {
    struct Row {
        const char* config;
        const char* network;
        const char* published;  // date and hash of the checkpoint
        double top1_error, top5_error;
    };
    const Row rows[] = {
        {"regnetx-400mf_8xb128_in1k", "RegNetX-400MF", "20211213-89bfc226", 27.44, 9.22},
        {"regnetx-800mf_8xb128_in1k", "RegNetX-800MF", "20211213-222b0f11", 25.24, 7.68},
        {"regnetx-1.6gf_8xb128_in1k", "RegNetX-1.6GF", "20211213-d1b89758", 23.16, 6.69},
        {"regnetx-3.2gf_8xb64_in1k", "RegNetX-3.2GF", "20211213-1fdd82ae", 21.91, 5.92},
        {"regnetx-4.0gf_8xb64_in1k", "RegNetX-4.0GF", "20211213-efed675c", 21.4, 5.83},
        {"regnetx-6.4gf_8xb64_in1k", "RegNetX-6.4GF", "20211215-5c6089da", 20.62, 5.35},
        {"regnetx-8.0gf_8xb64_in1k", "RegNetX-8.0GF", "20211213-9a9fcc76", 20.88, 5.49},
        {"regnetx-12gf_8xb64_in1k", "RegNetX-12GF", "20211213-5df8c2f8", 20.33, 4.97},
    };
    std::vector<ClassifierSpec> models;
    for (const Row& row : rows) {
        ClassifierSpec model;
        model.name = std::string("mmpretrain/") + row.config;
        model.code_base = "mmpretrain";
        model.architecture = row.network;
        model.record = classifier_network(row.network);
        ClassifyPreprocessing& p = model.facts.preprocessing;
        p.resize = ClassifyResize::opencv_u8;
        p.divisor = 1;
        p.mean = {103.53f, 116.28f, 123.675f};
        p.std = {57.375f, 57.12f, 58.395f};
        model.licence = "Apache-2.0";
        model.checkpoint = std::string(row.config) + "_" + row.published + ".pth";
        model.top1_error = row.top1_error;
        model.top5_error = row.top5_error;
        models.push_back(std::move(model));
    }
    return models;
}

}  // namespace regulus
