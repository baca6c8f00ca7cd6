// Programs: what they refuse, which plans they keep, and that threads may share them.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Graph conv_graph() {
    ops::Conv2d op;
    op.in_channels = 3;
    op.out_channels = 4;
    op.kernel = 3;
    op.padding = 1;
    Graph graph = graph_of(3, [&](Graph& g, ValueId image) { return record::activate(Scope(g) / "relu", Activation::relu, record::conv2d(Scope(g) / "conv", op, image)); });
    graph.values[1].label = "before";
    return graph;
}

/// Counts the plans that are made.
struct CountingBackend : Backend {
    struct Counting : Executable {
        std::shared_ptr<const Executable> inner;
        std::atomic<int>* made;
        const Graph& graph() const override { return inner->graph(); }
        std::shared_ptr<const Plan> plan(const InputSize& size) const override {
            ++*made;
            return inner->plan(size);
        }
    };
    mutable std::atomic<int> made{0};
    std::string name() const override { return "counting"; }
    std::shared_ptr<const Executable> compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const override {
        auto result = std::make_shared<Counting>();
        result->inner = ReferenceBackend{}.compile(graph, weights, options);
        result->made = &made;
        return result;
    }
};

Tensor picture(int height, int width, int n = 1) { return random_tensor(Shape{n, 3, height, width}, std::uint64_t(height * 1000 + width)); }

}  // namespace

TEST_CASE("run: refuses inputs that do not fit, with one sentence") {
    const Graph graph = conv_graph();
    const Program program(ReferenceBackend{}, graph, random_weights(graph, 1));
    Context context;
    CHECK_THROWS_WITH_AS(program.run(context, {}), "run: test takes 1 inputs, got 0", ShapeError);
    CHECK_THROWS_WITH_AS(program.run(context, {Tensor::zeros(Shape{3, 4, 4})}), "run: the pictures must be [n, channels, height, width], got [3, 4, 4]", ShapeError);
    CHECK_THROWS_WITH_AS(program.run(context, {Tensor::zeros(Shape{1, 4, 4, 4})}), "run: input \"image\" must be float32 [1, 3, 4, 4], got float32 [1, 4, 4, 4]", ShapeError);
    CHECK_THROWS_WITH_AS(program.run(context, {Tensor::zeros(Shape{1, 3, 4, 4}, DType::u8)}), "run: input \"image\" must be float32 [1, 3, 4, 4], got uint8 [1, 3, 4, 4]", ShapeError);
    CHECK_THROWS_AS(program.run(context, {Tensor::zeros(Shape{0, 3, 4, 4})}), ShapeError);
    CHECK_THROWS_AS(program.run(context, {Tensor::zeros(Shape{1, 3, 0, 4})}), ShapeError);
    CHECK(program.run(context, {picture(4, 4)})["y"].shape() == Shape{1, 4, 4, 4});
}

TEST_CASE("run: refuses wrong image_info") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Program program(ReferenceBackend{}, graph, random_weights(graph, 1));
    Context context;
    CHECK_THROWS_WITH_AS(program.run(context, {picture(64, 64), Tensor::zeros(Shape{2, 4})}), "run: input \"image_info\" must be float32 [1, 4], got float32 [2, 4]", ShapeError);
}

TEST_CASE("outputs: an unknown name is an error") {
    const Graph graph = conv_graph();
    const Outputs outputs = run(graph, random_weights(graph, 1), {picture(3, 3)});
    CHECK_THROWS_WITH_AS(outputs["z"], "outputs: there is no output \"z\"", ArgumentError);
}

TEST_CASE("compile: extra outputs are given under their label; an unknown label is an error") {
    const Graph graph = conv_graph();
    const Weights weights = random_weights(graph, 1);
    CompileOptions options;
    options.extra_outputs = {"before"};
    for (const bool optimize : {false, true}) {
        const Outputs outputs = run(graph, weights, {picture(5, 4)}, {optimize}, options);
        REQUIRE(outputs.entries().size() == 2);
        for (std::int64_t i = 0; i < outputs["y"].numel(); ++i) CHECK(outputs["y"].data<float>()[i] == std::max(0.f, outputs["before"].data<float>()[i]));
    }
    options.extra_outputs = {"nowhere"};
    CHECK_THROWS_AS(run(graph, weights, {picture(5, 4)}, {}, options), ArgumentError);
}

TEST_CASE("memory budget: refused before anything is allocated, and the context stays usable") {
    const Graph graph = conv_graph();
    const Weights weights = random_weights(graph, 1);
    CompileOptions options;
    options.memory_budget = Program(ReferenceBackend{}, graph, weights).memory({1, 16, 16}).arena;
    const Program program(ReferenceBackend{}, graph, weights, options);
    Context context;
    CHECK_NOTHROW(program.run(context, {picture(16, 16)}));
    const std::size_t before = context.arena_bytes();
    const std::size_t needed = program.memory({1, 64, 64}).arena;
    const std::string sentence =
        "memory: the plan needs " + std::to_string(needed) + " bytes, the budget is " + std::to_string(options.memory_budget) + "; use smaller pictures or a smaller batch";
    CHECK_THROWS_WITH_AS(program.run(context, {picture(64, 64)}), sentence.c_str(), BackendError);
    CHECK_THROWS_AS(program.prepare(context, {1, 64, 64}), BackendError);
    CHECK(context.arena_bytes() == before);
    CHECK_NOTHROW(program.run(context, {picture(16, 16)}));
}

TEST_CASE("plans: made once a size, kept up to the bound, the least recently used goes first") {
    const CountingBackend backend;
    const Graph graph = conv_graph();
    CompileOptions options;
    options.max_plans = 2;
    const Program program(backend, graph, random_weights(graph, 1), options);
    Context context;
    program.prepare(context, {1, 8, 8});
    CHECK(backend.made == 1);
    program.run(context, {picture(8, 8)});
    CHECK(backend.made == 1);
    program.run(context, {picture(9, 8)});
    program.run(context, {picture(8, 8)});  // now 9 x 8 is the older one
    CHECK(backend.made == 2);
    program.run(context, {picture(10, 8)});
    program.run(context, {picture(8, 8)});
    CHECK(backend.made == 3);
    program.run(context, {picture(9, 8)});
    CHECK(backend.made == 4);
    program.run(context, {picture(9, 8, 2)});  // another batch is another size
    CHECK(backend.made == 5);
}

TEST_CASE("run: sizes may change from call to call in one context, and the results do not depend on the order") {
    const Graph graph = conv_graph();
    const Program program(ReferenceBackend{}, graph, random_weights(graph, 2));
    Context shared;
    for (const auto& [height, width] : {std::pair{5, 9}, std::pair{31, 17}, std::pair{1, 1}, std::pair{5, 9}, std::pair{64, 3}}) {
        Context fresh;
        CHECK(equal(program.run(shared, {picture(height, width)})["y"], program.run(fresh, {picture(height, width)})["y"]));
    }
    CHECK(shared.arena_bytes() >= program.memory({1, 31, 17}).arena);
    shared.release();
    CHECK(shared.arena_bytes() == 0);
}

TEST_CASE("run: threads share a program, each with its own context") {
    const Graph graph = recorded<SmallMaskRcnn>();
    CompileOptions options;
    options.threads = 1;
    const Program program(ReferenceBackend{}, graph, detector_weights(graph, 3), options);
    std::vector<Outputs> results(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < results.size(); ++i) {
        threads.emplace_back([&, i] {
            Context context;
            const int side = i % 2 == 0 ? 64 : 96;
            for (int repeat = 0; repeat < 2; ++repeat) results[i] = program.run(context, {picture(side, 64), whole_pictures(1, side, 64)});
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& [name, value] : results[0].entries()) CHECK(equal(value, results[2][name]));
    for (const auto& [name, value] : results[1].entries()) CHECK(equal(value, results[3][name]));
}

TEST_CASE("explain: one line a step, with kernel and share when profiled") {
    const Graph graph = conv_graph();
    const Program program(ReferenceBackend{}, graph, random_weights(graph, 1));
    Context context;
    Profile profile;
    program.run(context, {picture(20, 20)}, &profile);
    REQUIRE(profile.nanoseconds.size() == graph.nodes.size());
    const std::string text = program.explain({1, 20, 20}, &profile);
    CHECK(std::count(text.begin(), text.end(), '\n') == std::ptrdiff_t(graph.nodes.size()) + 3);
    CHECK(text.find("3x3 convolution, 3 -> 4") != std::string::npos);
    CHECK(text.find("plain loops") != std::string::npos);
    CHECK(text.find("total ") != std::string::npos);
    CHECK(program.steps({1, 20, 20})[1].macs == 20 * 20 * 4 * 27);
}
