// Engines that are timed, and the file that keeps the fastest; memory that runs out.
#include "cuda/recording_cudnn.hpp"
#include "reference/graph_support.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include <unistd.h>

#include <regulus/cuda.hpp>
#include <regulus/cuda/engine_cache.hpp>

using namespace regulus;
using namespace regulus::testing;
using cuda::EngineCache;
using cuda::EngineChoice;

namespace {

struct TemporaryFile {
    std::string path = "engines-" + std::to_string(::getpid()) + ".txt";
    ~TemporaryFile() { std::remove(path.c_str()); }
    void write(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
    std::string read() const {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

struct Case {
    EmulatedDevice device;
    RecordingCudnn cudnn;
    std::shared_ptr<cuda::Libraries> libraries = device.libraries();
    Graph graph = graph_of(4, [](Graph& g, ValueId image) {
        ops::Conv2d op;
        op.in_channels = 4, op.out_channels = 6, op.kernel = 3, op.padding = 1, op.bias = true;
        return record::conv2d(Scope(g) / "conv", op, image);
    });
    Weights weights = random_weights(graph, 1);
    std::vector<Tensor> inputs{random_tensor(Shape{1, 4, 9, 7}, 2)};

    Case() {
        cudnn.install(*libraries);
        cudnn.proposals = {{{}, 0, true, 3.}, {{}, 64, true, 2.}, {{}, 0, false}, {{}, 0, true, 1.}, {{cuda::constants::note_nondeterministic}, 0, true, 0.5}, {{}, 0, true, 4.}};
    }
    Step step(const CudaOptions& options) {
        const Program program(CudaBackend(options, libraries), graph, weights);
        Context context;
        CHECK(relative_error(program.run(context, inputs)["y"], run<double>(graph, weights, inputs)["y"]) <= 2e-6);
        return program.steps({1, 9, 7}).back();
    }
};

}  // namespace

TEST_CASE("cudnn: autotune takes the fastest of the admissible engines; without it the first is taken") {
    Case c;
    CHECK(c.step({}).kernel == "cudnn engine 0");
    const Step step = c.step({.autotune = true});
    CHECK(step.kernel == "cudnn engine 3");
    CHECK(step.reason == "one fused graph; the fastest of 4, 1.0000 ms");
    CHECK(c.cudnn.alive() == 0);
    CHECK(c.device.memory_used == 0);
}

TEST_CASE("cudnn: what was the fastest is kept in a file and taken from it, without timing, until GPU, cuDNN, shape or proposals differ") {
    const TemporaryFile file;
    Case c;
    CHECK(c.step({.autotune = true, .engine_cache = file.path}).kernel == "cudnn engine 3");
    const std::string text = file.read();
    CHECK(text == "regulus engines 1\nEmulated GPU, capability 90, cuDNN 91900\tfloat32 1 9 7 4 9 7 6 3 1 1 1 1 bias\t3\t3\n");
    const int before = c.cudnn.executed;
    const Step kept = c.step({.engine_cache = file.path});
    CHECK(kept.kernel == "cudnn engine 3");
    CHECK(kept.reason == "one fused graph; as the engine cache says");
    CHECK(c.cudnn.executed == before + 1);
    c.cudnn.proposals.resize(2);
    const Step other = c.step({.engine_cache = file.path});
    CHECK(other.kernel == "cudnn engine 0");
    CHECK(other.reason == "one fused graph; the engine cache's choice is not to be had");
    c.device.capability_major = 8;
    CHECK(c.step({.engine_cache = file.path}).reason == "one fused graph");
}

TEST_CASE("engine cache: files that are none are ignored with a note, and replaced by the next save") {
    const TemporaryFile file;
    const std::string head = "regulus engines 1\n";
    const std::pair<std::string, std::string> cases[] = {
        {"", "it is not a file of engines"},
        {"regulus engines 2\n", "it is not a file of engines"},
        {std::string(1000, '\0'), "it is not a file of engines"},
        {head + "a\tb\t1\n", "its line 2 is no entry"},
        {head + "a\tb\t1\t2\na\tc\t1\t2", "its line 3 is no entry"},
        {head + "a\tb\t-1\t2\n", "its line 2 is no entry"},
        {head + "a\tb\t1\t99999999999999999999\n", "its line 2 is no entry"},
        {head + "a\tb\t1\t2x\n", "its line 2 is no entry"},
        {head + std::string(5000, 'x') + "\tb\t1\t2\n", "its line 2 is no entry"},
        {std::string(EngineCache::most_bytes + 1, 'x'), "it is larger than 16 MiB"},
    };
    for (const auto& [text, why] : cases) {
        file.write(text);
        EngineCache cache(file.path, "machine");
        CHECK(cache.note() == "the engine cache \"" + file.path + "\" is ignored: " + why);
        CHECK_FALSE(cache.find("b"));
        cache.save();
        CHECK(file.read() == text);  // nothing was kept
        cache.keep("b", {4, 5});
        cache.save();
        CHECK(file.read() == head + "machine\tb\t4\t5\n");
    }
    CHECK(EngineCache("/dev/null", "machine").note() == "the engine cache \"/dev/null\" is ignored: it is not a file of engines");
    EngineCache nowhere("no-such-folder/engines.txt", "machine");
    CHECK(nowhere.note().empty());
    nowhere.keep("b", {1, 2});
    nowhere.save();
    CHECK(nowhere.note().starts_with("the engine cache could not be written: "));
    CHECK(nowhere.find("b") == EngineChoice{1, 2});
    file.write("nonsense");
    Case c;
    const Step step = c.step({.engine_cache = file.path});
    CHECK(step.reason == "one fused graph; the engine cache \"" + file.path + "\" is ignored: it is not a file of engines");
}

TEST_CASE("engine cache: several writers and readers at once find a whole file always, and every writer's entry stays when they take turns") {
    const TemporaryFile file;
    EngineCache(file.path, "first").save();
    std::vector<std::thread> threads;
    std::vector<std::string> notes(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&file, &notes, t] {
            for (int i = 0; i < 50; ++i) {
                EngineCache cache(file.path, "machine " + std::to_string(t));
                cache.keep("problem " + std::to_string(i), {t, i});
                cache.save();
                notes[std::size_t(t)] += cache.note();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& note : notes) CHECK(note.empty());
    EngineCache one(file.path, "one"), two(file.path, "two");
    one.keep("a", {1, 1});
    two.keep("a", {2, 2});
    one.save();
    two.save();
    CHECK(EngineCache(file.path, "one").find("a") == EngineChoice{1, 1});
    CHECK(EngineCache(file.path, "two").find("a") == EngineChoice{2, 2});
}

TEST_CASE("cuda emulated: whichever allocation fails, the error is one sentence, the program runs the next time, and nothing is lost") {
    Case c;
    for (const bool autotune : {false, true}) {
        int failures = 0;
        for (int nth = 1; nth <= 12; ++nth) {
            const Program program(CudaBackend({.autotune = autotune}, c.libraries), c.graph, c.weights);
            Context context;
            c.device.fail_allocation = nth;
            try {
                program.run(context, c.inputs);
            } catch (const BackendError& error) {
                ++failures;
                CHECK(std::string(error.what()).find("bytes on Emulated GPU could not be had") != std::string::npos);
            }
            c.device.fail_allocation = 0;
            CHECK(relative_error(program.run(context, c.inputs)["y"], run<double>(c.graph, c.weights, c.inputs)["y"]) <= 2e-6);
        }
        CHECK(failures >= 3);  // weights, bias, arena
        CHECK(c.device.memory_used == 0);
    }
}
