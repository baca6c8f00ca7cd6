// Linear layers, pointwise and transposed convolutions in bfloat16 against plain sums in double.
#include "bf16.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("cpu bf16 linear: many rows and few, maps flattened in the checkpoint's order") {
    for (const InputSize& size : {InputSize{1, 1, 1}, InputSize{3, 2, 5}, InputSize{64, 4, 5}, InputSize{131, 3, 7}, InputSize{300, 1, 2}}) {
        const int flat = 6 * size.height * size.width;
        const Graph one = graph_of(6, [&](const Scope& scope, ValueId image) { return record::linear(scope / "fc", ops::Linear{flat, 37, true, Activation::relu}, image); });
        check_exact_factors(one, size);
        check_threads(one, size);
        const Graph two = graph_of(6, [&](const Scope& scope, ValueId image) {
            return record::linear(scope / "fc2", ops::Linear{81, 5, false, Activation::none}, record::linear(scope / "fc1", ops::Linear{flat, 81, true, Activation::relu}, image));
        });
        CHECK(kept_in_bf16(two) == 1);
        check_whole_numbers(two, size);
    }
}

TEST_CASE("cpu bf16 linear: sums over many features go on from part to part") {
    // 97 and more tiles of depth are summed in parts. The last one is whole, or has one feature.
    for (const int features : {96 * 32, 96 * 32 + 1, 12544}) {
        for (const int rows : {1, 70, 300}) {  // 300: tasks end within a block
            const Graph graph = graph_of(features, [&](const Scope& scope, ValueId image) { return record::linear(scope / "fc", ops::Linear{features, 35, true, Activation::none}, image); });
            INFO(features << " features");
            check_exact_factors(graph, {rows, 1, 1});
        }
    }
}

TEST_CASE("cpu bf16 linear: deep and of a map in bfloat16, the same bits with any number of threads") {
    const Graph graph = graph_of(3, [&](const Scope& scope, ValueId image) {
        return record::linear(scope / "fc", ops::Linear{65 * 49, 35, true, Activation::none}, record::conv2d(scope / "conv", conv(3, 65, 1), image));
    });
    CHECK(kept_in_bf16(graph) == 1);
    for (const int rows : {1, 33, 70}) check_whole_numbers(graph, {rows, 7, 7});
    check_threads(graph, {40, 7, 7});
}

TEST_CASE("cpu bf16 matrix: tiles of a narrow map in bfloat16 do not read past it, however many pixels") {
    // A tile takes 32 elements of a row; where rows are shorter the last ones of a map have less behind them, and the arena is full of NaN.
    for (const int channels : {1, 3, 5, 8, 12, 16, 24, 40}) {
        const Graph graph = graph_of(3, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "last", conv(channels, 7, 1), record::conv2d(scope / "inner", conv(3, channels, 1), image)); });
        for (const int pixels : {1, 2, 16, 17, 31, 32, 33, 34, 35, 47, 63, 64, 65, 66, 97}) {
            INFO("channels " << channels);
            check_whole_numbers(graph, {1, 1, pixels});
        }
    }
}

TEST_CASE("cpu bf16 transposed convolution: windows side by side") {
    for (const int kernel : {1, 2, 3}) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
            for (const InputSize& size : {InputSize{1, 1, 1}, InputSize{3, 5, 7}, InputSize{17, 3, 2}, InputSize{1, 11, 33}}) {
                const int out = size.n == 3 ? 35 : 5;
                INFO("kernel " << kernel << " out " << out);
                check_exact_factors(graph_of(7, [&](const Scope& scope, ValueId image) { return record::conv_transpose2d(scope / "up", side_by_side(7, out, kernel, activation), image); }), size);
                const Graph kept = graph_of(3, [&](const Scope& scope, ValueId image) {
                    const ValueId up = record::conv_transpose2d(scope / "up", side_by_side(7, out, kernel, activation), record::conv2d(scope / "before", conv(3, 7, 1), image));
                    return record::conv2d(scope / "after", conv(out, 3, 1), up);
                });
                CHECK(kept_in_bf16(kept) == 2);
                check_whole_numbers(kept, size);
            }
        }
    }
    check_threads(graph_of(7, [](const Scope& scope, ValueId image) { return record::conv_transpose2d(scope / "up", side_by_side(7, 70, 2), image); }), {1, 9, 7});
}

TEST_CASE("cpu bf16 transposed convolution: windows that overlap stay in float32, and what they read") {
    ops::ConvTranspose2d op = side_by_side(7, 5, 4);
    op.stride = 2;
    op.padding = 1;
    const Graph graph = graph_of(3, [&](const Scope& scope, ValueId image) { return record::conv_transpose2d(scope / "up", op, record::conv2d(scope / "before", conv(3, 7, 1), image)); });
    CHECK(kept_in_bf16(graph) == 0);
    check_whole_numbers(graph, {2, 5, 6});
}

TEST_CASE("cpu bf16 transposed convolution: several that write into one wider map") {
    // As necks of point clouds have them: strides 1, 2 and 4, brought to one size.
    const Graph graph = graph_of(3, [](const Scope& scope, ValueId image) {
        std::vector<ValueId> raised;
        for (const int stride : {1, 2, 4}) {
            const ValueId map = record::conv2d(scope / indexed("level", stride), conv(3, 8, 1, stride), image);
            raised.push_back(record::conv_transpose2d(scope / indexed("up", stride), side_by_side(8, 4 + 30 * (stride / 2), stride, Activation::relu), map));
        }
        return record::conv2d(scope / "last", conv(4 + 34 + 64, 5, 3), record::concat(scope / "concat", raised));
    });
    CHECK(kept_in_bf16(graph) == 7);  // three maps, what is made of them, and all of it beside each other
    const auto steps = compile(bf16_backend(), graph, random_weights(graph)).steps({2, 8, 12});
    CHECK(std::none_of(steps.begin(), steps.end(), [](const Step& step) { return step.node == "concat"; }));  // else this test shows nothing
    check_whole_numbers(graph, {2, 8, 12});
}
