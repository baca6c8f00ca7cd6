// regulus zoo: models that can be asked for by name.
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/pipeline/proposals.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "command.hpp"
#include "models.hpp"
#include "network.hpp"
#include "point_models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

std::string percent(double value) {
    char text[16] = "-";
    if (value > 0) std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string accuracy(double error) { return error > 0 ? percent(100 - error) : "-"; }

void list(bool names_only) {
    std::string text;
    char line[256];
    std::snprintf(line, sizeof line, "%-66s %-38s %7s %7s\n", "name", "architecture", "box AP", "mask AP");
    if (!names_only) text += line;
    for (const regulus::ModelSpec& model : models()) {
        std::snprintf(line, sizeof line, "%-66s %-38s %7s %7s\n", model.name.c_str(), model.architecture.c_str(), percent(model.box_ap).c_str(), percent(model.mask_ap).c_str());
        text += names_only ? model.name + "\n" : line;
    }
    if (!names_only) {
        std::snprintf(line, sizeof line, "\n%-66s %-38s %7s %7s\n", "name", "architecture", "top-1", "top-5");
        text += line;
    }
    for (const regulus::ClassifierSpec& model : regulus::classifier_models()) {
        std::snprintf(line, sizeof line, "%-66s %-38s %7s %7s\n", model.name.c_str(), model.architecture.c_str(), accuracy(model.top1_error).c_str(), accuracy(model.top5_error).c_str());
        text += names_only ? model.name + "\n" : line;
    }
    if (!names_only) {
        std::snprintf(line, sizeof line, "\n%-88s %-44s %7s %7s\n", "name", "architecture", "mAP", "NDS");
        text += line;
    }
    for (const regulus::PointDetectorSpec& model : point_models()) {
        std::snprintf(line, sizeof line, "%-88s %-44s %7s %7s\n", model.name.c_str(), model.architecture.c_str(), percent(model.map).c_str(), percent(model.nds).c_str());
        text += names_only ? model.name + "\n" : line;
    }
    print(text);
}

std::string line(const std::string& what, const std::string& value) {
    return value.empty() ? "" : "  " + what + std::string(what.size() < 16 ? 16 - what.size() : 1, ' ') + value + "\n";
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

void show_classifier(const regulus::ClassifierSpec& model) {
    const regulus::ClassifyPreprocessing& p = model.facts.preprocessing;
    const char* const resizes[] = {"OpenCV's bilinear of float32 values", "OpenCV's bilinear", "Pillow's bilinear", "Pillow's bicubic"};
    std::string text = model.name + "\n" + line("architecture", model.architecture) + line("also called", joined(model.aliases)) +
                       line("parameters", thousands(regulus::recorded(model).parameter_count())) + line("trained on", model.data);
    char errors[64];
    std::snprintf(errors, sizeof errors, "top-1 %.3f %%, top-5 %.3f %%", model.top1_error, model.top5_error);
    if (model.top1_error > 0) text += line("published error", errors);
    text += line("checkpoint", model.checkpoint) + line("licence", model.licence);
    text += line("preprocessing", "short side to " + std::to_string(p.short_side) + " (" + resizes[int(p.resize)] + "), crop of " + std::to_string(p.crop) + ", " +
                                      (p.channel_order == regulus::ChannelOrder::bgr ? "BGR" : "RGB"));
    print(text + line("classes", std::to_string(model.classes)));
}

void show_point_detector(const regulus::PointDetectorSpec& model) {
    std::string text = model.name + "\n" + line("architecture", model.architecture) + line("also called", joined(model.aliases)) +
                       line("parameters", thousands(regulus::recorded(model).parameter_count())) + line("trained on", model.data);
    if (model.map > 0) text += line("published", "mAP " + percent(model.map) + (model.nds > 0 ? ", NDS " + percent(model.nds) : ""));
    text += line("checkpoint", model.checkpoint) + line("licence", model.licence);
    const std::array<float, 6>& r = model.facts.range;
    char range[128];
    std::snprintf(range, sizeof range, "x %g to %g, y %g to %g, z %g to %g m", double(r[0]), double(r[3]), double(r[1]), double(r[4]), double(r[2]), double(r[5]));
    text += line("range", range) + line("points", model.facts.point_columns + (model.facts.sweeps > 0 ? ", up to " + std::to_string(model.facts.sweeps) + " sweeps" : ""));
    print(text + line("classes", std::to_string(model.facts.class_names.size()) + ": " + joined(model.facts.class_names)));
}

/// All kinds by the same rules.
void show(const std::string& name) {
    const Entry entry = entry_named(name);
    if (entry.classifier != nullptr) return show_classifier(*entry.classifier);
    if (entry.point_detector != nullptr) return show_point_detector(*entry.point_detector);
    const regulus::ModelSpec& model = *entry.detector;
    const regulus::Graph graph = regulus::recorded(model);
    std::string text = model.name + "\n" + line("architecture", model.architecture) + line("also called", joined(model.aliases)) +
                       line("parameters", thousands(graph.parameter_count())) + line("trained on", model.data);
    std::vector<std::string> published;
    if (model.box_ap > 0) published.push_back("box " + percent(model.box_ap));
    if (model.mask_ap > 0) published.push_back("mask " + percent(model.mask_ap));
    if (model.keypoint_ap > 0) published.push_back("keypoint " + percent(model.keypoint_ap));
    text += line("published AP", joined(published));
    if (model.panoptic_quality > 0) text += line("published PQ", percent(model.panoptic_quality));
    if (model.proposal_ar > 0) text += line("published AR", percent(model.proposal_ar) + " with 1000 proposals");
    text += line("checkpoint", model.checkpoint) + line("licence", model.licence);
    for (const auto& [key, value] : regulus::facts_to_metadata(model.facts)) {
        if (key == "regulus.preprocessing") text += line("preprocessing", value);
    }
    text += line("classes", std::to_string(model.facts.class_names.size()) + ": " + joined(model.facts.class_names));
    if (!model.facts.stuff_names.empty()) text += line("stuff", std::to_string(model.facts.stuff_names.size() - 1) + ": " + joined({model.facts.stuff_names.begin() + 1, model.facts.stuff_names.end()}));
    if (!model.facts.keypoint_names.empty()) text += line("keypoints", std::to_string(model.facts.keypoint_names.size()) + ": " + joined(model.facts.keypoint_names));
    if (const int limit = regulus::proposal_limit(graph); limit != 0) text += line("takes", "boxes to look into, at most " + std::to_string(limit) + " a picture");
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
