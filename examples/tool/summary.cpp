// regulus summary NAME: the layers of a model, their shapes and costs.
#include <memory>
#include <string>

#include <regulus/graph/describe.hpp>

#include "command.hpp"
#include "models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model;
    std::string size;
    int batch = 1;
};

void summarise(const Options& options) {
    const regulus::ModelSpec& model = model_named(options.model);
    regulus::InputSize size;
    default_size(model, size.height, size.width);
    if (!options.size.empty()) parse_size(options.size, size.height, size.width);
    size.n = options.batch;
    print(regulus::summary(regulus::recorded(model), size));
}

}  // namespace

void add_summary(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("summary", "Prints every operation of a model with its output shape, multiply-adds and parameters.\n"
                                                      "Needs no weights. Example: regulus summary mask_rcnn_r50_fpn_1x_coco --size 800x1344");
    command->add_option("NAME", options->model, "Model: a zoo name or an unambiguous tail of one")->required();
    command->add_option("--size", options->size, "Padded picture, HEIGHTxWIDTH (default: the model's largest)");
    command->add_option("--batch", options->batch, "Pictures in a batch")->check(CLI::Range(1, 4096))->capture_default_str();
    command->callback([options] { summarise(*options); });
}

}  // namespace tool
