#include "classifiers.hpp"

#include <set>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/data/file.hpp>
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
        const regulus::Graph graph = regulus::recorded(model);
        if (!fits(graph, weights)) continue;
        if (!model.checkpoint.empty() && model.checkpoint == file) return model;
        found.push_back(&model);
        if (regulus::recognise_names(weights, graph) == &regulus::names_of(model.code_base, graph)) of_code_base.push_back(&model);
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

}  // namespace

LoadedClassifier load_classifier(const std::string& model, const std::string& weights) {
    const bool seeded = weights == "seeded" || weights.rfind("seeded:", 0) == 0;
    if (model.empty() && (weights.empty() || seeded)) {
        throw regulus::ArgumentError("classify: which network? Name it with --model (regulus zoo list), or give its checkpoint with --weights FILE");
    }
    if (model.empty()) {
        regulus::Weights read = regulus::read_weights(weights);
        const regulus::ClassifierSpec& spec = recognise(read);
        return {&spec, std::move(read)};
    }
    const regulus::ClassifierSpec& spec = regulus::find_classifier(regulus::classifier_models(), model);
    if (weights.empty()) {
        throw regulus::ArgumentError("--model " + spec.name + " needs --weights FILE" + (spec.checkpoint.empty() ? "" : " (published as " + spec.checkpoint + ")") +
                                     "; --weights seeded runs it without a checkpoint");
    }
    if (!seeded) return {&spec, regulus::read_weights(weights)};
    regulus::ModelSpec network;
    network.name = spec.name;
    network.code_base = spec.code_base;
    network.record = spec.record;
    return {&spec, load_weights(network, weights)};
}

std::vector<std::string> read_labels(const std::string& path) {
    const std::vector<std::uint8_t> bytes = regulus::read_file(path, std::int64_t(1) << 24);
    std::vector<std::string> labels(1);
    for (const std::uint8_t byte : bytes) {
        if (byte == '\n') labels.emplace_back();
        else if (byte != '\r') labels.back() += char(byte);
    }
    while (!labels.empty() && labels.back().empty()) labels.pop_back();
    if (labels.empty()) throw regulus::FileError("--labels: " + path + " holds no names; write one a line, in the order of the classes");
    return labels;
}

}  // namespace tool
