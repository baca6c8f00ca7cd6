#pragma once
#include <regulus/models/classifier.hpp>
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ClassifierNetwork> resnet_networks() {
    return {
        {"ResNet-50", [] { return recorded<Classifier<ResNet<resnet_50>>>(); }},
        {"ResNet-101", [] { return recorded<Classifier<ResNet<resnet_101>>>(); }},
        {"ResNet-152", [] { return recorded<Classifier<ResNet<resnet_152>>>(); }},
        {"ResNeXt-50 32x4d", [] { return recorded<Classifier<ResNet<resnext_50_32x4d>>>(); }},
        {"ResNeXt-101 32x4d", [] { return recorded<Classifier<ResNet<resnext_101_32x4d>>>(); }},
        {"ResNeXt-152 32x4d", [] { return recorded<Classifier<ResNet<resnext_152_32x4d>>>(); }},
        {"ResNeXt-101 32x8d", [] { return recorded<Classifier<ResNet<resnext_101_32x8d>>>(); }},
        {"ResNeXt-101 64x4d", [] { return recorded<Classifier<ResNet<resnext_101_64x4d>>>(); }},
    };
}

}  // namespace regulus
