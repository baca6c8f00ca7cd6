// regulus eval imagenet: how often does a classifier name the class of a picture first, or among its first five?
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/core/json.hpp>
#include <regulus/pipeline/classifier.hpp>

#include "classifiers.hpp"
#include "command.hpp"
#include "eval_run.hpp"
#include "in_parallel.hpp"
#include "labelled_pictures.hpp"
#include "models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model, weights, json;
    LabelledFolder folder;
    std::string device = "cpu";
    int batch = 8;
    int threads = 0;
    bool skip_broken = false;
};

/// What is ready before the first picture is looked at.
struct Prepared {
    std::vector<LabelledPicture> pictures;
    std::optional<regulus::AnyClassifier> classifier;
    const regulus::ClassifierSpec* model = nullptr;
    std::int64_t classes = 0;
    int threads = 1;
    std::string identity;
};

/// Names and labels of some pictures as one text, so that ranks and later runs can tell whether they mean the same ones.
std::string names_of(const std::vector<LabelledPicture>& pictures, std::size_t begin, std::size_t end) {
    std::string text;
    for (std::size_t i = begin; i < end; ++i) text += pictures[i].name + " " + std::to_string(pictures[i].label) + "\n";
    return text;
}

Prepared prepare(const Options& options, const Ranks& ranks) {
    Prepared prepared;
    LoadedClassifier loaded = load_classifier(options.model, options.weights);
    if (ranks.rank() == 0) talk(loaded.note);
    const regulus::ClassifierFacts facts = loaded.facts_with("");
    prepared.model = loaded.model;
    prepared.classes = loaded.classes;
    prepared.threads = threads_of_rank(options.threads, ranks);
    regulus::CompileOptions compile;
    compile.threads = prepared.threads;
    prepared.classifier.emplace(*make_backend(options.device), loaded.graph, loaded.weights, facts, compile);
    prepared.pictures = find_labelled(options.folder, int(loaded.classes), prepared.classifier->facts().class_names);
    if (ranks.rank() == 0 && !options.json.empty()) {
        prepared.identity = "regulus eval imagenet 1 model " + loaded.model->name + " weights " + file_identity(options.weights) + " pictures " +
                            text_identity(names_of(prepared.pictures, 0, prepared.pictures.size())) + " device " + options.device + " threads " + std::to_string(prepared.threads) + " batch " +
                            std::to_string(options.batch) + " images " + regulus::json_quote(options.folder.images);
    }
    return prepared;
}

/// The row of a batch: a JSON list of its identity and, for each picture, the five best [class, probability] or why it could not be read.
std::string row_of(const Prepared& prepared, std::size_t begin, std::size_t end) {
    const regulus::ClassifyPreprocessing& eyes = prepared.classifier->facts().preprocessing;
    const std::size_t count = end - begin;
    std::vector<regulus::Tensor> inputs(count);
    std::vector<std::string> broken(count);
    in_parallel(count, prepared.threads, [&](std::size_t i) {
        try {
            inputs[i] = regulus::classify_preprocess(regulus::read_classify_image(prepared.pictures[begin + i].path, eyes), eyes);
        } catch (const std::exception& error) {
            broken[i] = error.what();
        }
    });
    const std::int64_t whole = std::count(broken.begin(), broken.end(), std::string());
    std::vector<regulus::Classification> found;
    if (whole != 0) {
        regulus::Tensor batch({whole, 3, eyes.crop, eyes.crop}, regulus::DType::f32);
        float* at = batch.data<float>();
        for (std::size_t i = 0; i < count; ++i) {
            if (broken[i].empty()) at = std::copy_n(inputs[i].data<float>(), inputs[i].numel(), at);
        }
        found = prepared.classifier->from_input(batch);
    }
    std::string row = "[" + regulus::json_quote(text_identity(names_of(prepared.pictures, begin, end)));
    std::size_t next = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (!broken[i].empty()) {
            row += ", " + regulus::json_quote(broken[i]);
            continue;
        }
        std::string top;
        char text[48];
        for (const regulus::ClassScore& score : found[next].top(5)) {
            std::snprintf(text, sizeof text, "%s[%d, %.9g]", top.empty() ? "" : ", ", score.index, double(score.probability));
            top += text;
        }
        row += ", [" + top + "]";
        ++next;
    }
    return row + "]";
}

/// What is known of one picture: five classes, or why there are none.
struct Judged {
    std::vector<regulus::ClassScore> top;
    std::string broken;
};

/// The pictures of a batch from its row. Throws regulus::FileError when the row is of other pictures.
std::vector<Judged> read_row(const std::string& row, const std::string& identity, std::size_t count) {
    const regulus::Json json = regulus::parse_json(row, "eval: a batch", {8, 1 << 20});
    const regulus::Json::Array* entries = json.array();
    if (entries == nullptr || entries->size() != count + 1 || (*entries)[0].text() == nullptr || *(*entries)[0].text() != identity) {
        throw regulus::FileError("eval: a batch is of other pictures than here; do all machines see the same folder?");
    }
    std::vector<Judged> result;
    for (std::size_t i = 1; i < entries->size(); ++i) {
        Judged& judged = result.emplace_back();
        const regulus::Json& entry = (*entries)[i];
        if (entry.text() != nullptr) {
            judged.broken = *entry.text();
            continue;
        }
        if (entry.array() == nullptr) throw regulus::FileError("eval: a batch's row cannot be understood");
        for (const regulus::Json& pair : *entry.array()) {
            const regulus::Json::Array* numbers = pair.array();
            if (numbers == nullptr || numbers->size() != 2 || (*numbers)[0].integer() == nullptr || ((*numbers)[1].integer() == nullptr && (*numbers)[1].real() == nullptr)) {
                throw regulus::FileError("eval: a batch's row cannot be understood");
            }
            const regulus::Json& probability = (*numbers)[1];
            judged.top.push_back({int(*(*numbers)[0].integer()), "", probability.real() != nullptr ? float(*probability.real()) : float(*probability.integer())});
        }
    }
    return result;
}

/// The numbers, and the results file's text.
class Report {
public:
    void add(const LabelledPicture& picture, const Judged& judged) {
        rows_ += (rows_.empty() ? "\n" : ",\n") + std::string("{\"file\": ") + regulus::json_quote(picture.name) + ", \"label\": " + std::to_string(picture.label);
        if (!judged.broken.empty()) {
            rows_ += ", \"broken\": " + regulus::json_quote(judged.broken) + "}";
            ++broken_;
            return;
        }
        rows_ += ", \"top\": [";
        char text[64];
        for (std::size_t k = 0; k < judged.top.size(); ++k) {
            const bool hit = judged.top[k].index == picture.label;
            first_ += hit && k == 0;
            among_five_ += hit;
            std::snprintf(text, sizeof text, "%s{\"index\": %d, \"probability\": %.9g}", k == 0 ? "" : ", ", judged.top[k].index, double(judged.top[k].probability));
            rows_ += text;
        }
        rows_ += "]}";
        ++judged_;
    }

    std::string json(const Prepared& prepared) const {
        char numbers[160];
        std::snprintf(numbers, sizeof numbers, "\"pictures\": %zu, \"broken\": %zu, \"top1_percent\": %.6g, \"top5_percent\": %.6g, ", judged_, broken_, percent(first_), percent(among_five_));
        return "{\"model\": " + regulus::json_quote(prepared.model->name) + ", \"classes\": " + std::to_string(prepared.classes) + ", " + numbers + "\"results\": [" + rows_ + "\n]}\n";
    }

    std::string text(const Prepared& prepared, bool seeded) const {
        char line[160];
        std::string text = prepared.model->name + ", " + count_of(judged_, "picture") + " of " + count_of(std::size_t(prepared.classes), "class") + "\n";
        std::snprintf(line, sizeof line, "  top-1  %7.3f %%   %zu right\n  top-5  %7.3f %%   %zu right\n", percent(first_), first_, percent(among_five_), among_five_);
        text += line;
        const regulus::ClassifierSpec& model = *prepared.model;
        if (!seeded && model.top1_error > 0 && prepared.classes == model.classes) {
            std::snprintf(line, sizeof line, "  published on all of %s: %.3f %% and %.3f %%\n", model.data.c_str(), 100 - model.top1_error, 100 - model.top5_error);
            text += line;
        }
        if (broken_ != 0) text += "  " + count_of(broken_, "broken picture") + " left out of both numbers\n";
        return text;
    }

    std::size_t judged() const { return judged_; }

private:
    double percent(std::size_t count) const { return judged_ == 0 ? 0 : 100.0 * double(count) / double(judged_); }

    std::string rows_;
    std::size_t judged_ = 0, broken_ = 0, first_ = 0, among_five_ = 0;
};

void eval_imagenet(const Options& options, Outcome& outcome) {
    Prepared prepared;
    const std::size_t batch = std::size_t(options.batch);
    const auto end_of = [&](std::size_t i) { return std::min((i + 1) * batch, prepared.pictures.size()); };
    const auto judged_of = [&](std::size_t i, const std::string& row) {
        return read_row(row, text_identity(names_of(prepared.pictures, i * batch, end_of(i))), end_of(i) - i * batch);
    };
    const auto items_of = [&] {
        EvalItems items;  // batches; each always holds the same pictures, so that its digits do not depend on who does it and when
        for (std::size_t i = 0; i * batch < prepared.pictures.size(); ++i) items.ids.push_back(std::int64_t(i));
        items.weight = [&](std::size_t i) { return end_of(i) - i * batch; };
        items.name = [&](std::size_t i) { return prepared.pictures[i * batch].name; };
        items.work = [&](std::size_t i) -> PictureOutcome {
            std::string row = row_of(prepared, i * batch, end_of(i));
            if (options.skip_broken) return {i, false, std::move(row)};
            for (const Judged& judged : judged_of(i, row)) {
                if (!judged.broken.empty()) return {i, true, judged.broken};
            }
            return {i, false, std::move(row)};
        };
        items.heard = [&](std::size_t i, const std::string& row) {
            const std::vector<Judged> batch_of = judged_of(i, row);
            for (std::size_t k = 0; k < batch_of.size(); ++k) {
                if (!batch_of[k].broken.empty()) talk("skipped " + prepared.pictures[i * batch + k].name + ": " + batch_of[k].broken + "\n");
            }
        };
        items.skip_hint = "eval: --skip-broken leaves such pictures out";
        items.json = options.json;
        items.identity = prepared.identity;
        return items;
    };
    const auto finished = run_items([&](const Ranks& ranks) { prepared = prepare(options, ranks); }, items_of, outcome);
    if (!finished) return;
    Report report;
    for (const auto& [id, row] : finished->rows) {
        const std::vector<Judged> batch_of = judged_of(std::size_t(id), row);
        for (std::size_t k = 0; k < batch_of.size(); ++k) report.add(prepared.pictures[std::size_t(id) * batch + k], batch_of[k]);
    }
    if (report.judged() == 0) throw regulus::FileError("eval: none of the pictures could be read");
    finished->write(options.json, report.json(prepared));
    print(report.text(prepared, options.weights.rfind("seeded", 0) == 0));
}

}  // namespace

void add_eval_imagenet(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("imagenet", "Top-1 and top-5 of a classifier, on ImageNet's validation pictures or any others of known class.\n"
                                                        "Pictures are resized and cropped as the model's own program does it. --images holds a folder for each class, in\n"
                                                        "the order of their names as torchvision's ImageFolder has it, or --labels lists \"NAME LABEL\" line by line.\n"
                                                        "With --json an interrupted run goes on where it stopped when the same command is given again.\n"
                                                        "Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                        "Examples:\n"
                                                        "  regulus eval imagenet --weights RegNetX-3.2GF_dds_8gpu.pyth --images imagenet/val\n"
                                                        "  regulus eval imagenet --model timm/regnety_040 --weights regnety_040.safetensors --images val --labels val.txt --json out.json\n"
                                                        "  mpirun -n 4 regulus eval imagenet --weights resnet50-0676ba61.pth --images imagenette/val --classes LOC_synset_mapping.txt");
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command->add_option("--weights", options->weights, "Checkpoint of any layout; or seeded[:SALT]");
    command->add_option("--images", options->folder.images, "Folder of the pictures, or of a folder for each class")->required();
    command->add_option("--labels", options->folder.list, "Lines of a picture's name and its class: an index from 0, or a name of --classes");
    command->add_option("--classes", options->folder.names, "Names of the classes (folders, labels) in the model's order, one a line; the first word suffices");
    command->add_option("--batch", options->batch, "Pictures that the network sees at once")->check(CLI::Range(1, 4096))->capture_default_str();
    command->add_option("--json", options->json, "Write the numbers and each picture's five classes to this file; FILE.journal keeps what is done so far");
    command->add_flag("--skip-broken", options->skip_broken, "Report, count and leave out pictures that cannot be read");
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has, divided by the processes on it")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options, &outcome] { eval_imagenet(*options, outcome); });
}

}  // namespace tool
