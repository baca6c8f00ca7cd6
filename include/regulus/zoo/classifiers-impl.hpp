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

namespace detail {

REGULUS_INLINE std::vector<ClassifierSpec> timm_models(const std::vector<TimmRow>& rows) {
    std::vector<ClassifierSpec> models;
    for (const TimmRow& row : rows) {
        const std::string name = row.name;
        ClassifierSpec model;
        model.name = "timm/" + name;
        if (row.is_default) model.aliases = {name.substr(0, name.find('.'))};
        model.code_base = "timm";
        model.architecture = row.network;
        model.record = classifier_network(row.network);
        model.facts.preprocessing = pillow_rgb(row.resize, row.short_side);
        model.facts.preprocessing.crop = row.crop;
        model.classes = row.classes;
        if (row.classes == 11821) model.data = "ImageNet-12k";
        model.licence = row.licence;
        model.checkpoint = row.checkpoint;
        model.top1_error = row.top1_error;
        model.top5_error = row.top5_error;
        models.push_back(std::move(model));
    }
    return models;
}

}  // namespace detail

REGULUS_INLINE const std::vector<ClassifierSpec>& classifier_models() {
    static const std::vector<ClassifierSpec> models = [] {
        std::vector<ClassifierSpec> all = pycls_classifiers();
        for (const auto& part : {mmpretrain_classifiers(), timm_regnet_classifiers(), timm_resnet_classifiers(), torchvision_classifiers()}) all.insert(all.end(), part.begin(), part.end());
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
