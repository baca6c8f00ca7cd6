#include "network.hpp"

#include <map>

#include <CLI/CLI.hpp>

#include <regulus/converters/convert.hpp>

#include "../street.hpp"
#include "clouds.hpp"
#include "models.hpp"
#include "point_models.hpp"

namespace tool {

namespace {

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
    std::map<std::string, regulus::Shape> unread = parameter_shapes(whole);
    for (const auto& parameter : parameter_shapes(part)) unread.erase(parameter.first);
    return renamed(weights, [&](const std::string& name) { return unread.count(name) == 0 ? name : ""; });
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

Entry entry_named(const std::string& name) {
    static const std::vector<regulus::ModelSpec> names = [] {  // find_model needs no more of them
        std::vector<regulus::ModelSpec> all;
        const auto add = [&](const auto& model) {
            regulus::ModelSpec& entry = all.emplace_back();
            entry.name = model.name;
            entry.aliases = model.aliases;
        };
        for (const regulus::ModelSpec& model : models()) add(model);
        for (const regulus::ClassifierSpec& model : regulus::classifier_models()) add(model);
        for (const regulus::PointDetectorSpec& model : point_models()) add(model);
        return all;
    }();
    std::size_t chosen = std::size_t(&regulus::find_model(names, name) - names.data());
    Entry entry;
    if (chosen < models().size()) {
        entry.detector = &models()[chosen];
        return entry;
    }
    chosen -= models().size();
    if (chosen < regulus::classifier_models().size()) entry.classifier = &regulus::classifier_models()[chosen];
    else entry.point_detector = &point_models()[chosen - regulus::classifier_models().size()];
    return entry;
}

Network network_of(const NetworkOptions& options) {
    const Entry entry = entry_named(options.model);
    if (entry.point_detector != nullptr) return point_network(*entry.point_detector, options);
    const std::string& name = entry.detector != nullptr ? entry.detector->name : entry.classifier->name;
    if (options.points != 0 || !options.cloud.empty()) throw regulus::ArgumentError(name + " sees pictures, not points: give --size instead of --points or --cloud");
    Network network;
    if (entry.detector != nullptr) {
        network = {name, entry.detector->code_base, regulus::recorded(*entry.detector), {}, {}};
        default_size(*entry.detector, network.size.height, network.size.width);
    } else {
        network = {name, entry.classifier->code_base, regulus::recorded(*entry.classifier), {}, {}};
        network.size.height = network.size.width = int(entry.classifier->facts.preprocessing.crop);
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
