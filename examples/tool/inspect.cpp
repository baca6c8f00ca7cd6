// regulus inspect FILE: what a checkpoint holds, what it is, and whether it fits a model.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/converters/convert.hpp>
#include <regulus/core/json.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/core/sha256.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/pipeline/classifier_head.hpp>
#include <regulus/weights/read_weights.hpp>

#include "command.hpp"
#include "network.hpp"
#include "recognise.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string path;
    std::string model;
    bool long_metadata = false;
    bool json = false;
    bool sum = false;
};

/// What there is to say beside the tensors.
struct Findings {
    Recognised recognised;
    std::string expected_sum;  // the digits that the file's name ends with: regnet_y_400mf-e6988f5f.pth
    std::string sum;           // SHA-256; empty: not computed
    bool sum_differs = false;
    std::string misfit;        // with --model: what differs; empty: nothing
    std::string model;         // with --model: its full name
};

/// Text of a file that nobody vouches for, for a terminal: control characters as \xNN, cut after `limit` bytes.
std::string printable(const std::string& text, std::size_t limit) {
    std::string result;
    for (const char c : text.substr(0, limit)) {
        const unsigned char byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            result += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
            char hex[8];
            std::snprintf(hex, sizeof hex, "\\x%02x", unsigned(byte));
            result += hex;
        } else {
            result += c;
        }
    }
    return text.size() > limit ? result + "..." : result;
}

std::string file_name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// "regnet_y_400mf-e6988f5f.pth" -> "e6988f5f"; "" when the name has no eight hexadecimal digits behind a hyphen.
std::string sum_in_name(const std::string& name) {
    const std::string stem = name.substr(0, name.find('.', name.rfind('-') == std::string::npos ? 0 : name.rfind('-')));
    const std::size_t hyphen = stem.rfind('-');
    if (hyphen == std::string::npos) return "";
    const std::string digits = stem.substr(hyphen + 1);
    return digits.size() == 8 && digits.find_first_not_of("0123456789abcdef") == std::string::npos ? digits : "";
}

long long elements_of(const regulus::TensorGroup& group) {
    long long elements = 0;
    for (const regulus::TensorRecord& tensor : group.tensors) elements += tensor.shape.numel();
    return elements;
}

/// "float32 x 426, int64 x 106".
std::map<std::string, std::size_t> types_of(const regulus::TensorGroup& group) {
    std::map<std::string, std::size_t> types;
    for (const regulus::TensorRecord& tensor : group.tensors) ++types[tensor.dtype];
    return types;
}

/// What of the weights does not fit the model; "" when all does.
std::string misfit_of(const regulus::CheckpointFile& file, const std::string& model, std::string& full_name) {
    NetworkOptions named;
    named.model = model;
    Network network = network_of(named);
    full_name = network.name;
    const regulus::Weights weights = regulus::read_weights(file);
    regulus::Graph graph = network.graph;
    if (graph.find_label("logits") != regulus::no_value) {
        if (const std::int64_t classes = regulus::head_classes(weights, graph); classes > 0) graph = regulus::with_classes(graph, classes);
    }
    try {
        regulus::bind_weights(graph, regulus::to_regulus(weights, graph));
    } catch (const regulus::WeightError& error) {
        return regulus::with_foreign_names(error.what(), weights, graph);
    }
    return "";
}

Findings look(const regulus::CheckpointFile& file, const Options& options) {
    Findings findings;
    if (file.weights_group != regulus::CheckpointFile::no_group) findings.recognised = recognise(file.groups[file.weights_group], file_name_of(file.path));
    findings.expected_sum = sum_in_name(file_name_of(file.path));
    if (options.sum || !findings.expected_sum.empty()) {
        const auto mapped = regulus::MappedFile::open(file.path);
        findings.sum = regulus::sha256({mapped->data(), std::size_t(mapped->size())});
        findings.sum_differs = !findings.expected_sum.empty() && findings.sum.compare(0, 8, findings.expected_sum) != 0;
    }
    if (!options.model.empty()) findings.misfit = misfit_of(file, options.model, findings.model);
    return findings;
}

std::string listed(const std::vector<std::string>& names, std::size_t limit) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), limit); ++i) text += (i == 0 ? "" : ", ") + names[i];
    return names.size() > limit ? text + " and " + std::to_string(names.size() - limit) + " more" : text;
}

std::string in_text(const regulus::CheckpointFile& file, const Findings& findings, const Options& options) {
    const Recognised& recognised = findings.recognised;
    std::string text = printable(file.path, 1000) + ": " + regulus::name_of(file.layout) + ", " + thousands(static_cast<long long>(file.file_bytes)) + " bytes\n";
    if (!recognised.code_base.empty()) text += "names of: " + recognised.code_base + (recognised.unknown != 0 ? " (" + std::to_string(recognised.unknown) + " that it does not have)" : "") + "\n";
    if (!recognised.architecture.empty()) text += "architecture: " + recognised.architecture + "\n";
    if (!recognised.models.empty()) text += "fits: " + listed(recognised.models, 12) + "\n";
    else if (!recognised.backbones.empty()) text += "its backbone is that of: " + listed(recognised.backbones, 12) + "\n";
    if (!recognised.licences.empty()) text += "licence of the published weights: " + listed(recognised.licences, 12) + "\n";
    if (!findings.sum.empty()) {
        text += "SHA-256: " + findings.sum + (findings.expected_sum.empty() ? "" : findings.sum_differs ? "  DIFFERS from the file's name: damaged, or another file" : "  as the file's name says") + "\n";
    }
    for (std::size_t g = 0; g < file.groups.size(); ++g) {
        const regulus::TensorGroup& group = file.groups[g];
        text += (group.name.empty() ? std::string("top level") : "\"" + printable(group.name, 200) + "\"") + ": " + thousands(static_cast<long long>(group.tensors.size())) + " tensors, " +
                thousands(elements_of(group)) + " elements";
        for (const auto& [type, count] : types_of(group)) text += ", " + thousands(static_cast<long long>(count)) + " " + type;
        text += std::string(g == file.weights_group ? "  (the weights)" : "") + "\n";
        for (const regulus::TensorRecord& tensor : group.tensors) {
            const std::string name = printable(tensor.name, 300);
            text += "  " + name + std::string(name.size() < 60 ? 60 - name.size() : 1, ' ') + tensor.dtype + std::string(tensor.dtype.size() < 10 ? 10 - tensor.dtype.size() : 1, ' ') +
                    regulus::to_string(tensor.shape) + (tensor.refusal.empty() ? "" : "  cannot be read: " + printable(tensor.refusal, 200)) + "\n";
        }
    }
    if (!file.metadata.empty()) text += "metadata:\n";
    for (const auto& [key, value] : file.metadata) text += "  " + printable(key, 200) + " = " + printable(value, options.long_metadata ? std::size_t(-1) : 100) + "\n";
    if (!file.unknown_globals.empty()) text += "classes and functions that are kept as inert values:\n";
    for (const std::string& name : file.unknown_globals) text += "  " + printable(name, 200) + "\n";
    if (!findings.model.empty()) text += findings.misfit.empty() ? "fits " + findings.model + "\n" : findings.misfit + "\n";
    return text;
}

std::string quoted(const std::vector<std::string>& texts) {
    std::string list;
    for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + regulus::json_quote(text);
    return "[" + list + "]";
}

std::string in_json(const regulus::CheckpointFile& file, const Findings& findings) {
    using regulus::json_quote;
    const Recognised& recognised = findings.recognised;
    std::string text = "{\"file\": " + json_quote(file.path) + ", \"layout\": " + json_quote(regulus::name_of(file.layout)) + ", \"bytes\": " + std::to_string(file.file_bytes) +
                       ", \"code_base\": " + (recognised.code_base.empty() ? "null" : json_quote(recognised.code_base)) +
                       ", \"architecture\": " + (recognised.architecture.empty() ? "null" : json_quote(recognised.architecture)) + ", \"models\": " + quoted(recognised.models) +
                       ", \"backbone_of\": " + quoted(recognised.backbones) + ", \"licences\": " + quoted(recognised.licences) + ", \"unknown_names\": " + std::to_string(recognised.unknown);
    if (!findings.sum.empty()) text += ", \"sha256\": " + json_quote(findings.sum);
    if (!findings.expected_sum.empty()) text += std::string(", \"sha256_as_named\": ") + (findings.sum_differs ? "false" : "true");
    if (!findings.model.empty()) text += ", \"model\": " + json_quote(findings.model) + ", \"misfit\": " + (findings.misfit.empty() ? "null" : json_quote(findings.misfit));
    text += ", \"weights\": " + (file.weights_group == regulus::CheckpointFile::no_group ? "null" : json_quote(file.groups[file.weights_group].name)) + ", \"groups\": [";
    for (std::size_t g = 0; g < file.groups.size(); ++g) {
        const regulus::TensorGroup& group = file.groups[g];
        text += std::string(g == 0 ? "" : ", ") + "{\"name\": " + json_quote(group.name) + ", \"elements\": " + std::to_string(elements_of(group)) + ", \"types\": {";
        bool first = true;
        for (const auto& [type, count] : types_of(group)) text += (std::exchange(first, false) ? "" : ", ") + json_quote(type) + ": " + std::to_string(count);
        text += "}, \"tensors\": [";
        for (std::size_t i = 0; i < group.tensors.size(); ++i) {
            const regulus::TensorRecord& tensor = group.tensors[i];
            text += std::string(i == 0 ? "\n" : ",\n") + "  {\"name\": " + json_quote(tensor.name) + ", \"dtype\": " + json_quote(tensor.dtype) + ", \"shape\": [";
            for (int axis = 0; axis < tensor.shape.rank(); ++axis) text += (axis == 0 ? "" : ", ") + std::to_string(tensor.shape[axis]);
            text += "]" + (tensor.refusal.empty() ? std::string() : ", \"refusal\": " + json_quote(tensor.refusal)) + "}";
        }
        text += "]}";
    }
    text += "], \"metadata\": [";
    for (std::size_t i = 0; i < file.metadata.size(); ++i) text += (i == 0 ? "[" : ", [") + json_quote(file.metadata[i].first) + ", " + json_quote(file.metadata[i].second) + "]";
    return text + "], \"unknown_globals\": " + quoted(file.unknown_globals) + "}\n";
}

void inspect(const Options& options, Outcome& outcome) {
    const regulus::CheckpointFile file = regulus::inspect_checkpoint(options.path);
    const Findings findings = look(file, options);
    print(options.json ? in_json(file, findings) : in_text(file, findings, options));
    if (findings.sum_differs || !findings.misfit.empty()) outcome.exit_code = 1;
}

}  // namespace

void add_inspect(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("inspect", "Says what a checkpoint is, from its names and shapes (whose names, which architecture, which entries of the zoo), whether\n"
                                                      "the SHA-256 in its name is right, and lists tensors (name, type, shape) and metadata. Nothing in it is executed.\n"
                                                      "Reads torch zip and legacy files, pickles of arrays, safetensors, npz and npy.\n"
                                                      "Examples: regulus inspect model.pth\n"
                                                      "          regulus inspect model.pth --model mask-rcnn_r50_fpn_1x_coco");
    command->add_option("FILE", options->path, "Checkpoint")->required();
    command->add_option("--model", options->model, "Say what of the weights does not fit this model; exit code 1 if anything does not");
    command->add_flag("--json", options->json, "One JSON object");
    command->add_flag("--sha256", options->sum, "The file's sum also when its name has none");
    command->add_flag("--long", options->long_metadata, "Metadata in full length");
    command->callback([options, &outcome] { inspect(*options, outcome); });
}

}  // namespace tool
