#include "network.hpp"

#include <regulus/converters/convert.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "models.hpp"

namespace tool {

void add_network_options(CLI::App& command, NetworkOptions& options) {
    command.add_option("NAME", options.model, "Model: a zoo name or an unambiguous tail of one")->required();
    command.add_option("--size", options.size, "Padded picture, HEIGHTxWIDTH (default: the model's largest)");
    command.add_option("--batch", options.batch, "Pictures in a batch")->check(CLI::Range(1, 4096))->capture_default_str();
}

void add_program_options(CLI::App& command, NetworkOptions& options) {
    add_network_options(command, options);
    command.add_option("--weights", options.weights, "File, seeded[:SALT], or balanced: seeded and kept of order one")->capture_default_str();
    command.add_option("--device", options.device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command.add_option("--threads", options.threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
}

std::size_t entry_named(const std::string& name) {
    static const std::vector<regulus::ModelSpec> all = [] {
        std::vector<regulus::ModelSpec> entries = models();
        for (const regulus::ClassifierSpec& classifier : regulus::classifier_models()) {
            regulus::ModelSpec& entry = entries.emplace_back();
            entry.name = classifier.name;
            entry.aliases = classifier.aliases;
        }
        return entries;
    }();
    return std::size_t(&regulus::find_model(all, name) - all.data());
}

Network network_of(const NetworkOptions& options) {
    Network network;
    const std::size_t entry = entry_named(options.model);
    if (entry < models().size()) {
        const regulus::ModelSpec& model = models()[entry];
        network = {model.name, model.code_base, regulus::recorded(model), {}};
        default_size(model, network.size.height, network.size.width);
    } else {
        const regulus::ClassifierSpec& model = regulus::classifier_models()[entry - models().size()];
        network = {model.name, model.code_base, regulus::recorded(model), {}};
        network.size.height = network.size.width = int(model.facts.preprocessing.crop);
    }
    if (!options.size.empty()) parse_size(options.size, network.size.height, network.size.width);
    network.size.n = options.batch;
    return network;
}

regulus::Program program_of(const Network& network, const regulus::Graph& graph, const NetworkOptions& options) {
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    return regulus::Program(*make_backend(options.device), graph, regulus::to_regulus(load_weights(network.graph, network.code_base, options.weights), graph), compile);
}

}  // namespace tool
