// regulus convert IN OUT: a checkpoint under other names, in another layout.
#include <memory>
#include <set>
#include <string>

#include <regulus/converters/convert.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/weights/to_float32.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "command.hpp"
#include "models.hpp"
#include "pictures.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string in;
    std::string out;
    std::string model;
    std::string to = "regulus";
    bool half = false;
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

void convert(const Options& options) {
    const bool torch = ends_with(options.out, ".pth") || ends_with(options.out, ".pt");
    if (!torch && !ends_with(options.out, ".safetensors")) throw regulus::ArgumentError("convert: OUT must end in .safetensors, .pth or .pt, got " + options.out);
    require_writable(options.out);
    const Loaded loaded = load(options.model, options.in);
    const regulus::Graph graph = regulus::recorded(*loaded.model);
    const regulus::Weights ours = regulus::to_regulus(loaded.weights, graph);
    try {
        regulus::bind_weights(graph, ours);  // reports all that does not fit
    } catch (const regulus::WeightError& error) {
        throw regulus::WeightError(regulus::with_foreign_names(error.what(), loaded.weights, graph));
    }

    regulus::Weights result;
    result.source = options.in;
    for (const regulus::Node& node : graph.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) {
            if (result.find(parameter.name) != nullptr) continue;  // a head shared by several levels
            const regulus::Tensor& tensor = *ours.find(parameter.name);
            // Norms and biases are small and decide much: they stay in single precision.
            result.add(parameter.name, options.half && tensor.shape().rank() >= 2 ? to_half(parameter.name, tensor) : tensor);
        }
    }
    result.metadata = regulus::facts_to_metadata(regulus::facts_from_metadata(loaded.weights.metadata, loaded.model->facts, loaded.weights.source));
    result.metadata["regulus.model"] = loaded.model->name;
    if (options.to != "regulus") result = regulus::from_regulus(result, graph, options.to);
    if (torch) regulus::write_torch(options.out, result, regulus::TorchContent::state_dict);
    else regulus::write_safetensors(options.out, result);
    talk(options.in + " (" + loaded.model->name + ") -> " + options.out + ", " + std::to_string(result.size()) + " tensors under the names of " + options.to + "\n");
}

}  // namespace

void add_convert(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    std::set<std::string> targets{"regulus"};
    for (const regulus::NameTable& table : regulus::name_tables()) targets.insert(table.code_base);
    CLI::App* command = app.add_subcommand("convert", "Writes a checkpoint under Regulus's names (with model name, classes and preprocessing in its metadata),\n"
                                                      "or under another program's. The layout follows OUT's suffix; OUT appears whole or not at all.\n"
                                                      "Examples:\n"
                                                      "  regulus convert mask_rcnn.pth mask_rcnn.safetensors --half\n"
                                                      "  regulus convert mask_rcnn.safetensors back.pth --to mmdetection");
    command->add_option("IN", options->in, "Checkpoint of any layout and spelling, or seeded[:SALT]")->required();
    command->add_option("OUT", options->out, "File ending in .safetensors, .pth or .pt")->required();
    command->add_option("--model", options->model, "The model (default: what IN says or fits)");
    command->add_option("--to", options->to, "Whose names")->check(CLI::IsMember(targets))->capture_default_str();
    command->add_flag("--half", options->half, "Convolution and linear weights in half precision: half the size");
    command->callback([options] { convert(*options); });
}

}  // namespace tool
