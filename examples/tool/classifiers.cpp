#include "classifiers.hpp"

#include <set>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/data/file.hpp>
#include <regulus/pipeline/classifier_head.hpp>
#include <regulus/weights/read_weights.hpp>

#include "models.hpp"

namespace tool {

namespace {

/// Whether every tensor of the weights has its parameter and the other way round, shapes included.
bool fits(const regulus::Graph& graph, const regulus::Weights& weights) {
    const regulus::Weights ours = regulus::to_regulus(weights, graph);
    std::set<std::string> known;
    for (const regulus::Node& node : graph.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) {
            const regulus::Tensor* tensor = ours.find(parameter.name);
            if (tensor == nullptr || !(tensor->shape() == parameter.shape)) return false;
            known.insert(parameter.name);
        }
    }
    return known.size() == ours.size();
}

/// Whether two tables read these weights alike: timm's ResNets have torchvision's names.
bool reads_alike(const regulus::NameTable* a, const regulus::NameTable& b, const regulus::Weights& weights) {
    if (a == nullptr) return false;
    for (const regulus::Weights::Entry& entry : weights.entries()) {
        if (a->to_ours(entry.name) != b.to_ours(entry.name)) return false;
    }
    return true;
}

const regulus::ClassifierSpec& recognise(const regulus::Weights& weights) {
    const std::vector<regulus::ClassifierSpec>& models = regulus::classifier_models();
    if (const auto stated = weights.metadata.find("regulus.model"); stated != weights.metadata.end()) {
        for (const regulus::ClassifierSpec& model : models) {
            if (model.name == stated->second) return model;
        }
        throw regulus::ArgumentError("load: " + weights.source + " says that it is " + stated->second + ", which is no classifier; regulus detect runs detectors");
    }
    const std::string file = weights.source.substr(weights.source.rfind('/') + 1);
    std::vector<const regulus::ClassifierSpec*> found, of_code_base;
    for (const regulus::ClassifierSpec& model : models) {
        regulus::Graph graph = regulus::recorded(model);
        if (const std::int64_t classes = regulus::head_classes(weights, graph); classes > 0) graph = regulus::with_classes(std::move(graph), classes);
        if (!fits(graph, weights)) continue;
        if (!model.checkpoint.empty() && model.checkpoint == file) return model;
        found.push_back(&model);
        if (reads_alike(regulus::recognise_names(weights, graph), regulus::names_of(model.code_base, graph), weights)) of_code_base.push_back(&model);
    }
    if (found.empty()) {
        throw regulus::ArgumentError("load: " + weights.source + " fits none of the known classifiers; name one with --model to see what differs (regulus zoo list)");
    }
    if (!of_code_base.empty()) found = of_code_base;
    std::string names;
    bool equal = true;
    for (const regulus::ClassifierSpec* model : found) {
        names += "\n  " + model->name;
        equal = equal && model->facts.preprocessing == found.front()->facts.preprocessing;
    }
    if (!equal) throw regulus::ArgumentError("load: " + weights.source + " fits several classifiers that see pictures differently; choose with --model:" + names);
    return *found.front();
}

/// The graph with the classes of the weights' head.
LoadedClassifier with_head(const regulus::ClassifierSpec& spec, regulus::Weights weights) {
    LoadedClassifier loaded{&spec, std::move(weights), regulus::recorded(spec), spec.classes, ""};
    const std::int64_t classes = regulus::head_classes(loaded.weights, loaded.graph);
    if (classes > 0 && classes != spec.classes) {
        loaded.graph = regulus::with_classes(std::move(loaded.graph), classes);
        loaded.classes = classes;
        loaded.note = "load: " + loaded.weights.source + " has a head of " + std::to_string(classes) + " classes, " + spec.name + " as published has " + std::to_string(spec.classes) + "\n";
    }
    return loaded;
}

}  // namespace

regulus::ClassifierFacts LoadedClassifier::facts_with(const std::string& labels) {
    regulus::ClassifierFacts facts = model->facts;
    if (classes != model->classes) facts.class_names.clear();
    if (labels.empty()) return facts;
    facts.class_names = read_lines(labels);
    weights.metadata.erase("regulus.classes");  // the user's go before the file's
    if (facts.class_names.size() != std::size_t(classes)) {
        throw regulus::ArgumentError("--labels: " + labels + " has " + std::to_string(facts.class_names.size()) + " names, the network has " + std::to_string(classes) + " classes");
    }
    return facts;
}

LoadedClassifier load_classifier(const std::string& model, const std::string& weights) {
    const bool seeded = weights == "seeded" || weights.rfind("seeded:", 0) == 0;
    if (model.empty() && (weights.empty() || seeded)) {
        throw regulus::ArgumentError("which network? Name it with --model (regulus zoo list), or give its checkpoint with --weights FILE");
    }
    if (model.empty()) {
        regulus::Weights read = regulus::read_weights(weights);
        const regulus::ClassifierSpec& spec = recognise(read);
        return with_head(spec, std::move(read));
    }
    const regulus::ClassifierSpec& spec = regulus::find_classifier(regulus::classifier_models(), model);
    if (weights.empty()) {
        throw regulus::ArgumentError("--model " + spec.name + " needs --weights FILE" + (spec.checkpoint.empty() ? "" : " (published as " + spec.checkpoint + ")") +
                                     "; --weights seeded runs it without a checkpoint");
    }
    if (!seeded) return with_head(spec, regulus::read_weights(weights));
    return with_head(spec, load_weights(regulus::recorded(spec), spec.code_base, weights));
}

std::vector<std::string> read_lines(const std::string& path) {
    const std::vector<std::uint8_t> bytes = regulus::read_file(path, std::int64_t(1) << 30);
    std::vector<std::string> lines(1);
    for (const std::uint8_t byte : bytes) {
        if (byte == '\n') lines.emplace_back();
        else if (byte != '\r') lines.back() += char(byte);
    }
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    if (lines.empty()) throw regulus::FileError("read: " + path + " has no lines");
    return lines;
}

}  // namespace tool
