// Convolutions in bfloat16 against plain sums in double.
#include <regex>

#include "bf16.hpp"

#include <regulus/cpu/tile_functions-impl.hpp>

#include "../support/shared.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// The convolution of a map that is kept in bfloat16.
Graph of_kept_map(const ops::Conv2d& op) {
    return graph_of(3, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", op, record::conv2d(scope / "before", conv(3, op.in_channels, 1), image)); });
}

/// Of a map in float32, and of one in bfloat16, whose whole numbers make the result exact.
void check_convolution(const ops::Conv2d& op, const InputSize& size) {
    INFO("in " << op.in_channels << " out " << op.out_channels << " groups " << op.groups << " kernel " << op.kernel << " stride " << op.stride << " dilation " << op.dilation << " padding " << op.padding);
    check_exact_factors(one_convolution(op), size);
    const Graph kept = of_kept_map(op);
    CHECK(kept_in_bf16(kept) == 1);
    check_whole_numbers(kept, size);
}

/// A convolution behind a pointwise one of `in` inputs, itself behind one of the picture.
Graph behind_pointwise(int in, const ops::Conv2d& op, Activation activation = Activation::relu) {
    return graph_of(3, [&](const Scope& scope, ValueId image) {
        ops::Conv2d pointwise = conv(in, op.in_channels, 1);
        pointwise.bias = true;
        pointwise.activation = activation;
        return record::conv2d(scope / "conv", op, record::conv2d(scope / "before", pointwise, record::conv2d(scope / "first", with_relu(conv(3, in, 1)), image)));
    });
}

std::int64_t made_where_read(const Graph& graph, const InputSize& size) {
    const auto steps = compile(bf16_backend(), graph, random_weights(graph), {.threads = 2}).steps(size);
    return std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.node == "conv" && step.kernel.find("convolution, 2 nodes") != std::string::npos; });
}

const std::vector<InputSize> odd_sizes{{1, 1, 1}, {1, 1, 33}, {3, 7, 5}, {1, 19, 23}};

}  // namespace

TEST_CASE("cpu bf16 convolution: every kernel, stride and activation over odd sizes") {
    for (const int kernel : {1, 3, 5, 7}) {
        for (const int stride : {1, 2, 3}) {
            for (const InputSize& size : odd_sizes) {
                ops::Conv2d op = conv(3, 13, kernel, stride);
                op.bias = true;
                if (stride != 2) op.activation = Activation::relu;
                check_convolution(op, size);
            }
        }
    }
}

TEST_CASE("cpu bf16 convolution: sigmoid stays in float32, and what it reads") {
    ops::Conv2d op = conv(3, 13, 3);
    op.activation = Activation::sigmoid;
    const Graph graph = of_kept_map(op);
    CHECK(kept_in_bf16(graph) == 0);
    check_whole_numbers(one_convolution(conv(3, 13, 3)), {1, 5, 6});
    check_exact_factors(one_convolution(op), {1, 5, 6});
}

TEST_CASE("cpu bf16 convolution: the group width of every RegNet") {
    for (const int group_width : {8, 16, 24, 40, 48, 56, 64, 72, 112, 120, 128, 168, 232}) {
        check_convolution(conv(2 * group_width, 2 * group_width, 3, 1 + group_width / 8 % 2, 2), InputSize{1, 3, 5});
    }
}

TEST_CASE("cpu bf16 convolution: groups of any width, depthwise included, and unequal widths in and out") {
    struct Case {
        int in, out, groups;
    };
    for (const Case& c : {Case{12, 12, 12}, Case{64, 64, 32}, Case{6, 9, 3}, Case{10, 4, 2}, Case{15, 45, 5}, Case{48, 96, 6}, Case{6, 210, 3}}) check_convolution(conv(c.in, c.out, 3, 1, c.groups), InputSize{2, 6, 9});
}

TEST_CASE("cpu bf16 convolution: widths of one, odd and prime channels") {
    for (const int channels : {1, 2, 5, 17, 31, 65, 97}) {
        for (const int kernel : {1, 3}) check_convolution(conv(channels, 98 - channels, kernel), InputSize{1, 6, 5});
    }
}

TEST_CASE("cpu bf16 convolution: dilation, with and without stride and groups") {
    for (const int dilation : {2, 3}) {
        for (const int stride : {1, 2, 3}) {
            for (const int groups : {1, 4}) check_convolution(conv(16, 16, 3, stride, groups, dilation), InputSize{1, 9, 11});
        }
    }
}

TEST_CASE("cpu bf16 convolution: paddings that are not the usual ones") {
    for (const int padding : {0, 1, 2, 4}) {
        for (const int kernel : {1, 3}) {
            for (const int stride : {1, 2}) {
                ops::Conv2d op = conv(5, 7, kernel, stride);
                op.padding = padding;
                check_convolution(op, InputSize{2, 4, 6});
            }
        }
    }
}

TEST_CASE("cpu bf16 convolution: maps that are cut into rectangles, across and down") {
    check_convolution(conv(1024, 3, 3), InputSize{1, 7, 104});        // lines of two pieces; five of a thousand channels are what the cache holds
    check_convolution(conv(512, 4, 3, 2), InputSize{1, 8, 201});      // four planes
    check_convolution(conv(6, 5, 3, 1, 1, 2), InputSize{2, 3, 195});  // three pieces
    check_convolution(conv(5, 3, 1, 2), InputSize{2, 2, 387});
    check_convolution(conv(2, 3, 3), InputSize{1, 3, 96});
    check_convolution(conv(2, 3, 3), InputSize{1, 3, 97});
}

TEST_CASE("cpu bf16 convolution: the same bits with any number of threads") {
    check_threads(one_convolution(conv(24, 40, 3)), {1, 13, 17});
    check_threads(one_convolution(conv(24, 80, 3, 2, 2)), {1, 3, 5});  // fewer rectangles than threads: panels are shared out
    check_threads(one_convolution(conv(8, 8, 3)), {1, 3, 195});
    check_threads(of_kept_map(conv(24, 100, 1)), {1, 13, 17});
    check_threads(of_kept_map(conv(24, 100, 1)), {1, 2, 3});
    check_threads(of_kept_map(conv(20, 64, 3, 2)), {3, 9, 7});
}

TEST_CASE("cpu bf16 convolution: the pointwise one before it is made where it is read, whatever the window, groups and size") {
    const struct {
        int in;
        ops::Conv2d op;
        InputSize size;
    } cases[] = {{32, conv(96, 96, 3, 2, 2), {1, 107, 121}}, {64, conv(64, 64, 3), {2, 93, 98}},         {96, conv(112, 56, 3, 1, 2), {1, 99, 203}},
                 {32, conv(40, 40, 3, 3), {1, 163, 170}},     {128, conv(24, 48, 5, 1, 3), {3, 130, 115}}, {32, conv(72, 24, 3, 2, 3, 2), {1, 90, 170}}};
    for (const auto& c : cases) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
            INFO("in " << c.in << " channels " << c.op.in_channels << " groups " << c.op.groups << " stride " << c.op.stride);
            const Graph graph = behind_pointwise(c.in, c.op, activation);
            CHECK(made_where_read(graph, c.size) == 1);
            check_whole_numbers(graph, c.size, 1);
        }
    }
    check_threads(behind_pointwise(32, conv(96, 96, 3, 2, 2)), {1, 107, 121});
}

TEST_CASE("cpu bf16 convolution: the pointwise one before it is a step of its own where its map is small or read by others, or its inputs are many or do not fill tiles") {
    const InputSize size{1, 110, 110};
    const ops::Conv2d op = conv(96, 96, 3);
    CHECK(made_where_read(behind_pointwise(32, op), size) == 1);
    CHECK(made_where_read(behind_pointwise(32, op), {1, 100, 100}) == 0);
    CHECK(made_where_read(behind_pointwise(33, op), size) == 0);
    CHECK(made_where_read(behind_pointwise(160, op), size) == 0);
    CHECK(made_where_read(behind_pointwise(32, op, Activation::sigmoid), size) == 0);
    Graph graph = behind_pointwise(32, op);
    graph.outputs.emplace_back("before", graph.nodes[std::size_t(graph.values[std::size_t(graph.outputs[0].second)].producer)].inputs[0]);
    CHECK(made_where_read(graph, size) == 0);
    check_whole_numbers(graph, size, 1);
}

TEST_CASE("cpu bf16 convolution: a residual, both precisions of it and of the result, in place and not") {
    enum class Shortcut { f32_dies, f32_lives, bf16_dies, bf16_lives };
    for (const Shortcut kind : {Shortcut::f32_dies, Shortcut::f32_lives, Shortcut::bf16_dies, Shortcut::bf16_lives}) {
        for (const bool result_is_bf16 : {false, true}) {
            for (const int kernel : {1, 3}) {
                for (const int channels : {8, 37}) {
                    Graph graph;
                    graph.name = "residual";
                    const Scope scope(graph);
                    const ValueId image = record::image_input(graph, channels);
                    const bool is_f32 = kind == Shortcut::f32_dies || kind == Shortcut::f32_lives;
                    const ValueId shortcut = is_f32 ? record::activate(scope / "shortcut", Activation::relu, image) : record::conv2d(scope / "shortcut", conv(channels, channels, 1), image);
                    const ValueId inner = record::conv2d(scope / "inner", conv(channels, 4, 1), image);
                    ops::Conv2d op = conv(4, channels, kernel);
                    op.bias = true;
                    const ValueId sum = record::activate(scope / "relu", Activation::relu, record::add(scope / "add", record::conv2d(scope / "conv", op, inner), shortcut));
                    graph.outputs = {{"y", result_is_bf16 ? record::conv2d(scope / "last", conv(channels, 3, 1), sum) : sum}};
                    if (kind == Shortcut::f32_lives) graph.outputs.emplace_back("shortcut", shortcut);
                    if (kind == Shortcut::bf16_lives) graph.outputs.emplace_back("again", record::conv2d(scope / "again", conv(channels, 2, 1), shortcut));
                    INFO("shortcut " << int(kind) << " result in bf16 " << result_is_bf16 << " kernel " << kernel << " channels " << channels);
                    CHECK(kept_in_bf16(graph) == 1 + (is_f32 ? 0 : 1) + (result_is_bf16 ? 1 : 0));
                    check_whole_numbers(graph, {2, 5, 7}, 1);
                }
            }
        }
    }
}

TEST_CASE("cpu bf16 convolution: a residual over a map that is cut into rectangles") {
    const Graph graph = graph_of(3, [&](const Scope& scope, ValueId image) {
        const ValueId shortcut = record::conv2d(scope / "shortcut", conv(3, 40, 3), image);
        return record::add(scope / "add", record::conv2d(scope / "conv", conv(40, 40, 3, 1, 5), record::conv2d(scope / "inner", conv(3, 40, 1), image)), shortcut);
    });
    CHECK(kept_in_bf16(graph) == 2);
    check_whole_numbers(graph, {1, 4, 100}, 1);
}

TEST_CASE("cpu bf16 convolution: a folded batch norm is rounded with the weights") {
    // Weights times the norm's factors are rounded to bfloat16, each by up to 2^-9 = 2e-3 of itself, like factors that are not exact. Signs vary: a sum of K
    // products is off by 2^-9 / sqrt(3) of its own typical size, and the worst of a thousand sums by four times that.
    for (const bool bias : {false, true}) {
        ops::Conv2d op = conv(16, 24, 3);
        op.bias = bias;
        const Graph graph = graph_of(16, [&](const Scope& scope, ValueId image) {
            return record::batch_norm(scope / "conv.norm", ops::BatchNorm{24, 1e-3, Activation::relu}, record::conv2d(scope / "conv", op, image));
        });
        check_exact_factors(graph, InputSize{2, 7, 5}, 1e-2);
        CHECK(compile(bf16_backend(), graph, random_weights(graph)).steps({2, 7, 5}).size() == 2);  // the picture's layout and one convolution
    }
}

TEST_CASE("cpu bf16 convolution: one weight under windows of unlike stride and dilation") {
    Graph graph;
    graph.name = "shared";
    const ValueId image = record::image_input(graph, 32);
    const Scope scope(graph);
    graph.outputs = {{"plain", record::conv2d(scope / "conv", conv(32, 8, 3), image)},
                     {"strided", record::conv2d(scope / "conv", conv(32, 8, 3, 2), image)},
                     {"dilated", record::conv2d(scope / "conv", conv(32, 8, 3, 1, 1, 2), image)}};
    check_exact_factors(graph, {1, 7, 9});
}

TEST_CASE("cpu bf16 convolution: NaN and infinity pass through ReLU and reach their window") {
    // And nothing else, where a run of taps fills whole tiles, or rows are copied one by one. Where it does not, tiles go on into up to 31 elements that lie
    // behind the run, and multiply them by zero: NaN and infinity then reach outputs to the left of their window, too. `reach` says how many.
    struct Case {
        int channels, kernel, reach;
    };
    for (const float value : {NAN, INFINITY}) {
        for (const Case& c : {Case{4, 1, 0}, Case{40, 1, 0}, Case{32, 3, 0}, Case{64, 3, 0}, Case{16, 3, 1}, Case{24, 3, 1}, Case{3, 3, 8}}) {
            const Graph graph = one_convolution(with_relu(conv(c.channels, 4, c.kernel)));
            std::vector<Tensor> inputs = cut_inputs(graph, {1, 5, 30});
            inputs[0].data<float>()[2 * 30 + 20] = value;  // of channel 0
            const Weights weights = changed(random_weights(graph), [](const Tensor& tensor) { return random_tensor(tensor.shape(), 1, 0.25f, 1.f); });
            const Tensor y = run_in_nan(bf16_backend(), graph, weights, inputs)["y"];
            int wrong = 0;
            for (std::int64_t i = 0; i < y.numel(); ++i) {
                const std::int64_t line = std::abs(i / 30 % 5 - 2), column = i % 30 - 20, half = c.kernel / 2;
                const bool inside = line <= half && std::abs(column) <= half, beside = line <= half && column < -half && column >= -half - c.reach;
                const float result = y.data<float>()[i];
                if (inside) wrong += (std::isnan(value) ? std::isnan(result) : result == INFINITY || std::isnan(result)) ? 0 : 1;
                else if (!beside) wrong += std::isfinite(result) ? 0 : 1;
            }
            INFO("channels " << c.channels << " kernel " << c.kernel << " value " << value);
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("cpu bf16 convolution: where Winograd is faster it reads maps in bfloat16 and makes such, and its readers' float32") {
    if (cpu::tile_functions().beats_winograd) {
        ++skipped_count();
        MESSAGE("skipped: this processor's bfloat16 is faster than Winograd");
        return;
    }
    for (const int groups : {1, 2}) {
        const Graph graph = graph_of(3, [&](const Scope& scope, ValueId image) {
            const ValueId first = record::conv2d(scope / "first", with_relu(conv(3, 64, 1)), image);
            const ValueId second = record::conv2d(scope / "second", with_relu(conv(64, 48, 3, 1, groups)), first);
            const ValueId third = record::conv2d(scope / "third", with_relu(conv(48, 96, 3)), second);
            const ValueId logits = record::conv2d(scope / "logits", conv(96, 3, 1), third);
            return record::concat(scope / "both", {logits, record::conv2d(scope / "deltas", conv(96, 12, 1), third)});
        });
        CHECK(kept_in_bf16(graph) == 3);
        std::string kernels;
        for (const Step& step : compile(fastest_bf16_backend(), graph, random_weights(graph), {.threads = 2}).steps({1, 60, 50})) kernels += step.kernel + "; ";
        INFO(kernels);
        CHECK(std::regex_search(kernels, std::regex("winograd.*; winograd [46]x[46], 3 nodes")));
        for (const InputSize size : {InputSize{1, 60, 50}, InputSize{2, 23, 21}}) {
            const std::vector<Tensor> inputs = cut_inputs(graph, size);
            const Weights weights = cut_weights(graph);
            const Outputs one = run_in_nan(fastest_bf16_backend(), graph, weights, inputs, 1);
            check_outputs(one, run_on(BasicReferenceBackend<double>{}, graph, weights, inputs), 6e-3);  // three maps are rounded, by up to 2^-9 of each pixel
            CHECK(same_bits(run_in_nan(fastest_bf16_backend(), graph, weights, inputs, 3), one));
        }
    }
}
