// A run that stops and goes on does what one does that never stopped.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/train/snapshot.hpp>
#include <regulus/weights/write_safetensors.hpp>

using namespace regulus;
using namespace regulus::train;

namespace {

std::vector<LearnedParameter> parameters_of(int fill) {
    std::vector<LearnedParameter> parameters;
    for (const char* name : {"backbone.stem.weight", "module.norm.running_mean", "stem_momentum"}) {  // names that readers of foreign files strip or drop
        LearnedParameter& parameter = parameters.emplace_back();
        parameter.name = name;
        parameter.value = Tensor(Shape{2, 5}, DType::f32);
        for (int i = 0; i < 10; ++i) parameter.value.data<float>()[i] = std::sin(float(fill + i));
        parameter.gradient = Tensor::zeros(Shape{2, 5});
    }
    parameters[1].kind = LearnedParameter::Kind::statistic;
    parameters[1].gradient = Tensor();
    return parameters;
}

void step(std::vector<LearnedParameter>& parameters, Optimiser& optimiser, int time) {
    for (LearnedParameter& parameter : parameters) {
        for (std::int64_t i = 0; i < parameter.gradient.numel(); ++i) parameter.gradient.data<float>()[i] = std::cos(float(time * 7 + i));
    }
    parameters[1].value.data<float>()[0] = float(time);  // what a forward pass moves
    optimiser.step(parameters, 0.1);
}

bool same(const std::vector<LearnedParameter>& a, const std::vector<LearnedParameter>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (std::memcmp(a[i].value.raw(), b[i].value.raw(), a[i].value.bytes()) != 0) return false;
    }
    return a.size() == b.size();
}

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A file of the test's own that is gone afterwards.
struct OwnFile {
    std::string path;
    ~OwnFile() { std::remove(path.c_str()); }
};

}  // namespace

TEST_CASE("snapshot: a run that goes on from a file has the bits of one that never stopped") {
    const OwnFile file{"snapshot_test.safetensors"};
    for (const OptimiserSettings& settings : {OptimiserSettings(Sgd{0.9, true, {1e-4}}), OptimiserSettings(AdamW{})}) {
        std::vector<LearnedParameter> whole = parameters_of(0);
        Optimiser optimiser(settings);
        for (int time = 0; time < 4; ++time) step(whole, optimiser, time);
        Snapshot taken = snapshot_of(whole, optimiser, 3, 1000000000000, 0xFFFFFFFFFFFFFFFFu);
        taken.notes = {{"model", "pycls/RegNetX-200MF"}, {"pictures", "Bäume\n\"1\""}};
        write_snapshot(file.path, taken);
        for (int time = 4; time < 8; ++time) step(whole, optimiser, time);

        std::vector<LearnedParameter> resumed = parameters_of(5);
        const void* const place = resumed[0].value.raw();
        Optimiser other(settings);
        step(resumed, other, 99);
        const Snapshot read = read_snapshot(file.path);
        CHECK(read.epoch == 3);
        CHECK(read.iteration == 1000000000000);
        CHECK(read.seed == 0xFFFFFFFFFFFFFFFFu);
        CHECK(read.notes == taken.notes);
        restore(read, resumed, other);
        CHECK(resumed[0].value.raw() == place);
        CHECK_FALSE(same(resumed, whole));
        for (int time = 4; time < 8; ++time) step(resumed, other, time);
        CHECK(same(resumed, whole));
    }
}

TEST_CASE("snapshot: one of another network or optimiser is refused, and nothing has changed") {
    std::vector<LearnedParameter> parameters = parameters_of(0);
    Optimiser optimiser(Sgd{});
    step(parameters, optimiser, 0);
    const Snapshot good = snapshot_of(parameters, optimiser, 0, 1, 0);

    std::vector<LearnedParameter> other = parameters_of(3);
    const std::vector<LearnedParameter> before = parameters_of(3);
    other[0].name = "stem.weight";
    other[2].value = Tensor::zeros(Shape{10});
    CHECK_THROWS_WITH_AS(restore(good, other, optimiser),
                         "snapshot: weights is of another network\n  1 misshapen:\n    stem_momentum is float32 [2, 5], the network has float32 [10]\n  1 missing:\n    stem.weight [2, 5]\n  1 unexpected:\n    backbone.stem.weight [2, 5]",
                         WeightError);
    other = parameters_of(3);
    Optimiser adam(AdamW{});
    CHECK_THROWS_WITH_AS(restore(good, other, adam), "optimiser: optimiser is the state of sgd, this is adamw", WeightError);
    CHECK(same(other, before));
    CHECK(adam.state().empty());
}

TEST_CASE("snapshot: files that are none, and places where none can be written") {
    const OwnFile file{"snapshot_test_bad.safetensors"};
    const auto write = [&](std::map<std::string, std::string> metadata, const char* name) {
        Weights weights;
        weights.metadata = std::move(metadata);
        weights.add(name, Tensor::zeros(Shape{3}));
        write_safetensors(file.path, weights);
    };
    const std::map<std::string, std::string> facts{{"regulus.snapshot", "1"}, {"regulus.epoch", "1"}, {"regulus.iteration", "2"}, {"regulus.seed", "3"}, {"regulus.optimiser", "sgd"}};
    const auto with = [&](const char* key, const char* value) {
        auto changed = facts;
        changed[key] = value;
        return changed;
    };
    write(facts, "parameter/a");
    CHECK(read_snapshot(file.path).parameters.size() == 1);
    write({}, "backbone.stem.weight");
    CHECK_THROWS_WITH_AS(read_snapshot(file.path), "snapshot: snapshot_test_bad.safetensors lacks \"regulus.snapshot\" in its metadata; it is no snapshot of a training run", FileError);
    write(with("regulus.snapshot", "2"), "parameter/a");
    CHECK_THROWS_WITH_AS(read_snapshot(file.path), "snapshot: snapshot_test_bad.safetensors has the layout 2, known is 1; a newer Regulus wrote it", FileError);
    for (const char* text : {"-1", "", "7x", "99999999999999999999"}) {
        write(with("regulus.epoch", text), "parameter/a");
        CHECK_THROWS_AS(read_snapshot(file.path), FileError);
    }
    write(facts, "backbone.stem.weight");
    CHECK_THROWS_WITH_AS(read_snapshot(file.path), "snapshot: snapshot_test_bad.safetensors holds \"backbone.stem.weight\", which is of no training run", FileError);
    CHECK_THROWS_AS(read_snapshot("no_such_snapshot.safetensors"), FileError);

    // What was there stays when a new one cannot be written, and when the file is cut off it is refused.
    std::vector<LearnedParameter> parameters = parameters_of(0);
    const Optimiser optimiser(Sgd{});
    write_snapshot(file.path, snapshot_of(parameters, optimiser, 1, 2, 3));
    const std::string whole = bytes_of(file.path);
    Snapshot bad = snapshot_of(parameters, optimiser, 1, 2, 3);
    bad.notes["name"] = "\xFF";
    CHECK_THROWS_AS(write_snapshot(file.path, bad), FileError);
    CHECK(bytes_of(file.path) == whole);
    CHECK_THROWS_AS(write_snapshot("no_such_folder/snapshot.safetensors", snapshot_of(parameters, optimiser, 1, 2, 3)), FileError);
    bad.epoch = -1;
    CHECK_THROWS_AS(write_snapshot(file.path, bad), ArgumentError);
    std::ofstream(file.path, std::ios::binary) << whole.substr(0, whole.size() - 1);
    CHECK_THROWS_AS(read_snapshot(file.path), FileError);
}
