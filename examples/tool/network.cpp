#include "network.hpp"

#include <set>

#include <regulus/converters/convert.hpp>
#include <regulus/zoo/classifiers.hpp>
#include <regulus/zoo/point_detectors.hpp>

#include "../street.hpp"
#include "clouds.hpp"
#include "models.hpp"

namespace tool {

namespace {

/// All names of the zoo, detectors of point clouds last.
const std::vector<regulus::ModelSpec>& all_entries() {
    static const std::vector<regulus::ModelSpec> all = [] {
        std::vector<regulus::ModelSpec> entries = models();
        const auto add = [&](const auto& model) {
            regulus::ModelSpec& entry = entries.emplace_back();
            entry.name = model.name;
            entry.aliases = model.aliases;
        };
        for (const regulus::ClassifierSpec& model : regulus::classifier_models()) add(model);
        for (const regulus::PointDetectorSpec& model : regulus::point_detectors()) add(model);
        return entries;
    }();
    return all;
}

Network point_network(const regulus::PointDetectorSpec& model, const NetworkOptions& options) {
    if (!options.size.empty()) throw regulus::ArgumentError(model.name + " sees points, not pictures: give --points or --cloud instead of --size");
    Network network{model.name, model.code_base, regulus::recorded(model), {}, {}};
    if (!options.cloud.empty()) network.cloud = read_cloud(options.cloud, model.facts, 0).cloud.values;
    else network.cloud = street_cloud(options.points != 0 ? options.points : model.facts.sweeps > 0 ? 300000 : 120000);
    const std::size_t points = network.cloud.size() / 4 * std::size_t(options.batch);
    if (points > (std::size_t(1) << 28)) throw regulus::ArgumentError("a batch of " + std::to_string(points) + " points is too large");
    network.size.points = int(points);
    network.size.n = options.batch;
    return network;
}

/// Without the tensors of the network that the part of it does not read.
regulus::Weights of_part(const regulus::Weights& weights, const regulus::Graph& whole, const regulus::Graph& part) {
    std::set<std::string> unread;
    for (const regulus::Node& node : whole.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) unread.insert(parameter.name);
    }
    for (const regulus::Node& node : part.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) unread.erase(parameter.name);
    }
    regulus::Weights read;
    read.source = weights.source;
    read.metadata = weights.metadata;
    for (const regulus::Weights::Entry& entry : weights.entries()) {
        if (unread.count(entry.name) == 0) read.add(entry.name, entry.tensor);
    }
    return read;
}

}  // namespace

void add_network_options(CLI::App& command, NetworkOptions& options) {
    command.add_option("NAME", options.model, "Model: a zoo name or an unambiguous tail of one")->required();
    command.add_option("--size", options.size, "Padded picture, HEIGHTxWIDTH (default: the model's largest)");
    command.add_option("--points", options.points, "Points of a made-up street for detectors of point clouds (default: 300000; KITTI: 120000)")->check(CLI::Range(1, 1 << 26));
    command.add_option("--cloud", options.cloud, "A .bin, .pcd, .ply or .json of sweeps instead");
    command.add_option("--batch", options.batch, "Pictures or clouds in a batch")->check(CLI::Range(1, 4096))->capture_default_str();
}

void add_program_options(CLI::App& command, NetworkOptions& options) {
    add_network_options(command, options);
    command.add_option("--weights", options.weights, "File, seeded[:SALT], or balanced: seeded and kept of order one")->capture_default_str();
    command.add_option("--device", options.device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command.add_option("--precision", options.precision, precision_help)->check(CLI::IsMember(precision_names))->capture_default_str();
    command.add_option("--threads", options.threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
}

std::size_t entry_named(const std::string& name) {
    static const std::vector<regulus::ModelSpec> all(all_entries().begin(), all_entries().begin() + std::ptrdiff_t(models().size() + regulus::classifier_models().size()));
    return std::size_t(&regulus::find_model(all, name) - all.data());
}

Network network_of(const NetworkOptions& options) {
    Network network;
    const std::size_t entry = std::size_t(&regulus::find_model(all_entries(), options.model) - all_entries().data());
    const std::size_t pictures = models().size() + regulus::classifier_models().size();
    if (entry >= pictures) return point_network(regulus::point_detectors()[entry - pictures], options);
    if (options.points != 0 || !options.cloud.empty()) throw regulus::ArgumentError(all_entries()[entry].name + " sees pictures, not points: give --size instead of --points or --cloud");
    if (entry < models().size()) {
        const regulus::ModelSpec& model = models()[entry];
        network = {model.name, model.code_base, regulus::recorded(model), {}, {}};
        default_size(model, network.size.height, network.size.width);
    } else {
        const regulus::ClassifierSpec& model = regulus::classifier_models()[entry - models().size()];
        network = {model.name, model.code_base, regulus::recorded(model), {}, {}};
        network.size.height = network.size.width = int(model.facts.preprocessing.crop);
    }
    if (!options.size.empty()) parse_size(options.size, network.size.height, network.size.width);
    network.size.n = options.batch;
    return network;
}

regulus::Program program_of(const Network& network, const regulus::Graph& graph, const NetworkOptions& options) {
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    const regulus::Weights weights = regulus::to_regulus(load_weights(network.graph, network.code_base, options.weights), network.graph);
    return regulus::Program(*make_backend(options.device, options.precision), graph, of_part(weights, network.graph, graph), compile);
}

}  // namespace tool
