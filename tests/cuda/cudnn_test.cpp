// What cuDNN is asked for: the fused graph, layouts, types, rules about engines. A recording library executes what it was told, so the answer is checked too.
#include "cuda/recording_cudnn.hpp"
#include "reference/graph_support.hpp"

#include <cstdio>

#include <regulus/cuda.hpp>

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::cuda::constants;

namespace {

/// conv 3x3 (stride 2, 4 -> 6 channels, bias), then + residual, then relu.
Graph residual_graph() {
    return graph_of(4, [](Graph& graph, ValueId image) {
        const Scope scope(graph);
        ops::Conv2d op;
        op.in_channels = 4, op.out_channels = 6, op.kernel = 3, op.stride = 2, op.padding = 1, op.bias = true;
        const ValueId shortcut = record::conv2d(scope / "shortcut", op, image);
        return record::activate(scope / "relu", Activation::relu, record::add(scope / "sum", shortcut, record::conv2d(scope / "main", op, image)));
    });
}

struct Case {
    EmulatedDevice device;
    RecordingCudnn cudnn;
    std::shared_ptr<cuda::Libraries> libraries = device.libraries();
    Graph graph = residual_graph();
    Weights weights = random_weights(graph, 1);
    std::vector<Tensor> inputs{random_tensor(Shape{2, 4, 9, 7}, 2)};

    Case() { cudnn.install(*libraries); }
    Tensor run_with(const CudaOptions& options = {}, std::vector<Step>* steps = nullptr) {
        const CudaBackend backend(options, libraries);
        const Program program(backend, graph, weights);
        if (steps != nullptr) *steps = program.steps({2, 9, 7});
        Context context;
        return program.run(context, inputs)["y"];
    }
    Tensor expected() { return run<double>(graph, weights, inputs)["y"]; }
};

}  // namespace

TEST_CASE("cudnn: convolution, residual, bias and relu are one graph over NHWC tensors, and its result is the reference's") {
    Case c;
    std::vector<Step> steps;
    // 36 products and four sums in float32.
    CHECK(relative_error(c.run_with({}, &steps), c.expected()) <= 2e-6);
    CHECK(c.cudnn.executed == 2);
    CHECK(steps.back().kernel == "cudnn engine 0");

    const auto graphs = c.cudnn.of_kind(operation_graph);
    REQUIRE(graphs.size() == 2);
    const auto operations = graphs[1]->all<const RecordingCudnn::Descriptor*>(graph_operations);
    REQUIRE(operations.size() == 4);
    CHECK(operations[0]->kind == convolution_forward);
    CHECK(operations[1]->part(operation_pointwise).one<int>(pointwise_mode) == mode_add);
    CHECK(operations[2]->part(operation_pointwise).one<int>(pointwise_mode) == mode_add);
    CHECK(operations[3]->part(operation_pointwise).one<int>(pointwise_mode) == mode_relu);
    const auto& convolution = operations[0]->part(forward_convolution);
    CHECK(convolution.one<int>(convolution_mode) == cross_correlation);
    CHECK(convolution.one<int>(convolution_type) == data_float);
    CHECK(convolution.all<std::int64_t>(convolution_strides) == std::vector<std::int64_t>{2, 2});
    CHECK(convolution.all<std::int64_t>(convolution_post_paddings) == std::vector<std::int64_t>{1, 1});
    const auto& src = operations[0]->part(forward_src);
    CHECK(src.all<std::int64_t>(tensor_sizes) == std::vector<std::int64_t>{2, 4, 9, 7});
    CHECK(src.all<std::int64_t>(tensor_steps) == std::vector<std::int64_t>{9 * 7 * 4, 1, 7 * 4, 4});
    CHECK(operations[0]->part(forward_weight).all<std::int64_t>(tensor_steps) == std::vector<std::int64_t>{3 * 3 * 4, 1, 3 * 4, 4});
    CHECK(operations[0]->part(forward_dst).has(tensor_virtual));
    const auto& dst = operations[3]->part(operation_dst);
    CHECK_FALSE(dst.has(tensor_virtual));
    CHECK(dst.all<std::int64_t>(tensor_steps) == std::vector<std::int64_t>{5 * 4 * 6, 1, 4 * 6, 6});
    CHECK(c.cudnn.alive() == 0);
    CHECK(c.cudnn.handles == 0);
    CHECK(c.device.memory_used == 0);
}

TEST_CASE("cudnn: float32 without TF32 passes over tensor cores, rounded factors and Winograd; float16 takes them; nobody takes what is not repeatable") {
    const auto chosen = [](const CudaOptions& options) {
        Case c;
        c.cudnn.proposals = {{{note_nondeterministic}}, {{note_tensor_core}}, {{note_down_convert}}, {{note_winograd}}, {}};
        std::vector<Step> steps;
        c.run_with(options, &steps);
        return steps.back().kernel;
    };
    CHECK(chosen({}) == "cudnn engine 4");
    CHECK(chosen({.tf32 = true}) == "cudnn engine 1");
    CHECK(chosen({.precision = CudaPrecision::float16}) == "cudnn engine 1");
}

TEST_CASE("cudnn: engines that do not fit or need too much workspace are passed over, and the workspace of the chosen one is planned") {
    Case c;
    c.cudnn.proposals = {{{}, 0, false}, {{}, std::int64_t(1) << 40}, {{}, 5000}};
    std::vector<Step> steps;
    CHECK(relative_error(c.run_with({}, &steps), c.expected()) <= 2e-6);
    CHECK(steps.back().kernel == "cudnn engine 2");
    CHECK(steps.back().bytes >= 5000);
}

TEST_CASE("cudnn: where the fused graph has no engine the convolution goes alone, and where that has none our own kernel takes it; explain says so") {
    Case c;
    std::vector<Step> steps;
    c.cudnn.most_operations = 1;
    CHECK(relative_error(c.run_with({}, &steps), c.expected()) <= 2e-6);
    CHECK(steps.back().kernel == "cudnn engine 0 + scale_shift");
    CHECK(steps.back().reason == "its end apart: of the fused graph cuDNN refuses, finalizing the operation graph: not supported");
    c.cudnn.most_operations = 0;
    CHECK(relative_error(c.run_with({}, &steps), c.expected()) <= 2e-6);
    CHECK(steps.back().kernel == "direct_convolution");
    CHECK(steps.back().reason == "cuDNN refuses, finalizing the operation graph: not supported");
}

TEST_CASE("cudnn: float16 and bfloat16 maps, float32 sums") {
    Case c;
    // A value in float16 is off by 2^-11 of itself, in bfloat16 by 2^-8; factors, addends and results are rounded, so a few of these.
    CHECK(relative_error(c.run_with({.precision = CudaPrecision::float16}), c.expected()) <= 4 * std::ldexp(1., -11));
    CHECK(relative_error(c.run_with({.precision = CudaPrecision::bfloat16}), c.expected()) <= 4 * std::ldexp(1., -8));
    const auto weights = c.cudnn.of_kind(convolution_forward);
    CHECK(weights.front()->part(forward_weight).one<int>(tensor_type) == data_half);
    CHECK(weights.back()->part(forward_weight).one<int>(tensor_type) == data_bfloat16);
    // All tensors of a graph have the maps' type: cuDNN 9.19 proposes no engine for half maps and float32 biases.
    for (const RecordingCudnn::Descriptor* tensor : c.cudnn.of_kind(cuda::constants::tensor)) {
        if (!tensor->has(tensor_virtual)) CHECK(tensor->one<int>(tensor_type) != data_float);
    }
}

TEST_CASE("cudnn: narrow groups go to our own kernel in float32 and to cuDNN in half types; when engines are timed the fastest of both is taken and kept") {
    Case c;
    c.graph = graph_of(8, [](Graph& graph, ValueId image) {
        ops::Conv2d op;
        op.in_channels = 8, op.out_channels = 8, op.kernel = 3, op.padding = 1, op.groups = 2, op.bias = true;
        return record::conv2d(Scope(graph) / "grouped", op, image);
    });
    c.weights = random_weights(c.graph, 1);
    c.inputs = {random_tensor(Shape{1, 8, 9, 7}, 2)};
    const auto step_of = [&](const CudaOptions& options, double limit = 2e-6) {
        std::vector<Step> steps;
        CHECK(relative_error(c.run_with(options, &steps), c.expected()) <= limit);
        return steps.back();
    };
    CHECK(step_of({}).kernel == "direct_convolution");
    CHECK(step_of({}).reason == "groups of 4 channels");
    CHECK(step_of({.precision = CudaPrecision::float16}, 4 * std::ldexp(1., -11)).kernel == "cudnn engine 0");
    CHECK(step_of({.cudnn = false}).reason == "groups of 4 channels");

    const std::string file = "grouped-engines.txt";
    std::remove(file.c_str());
    c.cudnn.proposals = {{{}, 0, true, 2.}, {{}, 0, true, 0.25}};  // our own kernel takes half a millisecond on the emulated clock
    CHECK(step_of({.autotune = true}).reason == "one fused graph; the fastest of 2, 0.2500 ms");
    c.cudnn.proposals = {{{}, 0, true, 2.}, {{}, 0, true, 1.}};
    const Step own = step_of({.autotune = true, .engine_cache = file});
    CHECK(own.kernel == "direct_convolution");
    CHECK(own.reason == "groups of 4 channels; 0.5000 ms, the fastest of 2 engines of cuDNN 1.0000 ms");
    CHECK(step_of({.engine_cache = file}).reason == "groups of 4 channels; as the engine cache says");
    std::remove(file.c_str());
    CHECK(c.device.memory_used == 0);
}

TEST_CASE("cudnn: an engine that is proposed again and again is timed four times at most, so that others have their turn") {
    Case c;
    c.cudnn.proposals.assign(11, {{}, 0, true, 2.});
    c.cudnn.proposals.back().milliseconds = 1;
    for (std::size_t i = 0; i < 10; ++i) c.cudnn.proposals[i].engine = 44;
    std::vector<Step> steps;
    CHECK(relative_error(c.run_with({.autotune = true}, &steps), c.expected()) <= 2e-6);
    CHECK(steps.back().kernel == "cudnn engine 10");
    CHECK(steps.back().reason == "one fused graph; the fastest of 5, 1.0000 ms");
}

TEST_CASE("cudnn: over the memory budget engines with smaller workspaces are taken, then our own kernel, before the plan is refused; explain says so") {
    Case c;
    c.cudnn.proposals = {{{}, 100000, true, 1.}, {{}, 20000, true, 2.}, {{}, 3000, true, 3.}};
    const auto plan = [&](std::size_t budget, const CudaOptions& options = {}) {
        const Program program(CudaBackend(options, c.libraries), c.graph, c.weights, {.memory_budget = budget});
        Context context;
        const Outputs got = program.run(context, c.inputs);
        CHECK(relative_error(got["y"], c.expected()) <= 2e-6);
        const std::size_t arena = program.memory({2, 9, 7}).arena;
        if (budget != 0) CHECK(arena <= budget);
        return std::make_pair(arena, program.steps({2, 9, 7}).back());
    };
    const auto whole = plan(0);
    CHECK(whole.second.kernel == "cudnn engine 0");
    CHECK(whole.second.reason == "one fused graph");
    CHECK(plan(whole.first).second.kernel == "cudnn engine 0");

    // One byte less each time than the last plan took, until there is none.
    std::vector<std::string> kernels{whole.second.kernel};
    std::vector<std::size_t> arenas{whole.first};
    std::string refusal;
    while (refusal.empty() && arenas.size() < 20) {
        try {
            const auto less = plan(arenas.back() - 1);
            CHECK(less.first < arenas.back());
            arenas.push_back(less.first);
            if (less.second.kernel == kernels.back()) continue;
            kernels.push_back(less.second.kernel);
            const std::string& reason = less.second.reason;
            CHECK(reason.ends_with(" bytes of workspace, for the memory budget"));
            if (less.second.kernel == "direct_convolution") CHECK(reason.find("3 need too much workspace); at most ") != std::string::npos);
            else CHECK(reason.starts_with("one fused graph; at most "));
        } catch (const BackendError& error) {
            refusal = error.what();
        }
    }
    CHECK(kernels == std::vector<std::string>{"cudnn engine 0", "cudnn engine 1", "cudnn engine 2", "direct_convolution"});
    const std::string least = std::to_string(arenas.back());
    CHECK(refusal == "memory: the plan needs " + least + " bytes, the budget is " + std::to_string(arenas.back() - 1) + "; use smaller pictures or a smaller batch");

    // Timing keeps to the budget too.
    CHECK(plan(whole.first, {.autotune = true, .cudnn_workspace = 200000}).second.reason == "one fused graph; not timed within the memory budget");
    const auto timed = plan(whole.first - 1, {.autotune = true, .cudnn_workspace = 200000});
    CHECK(timed.second.kernel == "cudnn engine 1");
    CHECK(timed.second.reason.find("; the fastest of 2, ") != std::string::npos);
    CHECK(c.device.memory_used == 0);
}

TEST_CASE("cudnn: notes that a newer library knows, and more of them than there is room for, make an engine inadmissible") {
    Case c;
    c.cudnn.proposals = {{{11}}, {{3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}}, {{9}}};
    std::vector<Step> steps;
    CHECK(relative_error(c.run_with({}, &steps), c.expected()) <= 2e-6);
    CHECK(steps.back().kernel == "cudnn engine 2");
}
