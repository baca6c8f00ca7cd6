#include "train_run.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <regulus/train/snapshot.hpp>

#include "command.hpp"
#include "eval_run.hpp"
#include "stop_guard.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

namespace train = regulus::train;

class TrainingRun {
public:
    /// Both must outlive it; `path` is the run's file.
    TrainingRun(Lessons& lessons, const Course& course, std::string path);

    /// Throws regulus::Error when the run's file is of another run, or none.
    void resume();
    /// False when the user stops it; the run's file is written then.
    bool finish();

private:
    double take_step(std::int64_t epoch);
    void end_leg();
    void save();

    Lessons& lessons_;
    const Course& course_;
    std::string path_;
    train::Optimiser optimiser_;
    std::map<std::string, double> sums_;  // of the losses since the run was kept
    std::int64_t step_ = 0;               // steps that are done
    double rate_ = 0;
};

TrainingRun::TrainingRun(Lessons& lessons, const Course& course, std::string path) : lessons_(lessons), course_(course), path_(std::move(path)), optimiser_(course.optimiser, course.threads) {}

void TrainingRun::resume() {
    const train::Snapshot snapshot = train::read_snapshot(path_);
    Settings kept = snapshot.notes;
    std::map<std::string, double> memory = lessons_.memory();
    for (auto note = kept.begin(); note != kept.end();) {
        if (note->first.rfind("loss ", 0) == 0) sums_[note->first.substr(5)] = std::strtod(note->second.c_str(), nullptr);
        else if (memory.count(note->first) > 0) memory[note->first] = std::strtod(note->second.c_str(), nullptr);
        else {
            ++note;
            continue;
        }
        note = kept.erase(note);
    }
    require_same_settings(path_, kept, course_.settings);
    lessons_.remember(memory);
    train::restore(snapshot, lessons_.learner().parameters(), optimiser_);
    step_ = snapshot.iteration;
    talk("train: goes on after " + count_of(std::size_t(step_ / course_.steps), "epoch") + " and " + count_of(std::size_t(step_ % course_.steps), "step") + "\n");
}

bool TrainingRun::finish() {
    const std::int64_t first = step_;
    Progress progress{std::size_t(course_.all - first)};
    while (step_ < course_.all) {
        if (StopGuard::asked()) {
            save();
            return false;
        }
        const double loss = take_step(step_ / course_.steps);
        char text[80];
        std::snprintf(text, sizeof text, "step %lld/%lld, loss %.4f", static_cast<long long>(step_), static_cast<long long>(course_.all), loss);
        progress.show(std::size_t(step_ - first), text);
        if (step_ % course_.leg != 0 && step_ != course_.all) continue;
        progress.clear();
        end_leg();
    }
    return true;
}

/// One batch, a part of it at once; gives its loss, the mean of its parts'.
double TrainingRun::take_step(std::int64_t epoch) {
    train::Learner& learner = lessons_.learner();
    std::map<std::string, double> sums;
    learner.clear_gradients();
    for (std::int64_t part = 0; part < course_.parts; ++part) {
        const train::StepLosses losses = lessons_.teach(epoch, step_, part);
        for (const auto& [name, value] : losses.parts) sums[name] += value / double(course_.parts);
    }
    double loss = 0;
    for (const auto& [name, value] : sums) loss += value;
    if (!std::isfinite(loss)) {
        throw regulus::ArgumentError("train: the loss of step " + std::to_string(step_ + 1) + " is " + std::to_string(loss) + "; the training diverges, try a smaller --lr");
    }
    if (course_.parts > 1) {
        for (train::LearnedParameter& parameter : learner.parameters()) {
            float* const values = parameter.gradient.numel() == 0 ? nullptr : parameter.gradient.data<float>();
            for (std::int64_t i = 0; values != nullptr && i < parameter.gradient.numel(); ++i) values[i] /= float(course_.parts);
        }
    }
    if (course_.clip > 0) train::clip_gradients(learner.parameters(), course_.clip, course_.threads);
    rate_ = train::learning_rate(course_.schedule, epoch, step_);
    std::optional<double> momentum;
    if (course_.momentum) momentum = train::learning_rate(*course_.momentum, epoch, step_);
    optimiser_.step(learner.parameters(), rate_, momentum);
    ++step_;
    for (const auto& [name, value] : sums) sums_[name] += value;
    return loss;
}

void TrainingRun::end_leg() {
    const std::int64_t taken = step_ % course_.leg == 0 ? course_.leg : step_ % course_.leg;
    double loss = 0;
    std::string parts;
    for (const auto& [name, sum] : sums_) {
        char text[64];
        std::snprintf(text, sizeof text, "%s %.6f", name.c_str(), sum / double(taken));
        parts += (parts.empty() ? "" : ", ") + std::string(text);
        loss += sum / double(taken);
    }
    char text[160];
    const bool whole = course_.by_epochs && step_ % course_.steps == 0;
    std::snprintf(text, sizeof text, "%s %lld of %lld: loss %.6f", whole ? "epoch" : "step", static_cast<long long>(whole ? step_ / course_.steps : step_),
                  static_cast<long long>(whole ? course_.all / course_.steps : course_.all), loss);
    std::string line = text;
    if (sums_.size() > 1) line += " (" + parts + ")";
    line += lessons_.told();
    std::snprintf(text, sizeof text, ", learning rate %.6g", rate_);
    line += text;
    sums_.clear();
    save();
    print(line + lessons_.judged() + "\n");
}

void TrainingRun::save() {
    train::Snapshot snapshot = train::snapshot_of(lessons_.learner().parameters(), optimiser_, step_ / course_.steps, step_, course_.seed);
    snapshot.notes = course_.settings;
    const auto note = [&](const std::string& name, double value) {
        char text[40];
        std::snprintf(text, sizeof text, "%a", value);
        snapshot.notes[name] = text;
    };
    for (const auto& [name, sum] : sums_) note("loss " + name, sum);
    for (const auto& [name, value] : lessons_.memory()) note(name, value);
    train::write_snapshot(path_, snapshot);
}

}  // namespace

void train_to_end(Lessons& lessons, const Course& course, const RunOptions& options, const std::string& path, Outcome& outcome) {
    TrainingRun run(lessons, course, path);
    if (options.resume) run.resume();
    if (!run.finish()) {
        talk("train: stopped; the same command with --resume goes on from " + path + "\n");
        outcome.exit_code = 130;
        return;
    }
    lessons.write_result(path);
    talk("train: wrote " + options.out + "\n");
}

}  // namespace tool
