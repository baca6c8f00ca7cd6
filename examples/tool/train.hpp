#pragma once
// What the trainings share: a run's file, Ctrl-C.
#include <csignal>
#include <map>
#include <string>

#include "command.hpp"

namespace tool {

/// `regulus train imagenet`.
void add_train_imagenet(CLI::App& train, Outcome& outcome);

/// While it lives, Ctrl-C (and SIGTERM) asks for an end instead of ending the program; a second one does end it.
class StopGuard {
public:
    StopGuard();
    ~StopGuard();
    StopGuard(const StopGuard&) = delete;
    StopGuard& operator=(const StopGuard&) = delete;

    static bool asked();

private:
    void (*interrupt_)(int);
    void (*terminate_)(int);
};

/// What a run is of, name by name. Throws regulus::ArgumentError, naming all differences, when a run that is to go on is of something else.
using Settings = std::map<std::string, std::string>;
void require_same_settings(const std::string& path, const Settings& kept, const Settings& now);

}  // namespace tool
