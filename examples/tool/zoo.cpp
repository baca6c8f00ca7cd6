// regulus zoo: models that can be asked for by name.
#include <cstdio>
#include <memory>
#include <string>

#include "command.hpp"
#include "models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

std::string percent(double value) {
    char text[16] = "-";
    if (value > 0) std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

void list(bool names_only) {
    std::string text;
    char line[256];
    std::snprintf(line, sizeof line, "%-66s %-38s %7s %7s\n", "name", "architecture", "box AP", "mask AP");
    if (!names_only) text += line;
    for (const regulus::ModelSpec& model : models()) {
        std::snprintf(line, sizeof line, "%-66s %-38s %7s %7s\n", model.name.c_str(), model.architecture.c_str(), percent(model.box_ap).c_str(), percent(model.mask_ap).c_str());
        text += names_only ? model.name + "\n" : line;
    }
    print(text);
}

void show(const std::string& name) {
    const regulus::ModelSpec& model = model_named(name);
    const regulus::Graph graph = regulus::recorded(model);
    std::string text = model.name + "\n";
    const auto line = [&](const std::string& what, const std::string& value) {
        if (!value.empty()) text += "  " + what + std::string(what.size() < 16 ? 16 - what.size() : 1, ' ') + value + "\n";
    };
    std::string aliases, classes;
    for (const std::string& alias : model.aliases) aliases += (aliases.empty() ? "" : ", ") + alias;
    for (const std::string& name_of_class : model.facts.class_names) classes += (classes.empty() ? "" : ", ") + name_of_class;
    line("architecture", model.architecture);
    line("also called", aliases);
    line("parameters", thousands(graph.parameter_count()));
    line("trained on", model.data);
    if (model.box_ap > 0) line("published AP", "box " + percent(model.box_ap) + (model.mask_ap > 0 ? ", mask " + percent(model.mask_ap) : ""));
    line("checkpoint", model.checkpoint);
    line("licence", model.licence);
    for (const auto& [key, value] : regulus::facts_to_metadata(model.facts)) {
        if (key == "regulus.preprocessing") line("preprocessing", value);
    }
    line("classes", std::to_string(model.facts.class_names.size()) + ": " + classes);
    print(text);
}

}  // namespace

void add_zoo(CLI::App& app, Outcome&) {
    CLI::App* command = app.add_subcommand("zoo", "Lists the models that can be asked for by name, or shows one.\n"
                                                  "Names are CODE_BASE/CONFIG as published; any unambiguous tail is accepted, and mmdetection 3's spelling.");
    command->require_subcommand(1);
    auto names_only = std::make_shared<bool>(false);
    CLI::App* list_command = command->add_subcommand("list", "All models with their published accuracy.");
    list_command->add_flag("--names", *names_only, "Names alone, one a line");
    list_command->callback([names_only] { list(*names_only); });
    auto name = std::make_shared<std::string>();
    CLI::App* show_command = command->add_subcommand("show", "One model: parameters, preprocessing, classes, checkpoint. Example: regulus zoo show fasteners");
    show_command->add_option("NAME", *name, "Model: a zoo name or an unambiguous tail of one")->required();
    show_command->callback([name] { show(*name); });
}

}  // namespace tool
