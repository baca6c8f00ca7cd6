#pragma once
#include <charconv>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/train/snapshot.hpp>
#include <regulus/weights/misfits.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>

namespace regulus::train {

namespace detail {

inline constexpr std::string_view parameter_prefix = "parameter/", optimiser_prefix = "optimiser/", note_prefix = "note.";

inline const std::string& snapshot_fact(const Weights& file, const char* key) {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end()) throw FileError("snapshot: " + file.source + " lacks \"" + key + "\" in its metadata; it is no snapshot of a training run");
    return found->second;
}

template <class Integer>
Integer snapshot_number(const Weights& file, const char* key) {
    const std::string& text = snapshot_fact(file, key);
    Integer number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < Integer(0)) throw FileError("snapshot: \"" + std::string(key) + "\" of " + file.source + " must be a whole number from 0 on, it is \"" + text + "\"");
    return number;
}

}  // namespace detail

REGULUS_INLINE Snapshot snapshot_of(std::span<const LearnedParameter> parameters, const Optimiser& optimiser, std::int64_t epoch, std::int64_t iteration, std::uint64_t seed) {
    Snapshot snapshot;
    for (const LearnedParameter& parameter : parameters) snapshot.parameters.add(parameter.name, parameter.value.clone());
    snapshot.optimiser = optimiser.state();
    snapshot.epoch = epoch, snapshot.iteration = iteration, snapshot.seed = seed;
    return snapshot;
}

REGULUS_INLINE void restore(const Snapshot& snapshot, std::span<LearnedParameter> parameters, Optimiser& optimiser) {
    regulus::detail::Misfits misfits;
    std::set<std::string> known;
    for (const LearnedParameter& parameter : parameters) {
        known.insert(parameter.name);
        const Tensor* const kept = snapshot.parameters.find(parameter.name);
        if (kept == nullptr) misfits.missing.push_back(parameter.name + " " + to_string(parameter.value.shape()));
        else if (!(kept->shape() == parameter.value.shape()) || kept->dtype() != parameter.value.dtype()) {
            misfits.misshapen.push_back(parameter.name + " is " + name_of(kept->dtype()) + " " + to_string(kept->shape()) + ", the network has " + name_of(parameter.value.dtype()) + " " + to_string(parameter.value.shape()));
        }
    }
    for (const Weights::Entry& entry : snapshot.parameters.entries()) {
        if (known.find(entry.name) == known.end()) misfits.unexpected.push_back(entry.name + " " + to_string(entry.tensor.shape()));
    }
    if (!misfits.empty()) throw WeightError("snapshot: " + snapshot.parameters.source + " is of another network" + misfits.text());
    optimiser.restore(parameters, snapshot.optimiser);
    for (LearnedParameter& parameter : parameters) {
        if (parameter.value.bytes() != 0) std::memcpy(parameter.value.raw(), snapshot.parameters.find(parameter.name)->raw(), parameter.value.bytes());
    }
}

REGULUS_INLINE void write_snapshot(const std::string& path, const Snapshot& snapshot) {
    if (snapshot.epoch < 0 || snapshot.iteration < 0) {
        throw ArgumentError("snapshot: epoch " + std::to_string(snapshot.epoch) + " and iteration " + std::to_string(snapshot.iteration) + " must not be negative");
    }
    Weights file;
    file.metadata = {{"regulus.snapshot", "1"}, {"regulus.epoch", std::to_string(snapshot.epoch)}, {"regulus.iteration", std::to_string(snapshot.iteration)}, {"regulus.seed", std::to_string(snapshot.seed)}};
    const auto optimiser = snapshot.optimiser.metadata.find("regulus.optimiser");
    file.metadata["regulus.optimiser"] = optimiser == snapshot.optimiser.metadata.end() ? "none" : optimiser->second;
    for (const auto& [key, value] : snapshot.notes) file.metadata[std::string(detail::note_prefix) + key] = value;
    for (const Weights::Entry& entry : snapshot.parameters.entries()) file.add(std::string(detail::parameter_prefix) + entry.name, entry.tensor);
    for (const Weights::Entry& entry : snapshot.optimiser.entries()) file.add(std::string(detail::optimiser_prefix) + entry.name, entry.tensor);
    write_safetensors(path, file);
}

REGULUS_INLINE Snapshot read_snapshot(const std::string& path) {
    ReadOptions options;
    options.strip_module = false;
    options.drop_copies = false;
    options.refuse_unsupported = true;
    Weights file = read_weights(path, options);
    file.source = path;
    if (const std::string& version = detail::snapshot_fact(file, "regulus.snapshot"); version != "1") {
        throw FileError("snapshot: " + path + " has the layout " + version + ", known is 1; a newer Regulus wrote it");
    }
    Snapshot snapshot;
    snapshot.epoch = detail::snapshot_number<std::int64_t>(file, "regulus.epoch");
    snapshot.iteration = detail::snapshot_number<std::int64_t>(file, "regulus.iteration");
    snapshot.seed = detail::snapshot_number<std::uint64_t>(file, "regulus.seed");
    snapshot.parameters.source = snapshot.optimiser.source = path;
    snapshot.optimiser.metadata["regulus.optimiser"] = detail::snapshot_fact(file, "regulus.optimiser");
    for (const auto& [key, value] : file.metadata) {
        if (key.compare(0, detail::note_prefix.size(), detail::note_prefix) == 0) snapshot.notes[key.substr(detail::note_prefix.size())] = value;
    }
    for (const Weights::Entry& entry : file.entries()) {
        if (entry.name.compare(0, detail::parameter_prefix.size(), detail::parameter_prefix) == 0) snapshot.parameters.add(entry.name.substr(detail::parameter_prefix.size()), entry.tensor);
        else if (entry.name.compare(0, detail::optimiser_prefix.size(), detail::optimiser_prefix) == 0) snapshot.optimiser.add(entry.name.substr(detail::optimiser_prefix.size()), entry.tensor);
        else throw FileError("snapshot: " + path + " holds \"" + entry.name + "\", which is of no training run");
    }
    return snapshot;
}

}  // namespace regulus::train
