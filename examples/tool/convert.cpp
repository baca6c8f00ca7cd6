// regulus convert IN OUT: a checkpoint under other names, in another layout.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include <regulus/converters/convert.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/to_float32.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>
#include <regulus/zoo/classifier_facts.hpp>

#include "classifiers.hpp"
#include "command.hpp"
#include "models.hpp"
#include "network.hpp"
#include "pictures.hpp"
#include "point_models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string in;
    std::string out;
    std::string model;
    std::string to = "regulus";
    std::string group;
    std::string ema = "published";
    bool half = false;
    bool raw = false;
};

/// A network with its weights as read, and what the result's metadata say of it.
struct Source {
    std::string name;
    regulus::Graph graph;
    regulus::Weights weights;
    std::map<std::string, std::string> metadata;
};

bool ends_with(const std::string& text, const std::string& end) { return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0; }

/// IEEE half; refuses values that it cannot hold.
regulus::Tensor to_half(const std::string& name, const regulus::Tensor& tensor) {
    const regulus::Tensor wide = regulus::to_float32(tensor);
    regulus::Tensor half(wide.shape(), regulus::DType::f16);
    auto* dst = static_cast<std::uint16_t*>(half.raw());
    for (std::int64_t i = 0; i < wide.numel(); ++i) {
        const float value = wide.data<float>()[i];
        if (value > 65504.0f || value < -65504.0f) throw regulus::WeightError("convert: \"" + name + "\" holds " + std::to_string(value) + ", which half precision cannot; leave out --half");
        dst[i] = regulus::float_to_half(value);
    }
    return half;
}

enum class Kind : std::uint8_t { detector, classifier, point_detector };

Kind kind_of(const Entry& entry) { return entry.classifier != nullptr ? Kind::classifier : entry.point_detector != nullptr ? Kind::point_detector : Kind::detector; }

/// What the user, the file or its names say that this is.
Kind kind_of(const Options& options) {
    if (!options.model.empty()) return kind_of(entry_named(options.model));
    if (options.in.rfind("seeded", 0) == 0) return Kind::detector;  // load() asks for a model
    const regulus::CheckpointFile file = regulus::inspect_checkpoint(options.in);
    for (const auto& [key, value] : file.metadata) {
        if (key == "regulus.model") return kind_of(entry_named(value));
    }
    const regulus::TensorGroup* const group = !options.group.empty() ? file.find_group(options.group) : file.weights_group == regulus::CheckpointFile::no_group ? nullptr : &file.groups[file.weights_group];
    if (group == nullptr) return Kind::detector;
    // A pillar net or a classifier's head decides; without one, names that are a backbone's alone.
    std::map<const regulus::NameTable*, std::size_t> backbone_names;
    const std::vector<regulus::TensorRecord>& tensors = group->tensors;
    std::size_t counters = 0, ours = 0;
    if (tensors.size() > regulus::names_looked_at) return Kind::detector;
    for (const regulus::TensorRecord& tensor : tensors) {
        const std::string name = tensor.name.rfind("module.", 0) == 0 ? tensor.name.substr(7) : tensor.name;
        if (name == "classifier.weight") return Kind::classifier;
        if (name.rfind("pillar_net.", 0) == 0) return Kind::point_detector;
        if (ends_with(name, "num_batches_tracked")) {
            ++counters;
            continue;
        }
        ours += name.rfind("backbone.s", 0) == 0 ? 1 : 0;
        for (const regulus::NameTable& table : regulus::name_tables()) {
            const auto renamed = table.to_ours(name);
            if (renamed == "classifier.weight") return Kind::classifier;
            if (renamed && renamed->rfind("pillar_net.", 0) == 0) return Kind::point_detector;
            backbone_names[&table] += renamed && renamed->rfind("backbone.", 0) == 0 ? 1 : 0;
        }
    }
    for (const auto& [table, count] : backbone_names) ours = std::max(ours, count);
    return ours + counters == tensors.size() ? Kind::classifier : Kind::detector;
}

Source load_source(const Options& options) {
    regulus::ReadOptions reading;
    reading.group = options.group;
    reading.ema = options.ema == "never" ? regulus::EmaChoice::never : options.ema == "always" ? regulus::EmaChoice::always : regulus::EmaChoice::published;
    switch (kind_of(options)) {
        case Kind::classifier: {
            LoadedClassifier loaded = load_classifier(options.model, options.in, true, reading);
            if (!loaded.note.empty()) talk(loaded.note);
            regulus::ClassifierFacts facts = loaded.facts_with("");
            return {loaded.model->name, loaded.graph, loaded.weights, regulus::facts_to_metadata(regulus::facts_from_metadata(loaded.weights.metadata, facts, loaded.weights.source))};
        }
        case Kind::point_detector: {
            LoadedPointDetector loaded = load_point_detector(options.model, options.in, reading);
            return {loaded.model->name, regulus::recorded(*loaded.model), std::move(loaded.weights), {}};
        }
        case Kind::detector: break;
    }
    Loaded loaded = load(options.model, options.in, reading);
    return {loaded.model->name, regulus::recorded(*loaded.model), loaded.weights,
            regulus::facts_to_metadata(regulus::facts_from_metadata(loaded.weights.metadata, loaded.model->facts, loaded.weights.source))};
}

void write(const Options& options, const regulus::Weights& weights) {
    if (ends_with(options.out, ".safetensors")) regulus::write_safetensors(options.out, weights);
    else regulus::write_torch(options.out, weights, regulus::TorchContent::state_dict);
}

void convert(const Options& options) {
    const Source source = load_source(options);
    const regulus::Weights ours = regulus::to_regulus(source.weights, source.graph);
    try {
        regulus::bind_weights(source.graph, ours);  // reports all that does not fit
    } catch (const regulus::WeightError& error) {
        throw regulus::WeightError(regulus::with_foreign_names(error.what(), source.weights, source.graph));
    }

    regulus::Weights result;
    result.source = options.in;
    for (const regulus::Node& node : source.graph.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) {
            if (result.find(parameter.name) != nullptr) continue;  // a head shared by several levels
            const regulus::Tensor& tensor = *ours.find(parameter.name);
            // Norms and biases are small and decide much: they stay in single precision.
            result.add(parameter.name, options.half && tensor.shape().rank() >= 2 ? to_half(parameter.name, tensor) : tensor);
        }
    }
    result.metadata = source.metadata;
    result.metadata["regulus.model"] = source.name;
    if (options.to != "regulus") result = regulus::from_regulus(result, source.graph, options.to);
    write(options, result);
    talk(options.in + " (" + source.name + ") -> " + options.out + ", " + std::to_string(result.size()) + " tensors under the names of " + options.to + "\n");
}

/// Every tensor as it stands. Of a file with several groups each name gets its group's in front, as "ema_state.stem.conv.weight".
void convert_raw(const Options& options) {
    const regulus::CheckpointFile file = regulus::inspect_checkpoint(options.in);
    regulus::Weights result;
    result.source = options.in;
    for (const auto& [key, value] : file.metadata) result.metadata[key] = value;
    std::string left_out, names;
    std::uint64_t copy_budget = 4 * file.file_bytes + (64u << 20);  // what a file may repeat by strides of zero
    for (const regulus::TensorGroup& group : file.groups) {
        names += (names.empty() ? "\"" : ", \"") + group.name + "\"";
        if (!options.group.empty() && group.name != options.group) continue;
        const std::string prefix = file.groups.size() == 1 || !options.group.empty() || group.name.empty() ? "" : group.name + ".";
        for (const regulus::TensorRecord& tensor : group.tensors) {
            if (!tensor.refusal.empty() || !tensor.element) {
                left_out += "  left out: " + prefix + tensor.name + " (" + (tensor.refusal.empty() ? tensor.dtype : tensor.refusal) + ")\n";
                continue;
            }
            if (!file.is_view(tensor)) {
                const std::uint64_t bytes = std::uint64_t(tensor.shape.numel()) * regulus::size_of(*tensor.element);
                if (bytes > copy_budget) throw regulus::FileError("convert: " + options.in + ": its tensors repeat their elements to more bytes than a file of this size may hold");
                copy_budget -= bytes;
            }
            result.add(prefix + tensor.name, file.load(tensor));
        }
    }
    if (result.empty() && left_out.empty()) throw regulus::ArgumentError("convert: " + options.in + " has no tensors under \"" + options.group + "\"; it has them under " + names);
    if (result.empty()) throw regulus::FileError("convert: " + options.in + " holds no tensor that can be written:\n" + left_out);
    write(options, result);
    talk(left_out + options.in + " -> " + options.out + ", " + std::to_string(result.size()) + " tensors under their own names\n");
}

void run(const Options& options) {
    if (!ends_with(options.out, ".safetensors") && !ends_with(options.out, ".pth") && !ends_with(options.out, ".pt")) {
        throw regulus::ArgumentError("convert: OUT must end in .safetensors, .pth or .pt, got " + options.out);
    }
    require_writable(options.out);
    if (options.raw) convert_raw(options);
    else convert(options);
}

}  // namespace

void add_convert(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    std::set<std::string> targets{"regulus"};
    for (const regulus::NameTable& table : regulus::name_tables()) targets.insert(table.code_base);
    CLI::App* command = app.add_subcommand("convert", "Writes a checkpoint under Regulus's names (with model name, classes and preprocessing in its metadata),\n"
                                                      "or under another program's: detectors and classifiers. The layout follows OUT's suffix; OUT appears whole or not at all.\n"
                                                      "Pictures keep the order of colours and the statistics of the weights, whatever names they get.\n"
                                                      "Examples:\n"
                                                      "  regulus convert mask_rcnn.pth mask_rcnn.safetensors --half\n"
                                                      "  regulus convert mask_rcnn.safetensors back.pth --to mmdetection\n"
                                                      "  regulus convert RegNetX-3.2GF_dds_8gpu.pyth regnet.pth --to timm\n"
                                                      "  regulus convert any_checkpoint.pkl tensors.safetensors --raw");
    command->add_option("IN", options->in, "Checkpoint of any layout and spelling, or seeded[:SALT]")->required();
    command->add_option("OUT", options->out, "File ending in .safetensors, .pth or .pt")->required();
    CLI::Option* model = command->add_option("--model", options->model, "The model (default: what IN says or fits)");
    CLI::Option* to = command->add_option("--to", options->to, "Whose names")->check(CLI::IsMember(targets))->capture_default_str();
    CLI::Option* half = command->add_flag("--half", options->half, "Convolution and linear weights in half precision: half the size");
    CLI::Option* raw = command->add_flag("--raw", options->raw, "Every tensor of IN under its own name and in its own type, whatever it is");
    CLI::Option* group = command->add_option("--group", options->group, "Only the tensors under this key of IN, as ema_state (inspect lists them; default: the weights; with --raw: all)");
    CLI::Option* ema = command->add_option("--ema", options->ema, "Of a file with a moving average of the weights: the average always, never, or where its program evaluates with it")
                           ->check(CLI::IsMember({"published", "never", "always"}))
                           ->capture_default_str();
    ema->excludes(group);
    raw->excludes(model)->excludes(to)->excludes(half)->excludes(ema);
    command->callback([options] { run(*options); });
}

}  // namespace tool
