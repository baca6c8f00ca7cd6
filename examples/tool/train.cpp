// regulus train: networks learn from pictures.
#include "train.hpp"

#include <regulus/core/error.hpp>

namespace tool {

namespace {

volatile std::sig_atomic_t stop_asked = 0;

void ask(int signal) {
    stop_asked = 1;
    std::signal(signal, SIG_DFL);
}

}  // namespace

StopGuard::StopGuard() : interrupt_(std::signal(SIGINT, ask)), terminate_(std::signal(SIGTERM, ask)) { stop_asked = 0; }

StopGuard::~StopGuard() {
    std::signal(SIGINT, interrupt_);
    std::signal(SIGTERM, terminate_);
}

bool StopGuard::asked() { return stop_asked != 0; }

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

void add_train(CLI::App& app, Outcome& outcome) {
    CLI::App* train = app.add_subcommand("train", "Teaches a network on the CPU, by a published recipe, from random or given weights.");
    train->require_subcommand(1);
    add_train_imagenet(*train, outcome);
}

}  // namespace tool
