// regulus classify PICTURE|DIR...: which class is on the pictures?
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/core/json.hpp>
#include <regulus/pipeline/classifier.hpp>

#include "classifiers.hpp"
#include "command.hpp"
#include "models.hpp"
#include "pictures.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model;
    std::string weights;
    std::string labels;
    std::string device = "cpu";
    int top = 5;
    int threads = 0;
    bool json = false;
    std::vector<std::string> paths;
};

std::string as_text(const Picture& picture, const std::vector<regulus::ClassScore>& scores) {
    std::string text = picture.path + "\n";
    char line[64];
    for (const regulus::ClassScore& score : scores) {
        std::snprintf(line, sizeof line, "  %7.3f %%  %5d  ", 100 * double(score.probability), score.index);
        text += line + score.name + "\n";
    }
    return text;
}

std::string as_json(const Picture& picture, const std::vector<regulus::ClassScore>& scores, bool named) {
    std::string text = "{\"file\": " + regulus::json_quote(picture.path) + ", \"top\": [";
    char number[64];
    for (std::size_t i = 0; i < scores.size(); ++i) {
        std::snprintf(number, sizeof number, "%s{\"index\": %d, \"probability\": %.9g", i == 0 ? "" : ", ", scores[i].index, double(scores[i].probability));
        text += number + (named ? ", \"name\": " + regulus::json_quote(scores[i].name) : std::string()) + "}";
    }
    return text + "]}";
}

void classify(const Options& options) {
    const std::vector<Picture> pictures = find_pictures(options.paths, "");
    LoadedClassifier loaded = load_classifier(options.model, options.weights);
    talk(loaded.note);
    const regulus::ClassifierFacts facts = loaded.facts_with(options.labels);
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    const regulus::AnyClassifier classifier(*make_backend(options.device), loaded.graph, loaded.weights, facts, compile);
    const bool named = !classifier.facts().class_names.empty();

    std::string json;  // printed whole, so that a broken picture leaves no half of it
    Progress progress(pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        progress.show(i, pictures[i].name);
        const std::vector<regulus::ClassScore> scores = classifier(regulus::read_classify_image(pictures[i].path, facts.preprocessing)).top(options.top);
        progress.clear();
        if (options.json) json += (json.empty() ? "[" : ",\n ") + as_json(pictures[i], scores, named);
        else print(as_text(pictures[i], scores));
    }
    if (options.json) print(json + "]\n");
}

}  // namespace

void add_classify(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("classify", "Says which classes are most probable for each picture.\n"
                                                       "Opens checkpoints of pycls, mmpretrain, timm and torchvision; pictures are resized and cropped as that program does it.\n"
                                                       "Examples:\n"
                                                       "  regulus classify --weights RegNetX-3.2GF_dds_8gpu.pyth dog.jpg\n"
                                                       "  regulus classify --model torchvision/resnet50 --weights my.pth --labels imagenet.txt --top 3 pictures/\n"
                                                       "  regulus classify --model timm/regnety_040 --weights seeded --json dog.jpg     without a checkpoint");
    command->add_option("PICTURE|DIR", options->paths, "Pictures, or folders of *.jpg, *.jpeg, *.png")->required();
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights fit)");
    command->add_option("--weights", options->weights, "Checkpoint of any layout; or seeded[:SALT]");
    command->add_option("--top", options->top, "How many classes to print")->check(CLI::Range(1, 1000000))->capture_default_str();
    command->add_option("--labels", options->labels, "Names of the classes: a text file, one a line");
    command->add_flag("--json", options->json, "Print JSON: [{\"file\": ..., \"top\": [{\"index\": ..., \"probability\": ...}]}]");
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options] { classify(*options); });
}

}  // namespace tool
