// regulus explain NAME: which kernel runs each node, why, and what share of the time it takes.
#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "network.hpp"
#include "noise.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    NetworkOptions network;
    bool plan_only = false;
};

void explain(const Options& options) {
    const Network network = network_of(options.network);
    const regulus::Program program = program_of(network, network.graph, options.network);
    if (options.plan_only) {
        print(program.explain(network.size));
        return;
    }
    regulus::Context context;
    regulus::Profile profile;
    const std::vector<regulus::Tensor> inputs = noise_inputs(network.graph, network.size, network.cloud);
    program.run(context, inputs);  // warms the caches
    program.run(context, inputs, &profile);
    print(program.explain(network.size, &profile));
}

}  // namespace

void add_explain(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("explain", "Prints for each step of a compiled model: kernel, why it was chosen, memory, share of the time of one run\n"
                                                      "on a picture of noise or a made-up street. Example: regulus explain retinanet_r50_fpn_1x_coco --size 640x640 --threads 2");
    add_program_options(*command, options->network);
    command->add_flag("--plan", options->plan_only, "Do not run: kernels and memory without times");
    command->callback([options] { explain(*options); });
}

}  // namespace tool
