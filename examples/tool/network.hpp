#pragma once
// A network by name, for commands that look at its cost: summary, explain, bench.
#include <string>
#include <vector>

#include <regulus/graph/program.hpp>
#include <regulus/zoo/classifiers.hpp>
#include <regulus/zoo/point_detector_spec.hpp>
#include <regulus/zoo/zoo.hpp>

#include "command.hpp"

namespace tool {

/// A detector or a classifier of the zoo.
struct Network {
    std::string name;
    std::string code_base;
    regulus::Graph graph;
    regulus::InputSize size;   // one picture of the largest size that the model's preprocessing gives; or all points of the batch
    std::vector<float> cloud;  // what a detector of point clouds is fed, for each cloud of the batch
};

/// What the user says about a run.
struct NetworkOptions {
    std::string model;
    std::string weights = "balanced";
    std::string size;
    int points = 0;
    std::string cloud;
    std::string device = "cpu";
    std::string precision = "f32";
    int batch = 1;
    int threads = 0;
};

/// NAME, --size, --points, --cloud, --batch.
void add_network_options(CLI::App& command, NetworkOptions& options);
/// And --weights, --device, --precision, --threads.
void add_program_options(CLI::App& command, NetworkOptions& options);

/// The entry of the zoo that the name means, at the size and batch of the options. Throws regulus::ArgumentError.
Network network_of(const NetworkOptions& options);

/// The network, or a part of it, compiled with the weights that the options name.
regulus::Program program_of(const Network& network, const regulus::Graph& graph, const NetworkOptions& options);

/// What a name of the zoo names: one of these.
struct Entry {
    const regulus::ModelSpec* detector = nullptr;
    const regulus::ClassifierSpec* classifier = nullptr;
    const regulus::PointDetectorSpec* point_detector = nullptr;
};

/// Throws regulus::ArgumentError listing candidates.
Entry entry_named(const std::string& name);

}  // namespace tool
