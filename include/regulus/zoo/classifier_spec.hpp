#pragma once
// What a classifier is besides its layers.
#include <string>
#include <utility>
#include <vector>

#include <regulus/data/classify_preprocess.hpp>
#include <regulus/zoo/classifier_head.hpp>

namespace regulus {

/// How a classifier was trained to see and to speak.
struct ClassifierFacts {
    ClassifyPreprocessing preprocessing;
    std::vector<std::string> class_names;  ///< by index; empty: not known here (those of ImageNet are not shipped)

    /// The class's name, or "class 7".
    std::string class_name(int index) const {
        return index >= 0 && std::size_t(index) < class_names.size() ? class_names[std::size_t(index)] : "class " + std::to_string(index);
    }
};

/// The facts that a model's type states in a static member `facts()` if that gives ClassifierFacts; pycls's preprocessing without one.
template <class Model>
ClassifierFacts classifier_facts_of() {
    if constexpr (requires { ClassifierFacts(Model::facts()); }) return Model::facts();
    else return {};
}

/// A classifier that can be asked for by name.
struct ClassifierSpec {
    std::string name;                  ///< "<code base>/<published name>": "pycls/RegNetX-3.2GF"
    std::vector<std::string> aliases;  ///< other spellings, without the code base
    std::string code_base;             ///< whose parameter names its checkpoints have
    std::string architecture;          ///< "RegNetX-3.2GF"; "-tv": torchvision's net of that name, which is another
    Graph (*record)() = nullptr;
    ClassifierFacts facts;
    int classes = 1000;
    /// Under which its publisher gives the weights: what the weights' own configuration states (timm), else the licence of the repository that publishes them
    /// (pycls, mmpretrain, torchvision). What may be done with networks trained on ImageNet's pictures is a question of its own, not answered here.
    std::string licence;
    std::string checkpoint;            ///< published file name; empty when none is known
    double top1_error = 0;             ///< published, percent, one crop; 0: none known
    double top5_error = 0;
    std::string data = "ImageNet-1k";  ///< what it was trained and judged on
};

/// The recorded graph, named after the model, with its number of classes. Throws ArgumentError for an entry without a recording function.
inline Graph recorded(const ClassifierSpec& model) {
    if (model.record == nullptr) throw ArgumentError("zoo: " + model.name + " has no recording function");
    Graph graph = model.record();
    graph.name = model.name;
    return model.classes == 1000 ? graph : with_classes(std::move(graph), model.classes);
}

}  // namespace regulus
