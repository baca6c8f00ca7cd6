// regulus summary NAME: the layers of a model, their shapes and costs.
#include <memory>

#include <CLI/CLI.hpp>

#include <regulus/graph/describe.hpp>

#include "command.hpp"
#include "network.hpp"
#include "terminal.hpp"

namespace tool {

void add_summary(CLI::App& app, Outcome&) {
    auto options = std::make_shared<NetworkOptions>();
    CLI::App* command = app.add_subcommand("summary", "Prints every operation of a model with its output shape, multiply-adds and parameters.\n"
                                                      "Needs no weights. Example: regulus summary mask_rcnn_r50_fpn_1x_coco --size 800x1344, or: regulus summary pycls/RegNetX-3.2GF");
    add_network_options(*command, *options);
    command->callback([options] {
        const Network network = network_of(*options);
        print(regulus::summary(network.graph, network.size));
    });
}

}  // namespace tool
