// regulus train: networks learn from pictures and point clouds.
#include "train.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <regulus/core/error.hpp>
#include <regulus/weights/write_safetensors.hpp>

#include "pictures.hpp"

namespace tool {

void require_same_settings(const std::string& path, const Settings& kept, const Settings& now) {
    std::string text;
    const auto value = [](const Settings& settings, const std::string& name) {
        const auto found = settings.find(name);
        return found == settings.end() ? std::string("nothing") : found->second;
    };
    Settings all = kept;
    all.insert(now.begin(), now.end());
    for (const auto& [name, unused] : all) {
        if (value(kept, name) != value(now, name)) text += "\n  " + name + " was " + value(kept, name) + ", is " + value(now, name);
    }
    if (!text.empty()) throw regulus::ArgumentError("train: " + path + " is of a run with other settings; give those, or begin anew without --resume once it is gone:" + text);
}

std::string number(double value) {
    char text[40];
    for (int digits = 1; digits <= 17; ++digits) {
        std::snprintf(text, sizeof text, "%.*g", digits, value);
        if (std::strtod(text, nullptr) == value) break;
    }
    return text;
}

std::string run_file(const std::string& out, bool resume) {
    if (out.size() < 12 || out.compare(out.size() - 12, 12, ".safetensors") != 0) throw regulus::ArgumentError("train: --out must end in .safetensors, got " + out);
    require_writable(out);
    const std::string path = out + ".run";
    const bool has_run = ::access(path.c_str(), F_OK) == 0;
    if (resume && !has_run) throw regulus::ArgumentError("train: there is no " + path + " to go on from; leave out --resume");
    if (!resume && has_run) throw regulus::ArgumentError("train: " + path + " holds a run that stopped; --resume goes on with it, without the file a new one begins");
    return path;
}

void write_trained(const std::string& out, regulus::Weights result, std::map<std::string, std::string> facts, const std::string& model, const std::string& run) {
    result.metadata = std::move(facts);
    result.metadata["regulus.model"] = model;
    regulus::write_safetensors(out, result);
    ::unlink(run.c_str());
}

void add_run_options(CLI::App& command, RunOptions& options) {
    command.add_option("--out", options.out, "The result, a file ending in .safetensors; OUT.run keeps the run until it is done")->required();
    command.add_option("--seed", options.seed, "Of everything random")->capture_default_str();
    command.add_flag("--resume", options.resume, "Go on with the run that OUT.run keeps");
    command.add_option("--threads", options.threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
}

int threads_of(const RunOptions& options) { return options.threads > 0 ? options.threads : std::max(1, int(std::thread::hardware_concurrency())); }

void choose_batch(std::int64_t asked_batch, std::int64_t asked_at_once, std::size_t count, const std::string& in_words, std::int64_t& batch, std::int64_t& at_once) {
    if (asked_batch > 0) batch = asked_batch;
    if (std::size_t(batch) > count) throw regulus::ArgumentError("train: a batch of " + std::to_string(batch) + " is more than all " + in_words + "; choose another with --batch");
    at_once = asked_at_once > 0 ? asked_at_once : std::min(batch, at_once);
    while (asked_at_once == 0 && batch % at_once != 0) --at_once;
    if (batch % at_once != 0) throw regulus::ArgumentError("train: --at-once " + std::to_string(at_once) + " does not divide the batch of " + std::to_string(batch));
}

void add_train(CLI::App& app, Outcome& outcome) {
    CLI::App* train = app.add_subcommand("train", "Teaches a network on the CPU, by a published recipe, from random or given weights.");
    train->require_subcommand(1);
    add_train_imagenet(*train, outcome);
    add_train_coco(*train, outcome);
    add_train_lvis(*train, outcome);
    add_train_voc(*train, outcome);
    add_train_cityscapes(*train, outcome);
    add_train_tables(*train, outcome);
    add_train_kitti(*train, outcome);
}

}  // namespace tool
