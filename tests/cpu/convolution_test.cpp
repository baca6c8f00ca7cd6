// Convolutions, linear layers and transposed convolutions of the CPU backend against plain sums in double.
#include "compare.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("cpu convolution: equals the reference for every kernel, stride and activation over odd sizes") {
    for (const int kernel : {1, 3, 7}) {
        for (const int stride : {1, 2}) {
            for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid}) {
                for (const InputSize size : {InputSize{1, 1, 1}, InputSize{1, 1, 33}, InputSize{3, 7, 5}, InputSize{1, 19, 23}}) {
                    ops::Conv2d op = conv(3, 13, kernel, stride);
                    op.bias = true;
                    op.activation = activation;
                    INFO("kernel " << kernel << " stride " << stride);
                    check_equal_to_reference(one_convolution(op), size);
                }
            }
        }
    }
}

TEST_CASE("cpu convolution: equals the reference for the group width of every RegNet") {
    for (const int group_width : {8, 16, 24, 40, 48, 56, 64, 72, 112, 120, 128, 168, 232}) {
        for (const int groups : {1, 2, 3}) {
            for (const int stride : {1, 2}) {
                INFO("group width " << group_width << " groups " << groups << " stride " << stride);
                check_equal_to_reference(one_convolution(conv(group_width * groups, group_width * groups, 3, stride, groups)), InputSize{1, 5, 7});
            }
        }
    }
}

TEST_CASE("cpu convolution: groups of any width, depthwise included, and unequal widths in and out") {
    struct Case {
        int in, out, groups;
    };
    for (const Case& c : {Case{12, 12, 12}, Case{128, 128, 32}, Case{64, 64, 64}, Case{6, 9, 3}, Case{10, 4, 2}, Case{15, 45, 5}, Case{48, 96, 6}}) {
        INFO("in " << c.in << " out " << c.out << " groups " << c.groups);
        check_equal_to_reference(one_convolution(conv(c.in, c.out, 3, 1, c.groups)), InputSize{2, 6, 9});
    }
}

TEST_CASE("cpu convolution: dilation, with and without stride and groups") {
    for (const int dilation : {2, 3}) {
        for (const int stride : {1, 2}) {
            for (const int groups : {1, 4}) check_equal_to_reference(one_convolution(conv(32, 32, 3, stride, groups, dilation)), InputSize{1, 9, 11});
        }
    }
}

TEST_CASE("cpu convolution: paddings that are not the usual ones") {
    for (const int padding : {0, 1, 2}) {
        ops::Conv2d op = conv(5, 7, 3);
        op.padding = padding;
        check_equal_to_reference(one_convolution(op), InputSize{1, 4, 6});
    }
}

TEST_CASE("cpu convolution: widths of one, odd and prime channels") {
    for (const int channels : {1, 2, 5, 17, 31, 65, 97}) {
        for (const int kernel : {1, 3}) check_equal_to_reference(one_convolution(conv(channels, 98 - channels, kernel)), InputSize{1, 6, 5});
    }
}

TEST_CASE("cpu convolution: a folded batch norm, with and without bias") {
    for (const bool bias : {false, true}) {
        ops::Conv2d op = conv(16, 24, 3);
        op.bias = bias;
        const Graph graph = graph_of(16, [&](const Scope& scope, ValueId image) {
            return record::batch_norm(scope / "conv.norm", ops::BatchNorm{24, 1e-3, Activation::relu}, record::conv2d(scope / "conv", op, image));
        });
        check_equal_to_reference(graph, InputSize{2, 7, 5});
        Context context;
        CHECK(compile(CpuBackend{}, graph, random_weights(graph)).steps({2, 7, 5}).size() == 2);  // the picture's layout and one convolution
    }
}

TEST_CASE("cpu convolution: NaN passes through ReLU as in the reference, and stays in its window") {
    const Graph graph = graph_of(4, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", [] {
        ops::Conv2d op = conv(4, 8, 1);
        op.activation = Activation::none;
        return op;
    }(), image); });
    std::vector<Tensor> inputs = random_inputs(graph, {1, 3, 3});
    inputs[0].data<float>()[4] = NAN;  // channel 0 of the middle pixel
    const Tensor y = run_on(CpuBackend{}, graph, random_weights(graph), inputs)["y"];
    for (std::int64_t i = 0; i < y.numel(); ++i) CHECK(std::isnan(y.data<float>()[i]) == (i % 9 == 4));
}

TEST_CASE("cpu convolution: groups at stride 2 over a large map, odd and even sizes, batches, the same bits with any number of threads") {
    struct Case {
        int group_width, groups;
        InputSize size;
    };
    for (const Case& c : {Case{16, 6, {1, 131, 127}}, Case{24, 3, {1, 150, 149}}, Case{40, 2, {2, 99, 101}}, Case{48, 9, {1, 62, 63}}, Case{56, 3, {3, 57, 56}}, Case{64, 2, {1, 111, 112}}}) {
        INFO("group width " << c.group_width);
        ops::Conv2d op = conv(c.group_width * c.groups, c.group_width * c.groups, 3, 2, c.groups);
        op.bias = true;
        op.activation = c.groups == 3 ? Activation::none : Activation::relu;
        const Graph graph = one_convolution(op);
        const Weights weights = random_weights(graph);
        const CpuBackend direct{CpuOptions{.winograd = false, .bf16x3 = CpuBf16x3::off}};
        CHECK(compile(direct, graph, weights, {.threads = 2}).steps(c.size).back().kernel == "direct nhwc");  // else this test shows nothing
        const std::vector<Tensor> inputs = random_inputs(graph, c.size);
        const Outputs one = run_on(direct, graph, weights, inputs, {.threads = 1});
        check_outputs(one, run_on(BasicReferenceBackend<double>{}, graph, weights, inputs));
        CHECK(same_bits(one, run_on(direct, graph, weights, inputs, {.threads = 3})));
    }
}

TEST_CASE("cpu convolution: a residual over a large map, in place and not, stride 1 and 2, rows that must be copied and not") {
    struct Case {
        int in, out, stride, side;
        bool lives;
    };
    for (const Case& c : {Case{24, 72, 1, 125, false}, Case{64, 67, 1, 126, true}, Case{40, 80, 2, 231, false}, Case{512, 80, 1, 115, false}, Case{256, 81, 2, 229, true}}) {
        INFO("in " << c.in << " out " << c.out << " stride " << c.stride);
        const Graph graph = graph_of(3, [&](const Scope& scope, ValueId image) {
            const ValueId shortcut = record::conv2d(scope / "shortcut", conv(3, c.out, 1, c.stride), image);
            const ValueId inner = record::conv2d(scope / "inner", conv(3, c.in, 1), image);
            ops::Conv2d op = conv(c.in, c.out, 1, c.stride);
            op.bias = true;
            const ValueId sum = record::activate(scope / "relu", Activation::relu, record::add(scope / "add", record::conv2d(scope / "conv", op, inner), shortcut));
            return c.lives ? record::add(scope / "again", sum, shortcut) : sum;
        });
        const InputSize size{1, c.side, c.side};
        const auto steps = compile(plain_backend(), graph, random_weights(graph), {.threads = 2}).steps(size);
        CHECK(std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.kernel == "matrix product"; }) == 1);  // else this test shows nothing
        check_equal_to_reference(graph, size);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        CHECK(same_bits(run_on(plain_backend(), graph, random_weights(graph), inputs, {.threads = 1}), run_on(plain_backend(), graph, random_weights(graph), inputs, {.threads = 3})));
    }
}

TEST_CASE("cpu linear: many rows, deep and shallow, widths that do not fill vectors, the same bits with any number of threads") {
    for (const InputSize size : {InputSize{64, 4, 5}, InputSize{131, 20, 20}, InputSize{300, 8, 16}}) {
        const Graph graph = graph_of(6, [&](const Scope& scope, ValueId image) {
            const ValueId hidden = record::linear(scope / "fc1", ops::Linear{6 * size.height * size.width, 81, true, Activation::relu}, image);
            return record::linear(scope / "fc2", ops::Linear{81, 5, false, Activation::none}, hidden);
        });
        const auto steps = compile(plain_backend(), graph, random_weights(graph), {.threads = 2}).steps(size);
        CHECK(std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.kernel == "matrix product"; }) == 2);
        check_equal_to_reference(graph, size);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        CHECK(same_bits(run_on(plain_backend(), graph, random_weights(graph), inputs, {.threads = 1}), run_on(plain_backend(), graph, random_weights(graph), inputs, {.threads = 3})));
    }
}

TEST_CASE("cpu linear: flattens maps in the checkpoint's order of channel, line, column") {
    for (const InputSize size : {InputSize{1, 1, 1}, InputSize{3, 2, 5}, InputSize{2, 7, 7}}) {
        const Graph graph = graph_of(6, [&](const Scope& scope, ValueId image) {
            const ValueId hidden = record::linear(scope / "fc1", ops::Linear{6 * size.height * size.width, 19, true, Activation::relu}, image);
            return record::linear(scope / "fc2", ops::Linear{19, 5, false, Activation::sigmoid}, hidden);
        });
        check_equal_to_reference(graph, size);
    }
}

TEST_CASE("cpu transposed convolution: equals the reference where windows do not overlap") {
    for (const int kernel : {1, 2, 3}) {
        for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid}) {
            for (const InputSize size : {InputSize{1, 1, 1}, InputSize{3, 5, 7}, InputSize{17, 3, 2}, InputSize{1, 24, 33}}) {
                ops::ConvTranspose2d op;
                op.in_channels = 7;
                op.out_channels = size.n == 3 ? 35 : 5;
                op.kernel = op.stride = kernel;
                op.bias = activation == Activation::relu;
                op.activation = activation;
                check_equal_to_reference(graph_of(7, [&](const Scope& scope, ValueId image) { return record::conv_transpose2d(scope / "up", op, image); }), size);
            }
        }
    }
}

TEST_CASE("cpu transposed convolution: equals the reference where windows overlap, leave gaps or hang over the border") {
    struct Window {
        int kernel, stride, padding;
    };
    for (const Window& window : {Window{4, 2, 1}, Window{3, 1, 1}, Window{3, 2, 0}, Window{3, 2, 1}, Window{5, 3, 2}, Window{2, 3, 0}, Window{1, 4, 0}, Window{4, 1, 2}, Window{2, 2, 1}}) {
        for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid}) {
            for (const InputSize size : {InputSize{1, 2, 2}, InputSize{2, 2, 5}, InputSize{3, 5, 7}, InputSize{17, 3, 2}, InputSize{1, 24, 33}}) {
                CAPTURE(window.kernel);
                CAPTURE(window.stride);
                ops::ConvTranspose2d op;
                op.in_channels = 7;
                op.out_channels = size.n == 3 ? 35 : 17;
                op.kernel = window.kernel;
                op.stride = window.stride;
                op.padding = window.padding;
                op.bias = activation == Activation::relu;
                op.activation = activation;
                check_equal_to_reference(graph_of(7, [&](const Scope& scope, ValueId image) { return record::conv_transpose2d(scope / "up", op, image); }), size);
            }
        }
    }
}

TEST_CASE("cpu transposed convolution: a norm and an activation are folded where windows overlap") {
    ops::ConvTranspose2d op;
    op.in_channels = 6;
    op.out_channels = 18;
    op.kernel = 4;
    op.padding = 1;
    const Graph graph = graph_of(6, [&](const Scope& scope, ValueId image) {
        return record::activate(scope / "relu", Activation::relu, record::batch_norm(scope / "norm", ops::BatchNorm{18, 1e-5, Activation::none}, record::conv_transpose2d(scope / "up", op, image)));
    });
    check_equal_to_reference(graph, {2, 5, 6});
    CHECK(compile(CpuBackend{}, graph, random_weights(graph)).steps({2, 5, 6}).size() == 2);  // layout; convolution + norm + relu
}

TEST_CASE("cpu convolution: parameters shared by two nodes of which one folds a norm and the other does not") {
    // One ConvBn on two levels, as heads use it; the first level's convolution is asked for by name, so its norm cannot be folded there.
    Graph graph;
    graph.name = "shared";
    const ValueId image = record::image_input(graph, 8);
    const Scope scope(graph);
    std::vector<ValueId> ends;
    for (int level = 0; level < 2; ++level) {
        const ValueId convolved = record::conv2d(scope / "conv", conv(8, 8, 3), level == 0 ? image : ends[0]);
        if (level == 0) graph.values[std::size_t(convolved)].label = "before_norm";
        ends.push_back(record::batch_norm(scope / "norm", ops::BatchNorm{8, 1e-5, Activation::none}, convolved));
    }
    graph.outputs = {{"y", ends[1]}};
    check_equal_to_reference(graph, {1, 5, 5}, one_layer, {.threads = 2, .extra_outputs = {"before_norm"}});
}

TEST_CASE("cpu convolution: one weight under two norms, as heads with a norm for each level have it") {
    Graph graph;
    graph.name = "two norms";
    const ValueId image = record::image_input(graph, 8);
    const Scope scope(graph);
    for (const char* norm : {"norm0", "norm1"}) {
        const ValueId convolved = record::conv2d(scope / "conv", conv(8, 8, 3), image);
        graph.outputs.emplace_back(norm, record::batch_norm(scope / norm, ops::BatchNorm{8, 1e-5, Activation::none}, convolved));
    }
    check_equal_to_reference(graph, {1, 5, 5});
}
