// Deformable convolutions of the CPU backend: golden cases of mmcv and torchvision, and the reference in double.
#include "compare.hpp"

#include <regulus/cpu/deform_conv-impl.hpp>

#include "reference/deform_conv_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

ops::DeformConv2d deform_op(int in, int out, int kernel, int stride, int groups, int deform_groups, bool modulated) {
    ops::DeformConv2d op;
    op.conv.in_channels = in;
    op.conv.out_channels = out;
    op.conv.kernel = kernel;
    op.conv.stride = stride;
    op.conv.padding = kernel / 2;
    op.conv.groups = groups;
    op.deform_groups = deform_groups;
    op.modulated = modulated;
    return op;
}

std::vector<Tensor> inputs_of(const ops::DeformConv2d& op, const InputSize& size, float reach) {
    return {random_tensor(Shape{size.n, op.conv.in_channels, size.height, size.width}, 1), random_tensor(Shape{size.n, op.offset_channels(), size.height, size.width}, 2, -reach, reach)};
}

void check(const ops::DeformConv2d& op, const InputSize& size, float reach = 2.f) {
    INFO("in " << op.conv.in_channels << " out " << op.conv.out_channels << " kernel " << op.conv.kernel << " stride " << op.conv.stride << " groups " << op.conv.groups << " deform groups "
               << op.deform_groups << " n " << size.n << " h " << size.height << " w " << size.width);
    const Graph graph = deform_graph(op);
    check_equal_to_reference(graph, random_weights(graph), inputs_of(op, size, reach));
}

}  // namespace

TEST_CASE("cpu deform_conv2d: equals mmcv and torchvision in all stored cases") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/deform_conv.json");
    int checked = 0;
    for (const DeformCase& one : golden_deform_cases()) {
        INFO(one.name);
        CHECK(relative_difference(run_on(CpuBackend{}, one.graph, one.weights, one.inputs)["y"], one.expected) < 1e-5);  // the files' limit is 1e-4
        ++checked;
    }
    CHECK(checked == 13);
}

TEST_CASE("cpu deform_conv2d: equals the reference for the group width of every RegNetX") {
    for (const int group_width : {8, 16, 24, 40, 48, 56, 112, 120, 128, 168}) {
        for (const int groups : {1, 3}) {
            for (const int stride : {1, 2}) check(deform_op(group_width * groups, group_width * groups, 3, stride, groups, 1, true), InputSize{1, 7, 9});
        }
    }
}

TEST_CASE("cpu deform_conv2d: odd widths, deform groups across groups, 1x1, batches, one pixel, offsets far outside") {
    struct Widths {
        int in, out, groups, deform_groups;
    };
    for (const Widths& w : {Widths{6, 5, 1, 3}, Widths{12, 9, 3, 2}, Widths{12, 14, 2, 6}, Widths{34, 17, 1, 1}, Widths{10, 98, 2, 5}, Widths{1, 1, 1, 1}}) {
        for (const int kernel : {1, 3, 5}) {
            for (const InputSize size : {InputSize{1, 1, 1}, InputSize{2, 5, 3}, InputSize{1, 13, 11}}) {
                for (const bool modulated : {false, true}) check(deform_op(w.in, w.out, kernel, 1 + kernel % 2, w.groups, w.deform_groups, modulated), size, kernel == 5 ? 9.f : 1.5f);
            }
        }
    }
}

TEST_CASE("cpu deform_conv2d: bias, norm and every activation") {
    for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid}) {
        ops::DeformConv2d op = deform_op(16, 24, 3, 1, 2, 1, true);
        op.conv.bias = true;
        Graph graph = deform_graph(op);
        graph.outputs[0].second = record::batch_norm(Scope(graph) / "conv.norm", ops::BatchNorm{24, 1e-3, activation}, graph.outputs[0].second);
        check_equal_to_reference(graph, random_weights(graph), inputs_of(op, InputSize{2, 9, 7}, 2.f));
    }
}

TEST_CASE("cpu deform_conv2d: offsets that are not finite, or beyond all integers, read zero as in the reference") {
    const ops::DeformConv2d op = deform_op(16, 16, 3, 1, 2, 2, true);
    const InputSize size{1, 9, 12};
    std::vector<Tensor> inputs = inputs_of(op, size, 2.f);
    const float strange[] = {NAN, INFINITY, -INFINITY, 1e30f, -3e38f, 9.3e18f};
    for (std::int64_t i = 0; i < 36 * 108; i += 5) inputs[1].data<float>()[i] = strange[i / 5 % 6];
    const Graph graph = deform_graph(op);
    check_equal_to_reference(graph, random_weights(graph), inputs);
}

TEST_CASE("cpu deform_conv2d: the same bits for every number of threads") {
    const ops::DeformConv2d op = deform_op(96, 96, 3, 1, 2, 1, true);
    const Graph graph = deform_graph(op);
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = inputs_of(op, InputSize{2, 23, 31}, 3.f);
    const Outputs one = run_on(CpuBackend{}, graph, weights, inputs, {.threads = 1});
    for (const int threads : {2, 3, 5}) CHECK(same_bits(run_on(CpuBackend{}, graph, weights, inputs, {.threads = threads}), one));
}

#if defined(__x86_64__)
TEST_CASE("cpu deform_conv2d: all instruction sets gather and multiply alike") {
    using namespace cpu;
    std::vector<DeformConvFunctions> sets{{deform_conv_baseline::lanes, deform_conv_baseline::gather, matrix_baseline::multiply}};
    if (instruction_set() != InstructionSet::baseline) sets.push_back({deform_conv_avx2::lanes, deform_conv_avx2::gather, matrix_avx2::multiply});
    if (instruction_set() == InstructionSet::avx512) sets.push_back({deform_conv_avx512::lanes, deform_conv_avx512::gather, matrix_avx512::multiply});
    for (const int channels : {1, 7, 8, 17, 48, 70, 120}) {
        ops::Conv2d op;
        op.in_channels = op.out_channels = channels;
        op.kernel = 3;
        const ConvParameters parameters{random_tensor(Shape{channels, channels, 3, 3}, 3), random_tensor(Shape{channels}, 4)};
        const Tensor map = random_tensor(Shape{1, 5, 6, channels}, 5);
        for (const std::int64_t rows : {1, 3, 4, 8, 11, 64}) {
            std::vector<kernels::TapSample<float>> samples;
            for (std::int64_t i = 0; i < 9 * rows; ++i) samples.push_back({{i * 7 % 30, i * 11 % 30, i * 13 % 30, i * 3 % 30}, {0.1f, 0.2f, 0.3f, 0.4f}});
            samples[0].at[0] = -1;
            Tensor first;
            for (const DeformConvFunctions& set : sets) {
                INFO("lanes " << set.lanes << " channels " << channels << " rows " << rows);
                const DeformConvWeights weights = DeformConvWeights::make(op, parameters, set);
                std::vector<float> columns(std::size_t(9 * rows * channels));
                set.gather(map.data<float>(), channels, samples.data(), 9 * rows, channels, columns.data(), channels);
                Tensor y = Tensor::zeros(Shape{rows + 1, channels});
                y.data<float>()[rows * channels] = 42;  // one past the end
                cpu::MatrixProduct product;
                product.a = columns.data();
                product.a_pitch = product.depth = 9 * channels;
                product.b = weights.matrices.data<float>();
                product.bias = weights.bias.data<float>();
                product.relu = true;
                product.c = y.data<float>();
                product.c_pitch = product.stored = channels;
                product.rows = rows;
                product.width = weights.width;
                set.multiply(product);
                CHECK(y.data<float>()[rows * channels] == 42);
                if (first.numel() == 0) first = y;
                y.data<float>()[rows * channels] = first.data<float>()[rows * channels] = 0;
                CHECK(relative_difference(y, first) < 1e-5);
            }
        }
    }
}
#endif
