// Programs of the CPU backend: plans, sizes that change, memory, threads, wrong weights.
#include <thread>

#include "scene.hpp"
#include "support/temporary_file.hpp"

#include <regulus/models/classifier.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

inline constexpr RegNetStages tiny = regnet({.w0 = 16, .wa = 16, .wm = 2, .depth = 6, .group_width = 8, .se_ratio = 0.25, .stem_width = 8});
using TinyClassifier = Classifier<RegNet<tiny>, 10>;

inline constexpr RcnnSizes tiny_sizes{.rpn_candidates = 60, .proposals = 40, .box_size = 3, .box_features = 32, .detections = 20};
using TinyDetector = FasterRcnn<RegNet<tiny>, 16, 3, tiny_sizes>;

const std::vector<InputSize> several_sizes{{1, 33, 47}, {2, 64, 32}, {1, 1, 1}, {3, 40, 40}, {1, 96, 31}};

}  // namespace

TEST_CASE("cpu program: sizes that change from call to call through one program and one context give what fresh ones give") {
    const Graph graph = recorded<TinyDetector>();
    const Weights weights = random_weights(graph);
    const Program program = compile(CpuBackend{}, graph, weights, {.threads = 2});
    Context context;
    for (int round = 0; round < 2; ++round) {
        for (const InputSize& size : several_sizes) {
            const std::vector<Tensor> inputs = random_inputs(graph, size);
            CHECK(same_bits(program.run(context, inputs), run_on(CpuBackend{}, graph, weights, inputs)));
        }
    }
}

TEST_CASE("cpu program: plans that were thrown out are made again, with the same results") {
    const Graph graph = recorded<TinyDetector>();
    const Weights weights = random_weights(graph);
    const Program keeps = compile(CpuBackend{}, graph, weights, {.threads = 2}), forgets = compile(CpuBackend{}, graph, weights, {.threads = 2, .max_plans = 1});
    Context first, second;
    for (int round = 0; round < 2; ++round) {
        for (const InputSize& size : several_sizes) {
            const std::vector<Tensor> inputs = random_inputs(graph, size);
            CHECK(same_bits(keeps.run(first, inputs), forgets.run(second, inputs)));
        }
    }
}

TEST_CASE("cpu program: what the arena held before does not matter") {
    // A context's arena is filled with NaN patterns; a kernel that reads what nobody wrote would show them.
    const Graph graph = recorded<TinyDetector>();
    const Program program = compile(CpuBackend{}, graph, random_weights(graph), {.threads = 2});
    for (const InputSize& size : several_sizes) {
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        Context context;
        const Outputs expected = program.run(context, inputs);
        for (const int pattern : {0xFF, 0x7F, 0x00}) {
            const std::size_t bytes = program.memory(size).arena;
            std::memset(context.arena(bytes, 0), pattern, bytes);
            CHECK(same_bits(program.run(context, inputs), expected));
        }
    }
}

TEST_CASE("cpu program: prepare makes the arena ready, run then keeps it") {
    const Graph graph = recorded<TinyClassifier>();
    const Program program = compile(CpuBackend{}, graph, random_weights(graph), {.threads = 2});
    Context context;
    program.prepare(context, {1, 64, 64});
    const std::size_t bytes = context.arena_bytes();
    CHECK(bytes == program.memory({1, 64, 64}).arena);
    program.run(context, random_inputs(graph, {1, 64, 64}));
    program.run(context, random_inputs(graph, {1, 32, 32}));
    CHECK(context.arena_bytes() == bytes);
}

TEST_CASE("cpu program: over the budget is one sentence, and the program goes on") {
    const Graph graph = recorded<TinyClassifier>();
    const Weights weights = random_weights(graph);
    const std::size_t small = compile(CpuBackend{}, graph, weights, {.threads = 2}).memory({1, 32, 32}).arena;
    const Program program = compile(CpuBackend{}, graph, weights, {.threads = 2, .memory_budget = small});
    const std::size_t large = program.memory({1, 64, 64}).arena;
    REQUIRE(large > small);
    Context context;
    const std::vector<Tensor> inputs = random_inputs(graph, {1, 32, 32});
    const Outputs before = program.run(context, inputs);
    const std::string message = "memory: the plan needs " + std::to_string(large) + " bytes, the budget is " + std::to_string(small) + "; use smaller pictures or a smaller batch";
    CHECK_THROWS_WITH_AS(program.run(context, random_inputs(graph, {1, 64, 64})), message.c_str(), BackendError);
    CHECK_THROWS_WITH_AS(program.prepare(context, {1, 64, 64}), message.c_str(), BackendError);
    CHECK(context.arena_bytes() == small);
    CHECK(same_bits(program.run(context, inputs), before));
}

TEST_CASE("cpu program: inputs that do not fit are refused by name, and the program goes on") {
    const Graph graph = recorded<TinyDetector>();
    const Program program = compile(CpuBackend{}, graph, random_weights(graph), {.threads = 2});
    Context context;
    const std::vector<Tensor> good = random_inputs(graph, {1, 32, 32});
    const Outputs before = program.run(context, good);
    CHECK_THROWS_WITH_AS(program.run(context, {good[0]}), "run: faster_rcnn takes 2 inputs, got 1", ShapeError);
    CHECK_THROWS_WITH_AS(program.run(context, {random_tensor(Shape{1, 4, 32, 32}, 1), good[1]}), "run: input \"image\" must be float32 [1, 3, 32, 32], got float32 [1, 4, 32, 32]", ShapeError);
    CHECK_THROWS_WITH_AS(program.run(context, {good[0], full_pictures({2, 32, 32})}), "run: input \"image_info\" must be float32 [1, 4], got float32 [2, 4]", ShapeError);
    CHECK_THROWS_AS(program.run(context, {random_tensor(Shape{1, 3, 0, 32}, 1), good[1]}), ShapeError);
    CHECK_THROWS_AS(program.run(context, {random_tensor(Shape{3, 32, 32}, 1), good[1]}), ShapeError);
    CHECK(same_bits(program.run(context, good), before));
}

TEST_CASE("cpu program: wrong weights are listed, all of them") {
    const Graph graph = recorded<TinyClassifier>();
    const Weights right = random_weights(graph);
    Weights wrong;
    for (const Weights::Entry& entry : right.entries()) {
        if (entry.name == "classifier.bias") continue;
        if (entry.name == "backbone.stem.weight") wrong.add(entry.name, Tensor::zeros(Shape{8, 3, 5, 5}));
        else if (entry.name == "classifier.weight") wrong.add("head.weight", entry.tensor);
        else wrong.add(entry.name, entry.tensor);
    }
    CHECK_THROWS_WITH_AS(compile(CpuBackend{}, graph, wrong),
                         "load: weights does not fit classifier; is it the checkpoint of another model?"
                         "\n  1 misshapen:\n    backbone.stem.weight is [8, 3, 5, 5], the model has [8, 3, 3, 3]"
                         "\n  2 missing:\n    classifier.weight [10, 128]\n    classifier.bias [10]"
                         "\n  1 unexpected:\n    head.weight [10, 128]",
                         WeightError);
}

TEST_CASE("cpu program: a checkpoint may hold what the outputs do not need, and must hold all that was recorded") {
    Graph graph = recorded<TinyClassifier>();
    const Weights weights = random_weights(graph);
    graph.outputs = {{"C", graph.find_label("s2")}};  // stages 3 and 4 and the classifier are dead now
    const std::vector<Tensor> inputs = random_inputs(graph, {1, 33, 47});
    CHECK(relative_difference(run_on(CpuBackend{}, graph, weights, inputs)["C"], run_on(ReferenceBackend{}, graph, weights, inputs)["C"]) <= 1e-4);
    CHECK_THROWS_AS(compile(CpuBackend{}, graph, Weights{}), WeightError);
}

TEST_CASE("cpu program: an output that no value is labelled for is refused") {
    const Graph graph = recorded<TinyClassifier>();
    CHECK_THROWS_WITH_AS(compile(CpuBackend{}, graph, random_weights(graph), {.extra_outputs = {"C9"}}), "outputs: \"classifier\" has no value labelled \"C9\"", ArgumentError);
}

TEST_CASE("cpu program: the same bits with 1 and 2 threads") {
    const Graph graph = recorded<TinyDetector>();
    const Weights weights = random_weights(graph);
    for (const InputSize& size : several_sizes) {
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        const std::vector<std::string> labels{"stem", "C2", "C5", "P2", "P6", "proposals", "roi_feats", "class_logits"};
        const Outputs one = run_on(CpuBackend{}, graph, weights, inputs, {.threads = 1, .extra_outputs = labels});
        const Outputs two = run_on(CpuBackend{}, graph, weights, inputs, {.threads = 2, .extra_outputs = labels});
        for (std::size_t i = 0; i < one.entries().size(); ++i) {
            INFO("n " << size.n << " h " << size.height << " w " << size.width << " output " << one.entries()[i].first);
            CHECK(same_bits(one.entries()[i].second, two.entries()[i].second));
        }
    }
}

TEST_CASE("cpu program: four threads share one program, each with its own context, and get the same bits") {
    const Graph graph = recorded<TinyDetector>();
    const Program program = compile(CpuBackend{}, graph, random_weights(graph), {.threads = 1, .max_plans = 2});  // fewer plans than sizes: they come and go meanwhile
    std::vector<Outputs> expected;
    Context own;
    for (const InputSize& size : several_sizes) expected.push_back(program.run(own, random_inputs(graph, size)));
    std::vector<int> equal(4, 0);
    std::vector<std::thread> threads;
    for (std::size_t which = 0; which < 4; ++which) {
        threads.emplace_back([&, which] {
            Context context;
            for (std::size_t i = 0; i < 3 * several_sizes.size(); ++i) {
                const std::size_t at = (i + which) % several_sizes.size();
                equal[which] += same_bits(program.run(context, random_inputs(graph, several_sizes[at])), expected[at]) ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int count : equal) CHECK(count == 3 * int(several_sizes.size()));
}

TEST_CASE("cpu program: outlives the weights and the graph it was made from, and copies share it") {
    Program program;
    Outputs expected;
    std::vector<Tensor> inputs;
    {
        const Graph graph = recorded<TinyClassifier>();
        const Weights weights = random_weights(graph);
        inputs = random_inputs(graph, {1, 33, 47});
        expected = run_on(CpuBackend{}, graph, weights, inputs);
        program = compile(CpuBackend{}, graph, weights, {.threads = 2});
    }
    const Program copy = program;
    program = Program();
    Context context;
    CHECK(same_bits(copy.run(context, inputs), expected));
}

TEST_CASE("cpu program: the caller's pictures stay as they were") {
    const Graph graph = graph_of(8, [](const Scope& scope, ValueId image) {
        ops::Conv2d op;
        op.in_channels = op.out_channels = 8;
        return record::add(scope / "add", record::conv2d(scope / "conv", op, image), image);  // the picture is a residual, taken in place if it may be
    });
    const std::vector<Tensor> inputs = random_inputs(graph, {1, 9, 9});
    const Tensor before = inputs[0].clone();
    run_on(CpuBackend{}, graph, random_weights(graph), inputs);
    CHECK(same_bits(inputs[0], before));
}

TEST_CASE("cpu program: the memory of outputs that nobody holds serves the next run, of any size that fits; outputs that are held stay as they are") {
    const Graph graph = graph_of(3, [](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", conv(3, 5, 3), image); });
    const Program program = compile(CpuBackend{}, graph, random_weights(graph), {.threads = 2});
    const auto inputs = [&](int side, std::uint64_t seed) { return random_inputs(graph, {1, side, side}, seed); };
    Context context, other;
    const void* const first = std::as_const(program.run(context, inputs(20, 1))["y"]).raw();
    CHECK(std::as_const(program.run(context, inputs(20, 2))["y"]).raw() == first);
    CHECK(std::as_const(program.run(context, inputs(12, 2))["y"]).raw() == first);
    Outputs latest = program.run(context, inputs(20, 1));
    std::vector<const void*> places;
    for (int i = 0; i < 4; ++i) {
        places.push_back(latest["y"].raw());
        latest = program.run(context, inputs(20, 2));  // while the one before is held
    }
    CHECK(places[0] != places[1]);
    CHECK(places[2] == places[0]);
    CHECK(places[3] == places[1]);
    latest = Outputs{};
    const Tensor held = program.run(context, inputs(20, 1))["y"].reshaped(Shape{5, 400});
    const Tensor copy = held.clone(), next = program.run(context, inputs(20, 2))["y"];
    CHECK(held.raw() != next.raw());
    CHECK(same_bits(held, copy));
    CHECK(same_bits(next, program.run(other, inputs(20, 2))["y"]));
    CHECK(same_bits(program.run(context, inputs(24, 3))["y"], program.run(other, inputs(24, 3))["y"]));  // larger than what is there
    context.release();
    CHECK(same_bits(next, program.run(other, inputs(20, 2))["y"]));  // what is held outlives the context's share of it
}

TEST_CASE("cpu program: profile and explain have a line for each step") {
    const Graph graph = recorded<TinyDetector>();
    const Program program = compile(CpuBackend{}, graph, random_weights(graph), {.threads = 2});
    Context context;
    Profile profile;
    const InputSize size{1, 64, 64};
    program.run(context, random_inputs(graph, size), &profile);
    const std::vector<Step> steps = program.steps(size);
    CHECK(profile.nanoseconds.size() == steps.size());
    const std::string text = program.explain(size, &profile);
    for (const Step& step : steps) {
        CHECK(text.find(step.node) != std::string::npos);
        CHECK_FALSE(step.kernel.empty());
    }
    CHECK(program.memory(size).arena < program.memory(size).sum_of_values);
}

TEST_CASE("cpu program: weights of a file are read again where another size needs them") {
    const Graph graph = recorded<TinyDetector>();
    const Weights weights = random_weights(graph);
    const TemporaryFile file;
    write_safetensors(file.path(), weights);
    const Program program = compile(CpuBackend{}, graph, read_weights(file.path()), {.threads = 2}), expected = compile(CpuBackend{}, graph, weights, {.threads = 2});
    Context context, other;
    for (const InputSize& size : several_sizes) {
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        CHECK(same_bits(program.run(context, inputs), expected.run(other, inputs)));
    }
}
