#pragma once
#include <regulus/zoo/classifiers.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

REGULUS_INLINE Graph (*classifier_network(std::string_view name))() {
    static const std::vector<ClassifierNetwork> networks = [] {
        std::vector<ClassifierNetwork> all = regnetx_networks();
        for (const auto& part : {regnety_networks(), resnet_networks()}) all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    for (const ClassifierNetwork& network : networks) {
        if (network.name == name) return network.record;
    }
    throw ArgumentError("zoo: there is no network \"" + std::string(name) + "\"");
}

REGULUS_INLINE const std::vector<ClassifierSpec>& classifier_models() {
    static const std::vector<ClassifierSpec> models = [] {
        std::vector<ClassifierSpec> all = pycls_classifiers();
        for (const auto& part : {mmpretrain_classifiers(), timm_classifiers(), torchvision_classifiers()}) all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    return models;
}

REGULUS_INLINE const ClassifierSpec& find_classifier(const std::vector<ClassifierSpec>& models, std::string_view name) {
    std::string wanted(name);
    for (const std::string_view older : {"mmclassification/", "mmcls/"}) {
        if (name.substr(0, older.size()) == older) wanted = "mmpretrain/" + std::string(name.substr(older.size()));
    }
    std::vector<ModelSpec> names(models.size());
    for (std::size_t i = 0; i < models.size(); ++i) {
        names[i].name = models[i].name;
        names[i].aliases = models[i].aliases;
    }
    return models[std::size_t(&find_model(names, wanted) - names.data())];
}

}  // namespace regulus
