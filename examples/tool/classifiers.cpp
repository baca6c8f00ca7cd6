#include "classifiers.hpp"

#include <algorithm>
#include <optional>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/data/file.hpp>
#include <regulus/pipeline/classifier_head.hpp>
#include <regulus/weights/read_weights.hpp>

#include "models.hpp"

namespace tool {

namespace {

/// Whether two tables read these weights alike: timm's ResNets have torchvision's names.
bool reads_alike(const regulus::NameTable* a, const regulus::NameTable& b, const regulus::Weights& weights) {
    if (a == nullptr) return false;
    for (const regulus::Weights::Entry& entry : weights.entries()) {
        if (a->to_ours(entry.name) != b.to_ours(entry.name)) return false;
    }
    return true;
}

/// The name of the head's matrix as the weights' code base spells it.
std::string head_name(const regulus::Weights& weights, const regulus::Graph& graph) {
    const regulus::NameTable* table = regulus::recognise_names(weights, graph);
    const auto name = table == nullptr ? std::nullopt : table->to_foreign("classifier.weight");
    return name ? *name : "classifier.weight";
}

[[noreturn]] void refuse_headless(const std::string& name, const regulus::Weights& weights, const regulus::Graph& graph) {
    throw regulus::ArgumentError("load: " + weights.source + " is the backbone of " + name + " without a head (there is no \"" + head_name(weights, graph) +
                                 "\"), so it knows no classes; give a checkpoint with its head. From C++, AnyClassifier with without_head() gives the features");
}

/// pycls trained it and regnet2mmdet renamed it, for nobody else's RegNets have the names of ResNets at the top level.
bool is_converted(const regulus::NameTable* table, const regulus::Graph& graph) {
    const auto is_pool = [](const regulus::Node& node) { return node.name == "backbone.stem.pool"; };  // every ResNet's, no RegNet's
    return table != nullptr && table->kind == "ResNet" && std::none_of(graph.nodes.begin(), graph.nodes.end(), is_pool);
}

/// `as_backbone`: how pictures are seen does not matter.
const regulus::ClassifierSpec& recognise(const regulus::Weights& weights, bool headless_too, bool as_backbone = false) {
    const std::vector<regulus::ClassifierSpec>& models = regulus::classifier_models();
    if (const auto stated = weights.metadata.find("regulus.model"); stated != weights.metadata.end()) {
        for (const regulus::ClassifierSpec& model : models) {
            if (model.name == stated->second) return model;
        }
        throw regulus::ArgumentError("load: " + weights.source + " says that it is " + stated->second + ", which is no classifier; regulus detect runs detectors");
    }
    const std::string file = weights.source.substr(weights.source.rfind('/') + 1);
    std::vector<const regulus::ClassifierSpec*> found, of_code_base, backbones;
    for (const regulus::ClassifierSpec& model : models) {
        regulus::Graph graph = regulus::recorded(model);
        if (!may_fit(weights, graph)) continue;
        const std::int64_t classes = regulus::head_classes(weights, graph);
        if (classes > 0) graph = regulus::with_classes(std::move(graph), classes);
        const bool backbone = classes == 0 && regulus::is_headless(weights, graph);
        if (!backbone && !fits(graph, regulus::to_regulus(weights, graph))) continue;
        if (!model.checkpoint.empty() && model.checkpoint == file) return model;
        (backbone ? backbones : found).push_back(&model);
        const regulus::NameTable* const names = regulus::recognise_names(weights, graph);
        const bool same = is_converted(names, graph) ? model.code_base == "pycls" : reads_alike(names, regulus::names_of(model.code_base, graph), weights);
        if (same) of_code_base.push_back(&model);
    }
    const bool headless = found.empty();
    if (headless) found = backbones;
    if (found.empty()) {
        throw regulus::ArgumentError("load: " + weights.source + " fits none of the known classifiers; name one with --model to see what differs (regulus zoo list)");
    }
    if (!of_code_base.empty()) found = of_code_base;
    if (headless && !headless_too) refuse_headless(found.front()->name, weights, regulus::recorded(*found.front()));
    std::string names;
    bool equal = true;
    for (const regulus::ClassifierSpec* model : found) {
        names += "\n  " + model->name;
        equal = equal && model->facts.preprocessing == found.front()->facts.preprocessing;
    }
    if (!equal && !as_backbone) throw regulus::ArgumentError("load: " + weights.source + " fits several classifiers that see pictures differently; choose with --model:" + names);
    return *found.front();
}

/// The graph with the classes of the weights' head.
LoadedClassifier with_head(const regulus::ClassifierSpec& spec, regulus::Weights weights, bool headless_too) {
    LoadedClassifier loaded{&spec, std::move(weights), regulus::recorded(spec), spec.classes, ""};
    if (regulus::is_headless(loaded.weights, loaded.graph)) {
        if (!headless_too) refuse_headless(spec.name, loaded.weights, loaded.graph);
        loaded.graph = regulus::without_head(std::move(loaded.graph));
        loaded.classes = 0;
        return loaded;
    }
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

LoadedClassifier load_classifier(const std::string& model, const std::string& weights, bool headless_too, const regulus::ReadOptions& reading) {
    const bool seeded = weights == "seeded" || weights.rfind("seeded:", 0) == 0;
    if (model.empty() && (weights.empty() || seeded)) {
        throw regulus::ArgumentError("which network? Name it with --model (regulus zoo list), or give its checkpoint with --weights FILE");
    }
    if (model.empty()) {
        regulus::Weights read = regulus::read_weights(weights, reading);
        const regulus::ClassifierSpec& spec = recognise(read, headless_too);
        return with_head(spec, std::move(read), headless_too);
    }
    const regulus::ClassifierSpec& spec = regulus::find_classifier(regulus::classifier_models(), model);
    if (weights.empty()) {
        throw regulus::ArgumentError("--model " + spec.name + " needs --weights FILE" + (spec.checkpoint.empty() ? "" : " (published as " + spec.checkpoint + ")") +
                                     "; --weights seeded runs it without a checkpoint");
    }
    if (!seeded) return with_head(spec, regulus::read_weights(weights, reading), headless_too);
    return with_head(spec, load_weights(regulus::recorded(spec), spec.code_base, weights), headless_too);
}

regulus::Weights without_classifier(const regulus::Weights& ours) {
    return renamed(ours, [](const std::string& name) { return name.rfind("classifier.", 0) == 0 ? "" : name; });
}

regulus::Weights load_backbone(const std::string& weights) {
    regulus::Weights read = regulus::read_weights(weights);
    const regulus::ClassifierSpec& spec = recognise(read, true, true);
    const LoadedClassifier loaded = with_head(spec, std::move(read), true);
    return without_classifier(regulus::to_regulus(loaded.weights, loaded.graph));
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
