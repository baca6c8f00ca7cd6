#pragma once
// The published classifiers by name: pycls, mmpretrain, timm, torchvision. With REGULUS_COMPILED they are built once in the library; header-only, including
// this file instantiates all networks (seconds): a program that uses one includes <regulus/models/classifier.hpp> instead.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <regulus/zoo/classifier_spec.hpp>

namespace regulus {

/// A network that code bases share.
struct ClassifierNetwork {
    const char* name;
    Graph (*record)();
};

std::vector<ClassifierNetwork> regnetx_networks();
std::vector<ClassifierNetwork> regnety_networks();
std::vector<ClassifierNetwork> resnet_networks();

/// The recording function of a network of these lists. Throws ArgumentError for an unknown name.
Graph (*classifier_network(std::string_view name))();

std::vector<ClassifierSpec> pycls_classifiers();
std::vector<ClassifierSpec> mmpretrain_classifiers();
std::vector<ClassifierSpec> timm_regnet_classifiers();
std::vector<ClassifierSpec> timm_resnet_classifiers();
std::vector<ClassifierSpec> torchvision_classifiers();

/// All of the above.
const std::vector<ClassifierSpec>& classifier_models();

/// The classifier that `name` names, by the rules of find_model; mmclassification/... and mmcls/... mean mmpretrain/... Throws ArgumentError with candidates as
/// find_model does.
const ClassifierSpec& find_classifier(const std::vector<ClassifierSpec>& models, std::string_view name);

namespace detail {

/// Pillow's resize on RGB, ImageNet's statistics of values / 255: torchvision and timm.
inline ClassifyPreprocessing pillow_rgb(ClassifyResize resize, std::int64_t short_side) {
    ClassifyPreprocessing p;
    p.short_side = short_side;
    p.resize = resize;
    p.channel_order = ChannelOrder::rgb;
    p.mean = {0.485f, 0.456f, 0.406f};
    p.std = {0.229f, 0.224f, 0.225f};
    p.exif = ExifOrientation::ignored;
    return p;
}

/// One of timm's pretrained configurations.
struct TimmRow {
    const char* name;     // architecture.tag
    const char* network;
    int short_side;       // floor(crop / crop_pct)
    int crop;             // of the training; timm can also test at a larger one
    ClassifyResize resize;
    const char* licence;  // that the configuration states
    bool is_default;      // what timm means by the architecture's name alone
    const char* checkpoint = "";  // published under parameter names of timm
    double top1_error = 0, top5_error = 0;
    int classes = 1000;
};

std::vector<ClassifierSpec> timm_models(const std::vector<TimmRow>& rows);

}  // namespace detail

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/zoo/classifier_regnetx-impl.hpp>
#include <regulus/zoo/classifier_regnety-impl.hpp>
#include <regulus/zoo/classifier_resnet-impl.hpp>
#include <regulus/zoo/classifiers-impl.hpp>
#include <regulus/zoo/classifiers_mmpretrain-impl.hpp>
#include <regulus/zoo/classifiers_pycls-impl.hpp>
#include <regulus/zoo/classifiers_timm-impl.hpp>
#include <regulus/zoo/classifiers_timm_resnet-impl.hpp>
#include <regulus/zoo/classifiers_torchvision-impl.hpp>
#endif
