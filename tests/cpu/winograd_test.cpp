// The Winograd convolution of the CPU backend, through the backend and function by function for each instruction set.
#include "compare.hpp"

#include <regulus/cpu/winograd-impl.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

/// F(4x4, 3x3) sums 36 products where the direct sum has 9, some much larger than their sum; its rounding errors are some five times those of
/// the direct sum, those of F(6x6, 3x3) some twenty times. Measured here: up to 4.1e-6 and 1.6e-5 of the greatest value (256 channels); other
/// orders of summation get twice that.
constexpr double winograd_limit = 1e-5, wide_limit = 4e-5;

ops::Conv2d same_conv(int in, int out, Activation activation = Activation::none, int groups = 1) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.groups = groups;
    op.kernel = 3;
    op.padding = 1;
    op.bias = true;
    op.activation = activation;
    return op;
}

Graph one_convolution(const ops::Conv2d& op) {
    return graph_of(op.in_channels, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", op, image); });
}

std::string kernel_of(const CpuBackend& backend, const Graph& graph, const InputSize& size) { return compile(backend, graph, random_weights(graph), {.threads = 2}).steps(size).back().kernel; }

/// A line of `tiles` tiles of a map, of which the last lacks an output pixel at its right, through the three functions, against the direct sum in double.
double difference_of(const cpu::MatrixFunctions& matrix, const cpu::WinogradTransforms& transforms, bool wide, std::int64_t in, std::int64_t out, std::int64_t tiles, bool relu) {
    const std::int64_t height = transforms.rows, width = transforms.columns * tiles - 1, planes = (transforms.rows + 2) * (transforms.columns + 2);
    const ConvParameters parameters{random_tensor(Shape{out, in, 3, 3}, 1), random_tensor(Shape{out}, 2)};
    const cpu::WinogradWeights weights = cpu::WinogradWeights::make(parameters, 1, matrix.lanes, wide);
    const Tensor src = random_tensor(Shape{height, width, in}, 3);
    Tensor dst = Tensor::zeros(Shape{height, width, out});
    std::vector<float> v(std::size_t(planes * tiles * in)), m(std::size_t(planes * tiles * weights.width));
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
        transforms.input({src.data<float>(), -1, transforms.columns * tile - 1, height, width, width * in, in, 0}, in, v.data() + tile * in, tiles * in);
    }
    cpu::MatrixProduct product;
    product.a_pitch = product.depth = in;
    product.c_pitch = product.width = product.stored = weights.width;
    product.rows = tiles;
    const auto point = [&](std::int64_t i, int size) { return wide && size == 4 && i > 2 ? i + 2 : i; };
    for (std::int64_t k = 0; k < planes; ++k) {
        product.a = v.data() + k * tiles * in;
        product.b = weights.matrices.data<float>() + (point(k / (transforms.columns + 2), transforms.rows) * weights.points + point(k % (transforms.columns + 2), transforms.columns)) * weights.width * in;
        product.c = m.data() + k * tiles * weights.width;
        matrix.multiply(product);
    }
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
        transforms.output(m.data() + tile * weights.width, tiles * weights.width, weights.bias.data<float>(), relu, out, {dst.data<float>(), 0, transforms.columns * tile, height, width, width * out, out, 0});
    }
    double greatest = 0, difference = 0;
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (std::int64_t o = 0; o < out; ++o) {
                double sum = parameters.bias.data<float>()[o];
                for (std::int64_t tap = 0; tap < 9; ++tap) {
                    const std::int64_t sy = y + tap / 3 - 1, sx = x + tap % 3 - 1;
                    if (sy < 0 || sy >= height || sx < 0 || sx >= width) continue;
                    for (std::int64_t i = 0; i < in; ++i) sum += double(src.data<float>()[(sy * width + sx) * in + i]) * double(parameters.weight.data<float>()[(o * in + i) * 9 + tap]);
                }
                if (relu) sum = std::max(sum, 0.0);
                greatest = std::max(greatest, std::fabs(sum));
                difference = std::max(difference, std::fabs(sum - double(dst.data<float>()[(y * width + x) * out + o])));
            }
        }
    }
    return difference / greatest;
}

}  // namespace

TEST_CASE("cpu winograd: tiles of every kind equal the direct sum with every instruction set that this processor runs") {
    std::vector<cpu::WinogradFunctions> sets{{{cpu::matrix_baseline::lanes, cpu::matrix_baseline::multiply}, &cpu::winograd_baseline::fine, cpu::winograd_baseline::wide}};
#if defined(__x86_64__)
    if (cpu::instruction_set() != cpu::InstructionSet::baseline) sets.push_back({{cpu::matrix_avx2::lanes, cpu::matrix_avx2::multiply}, &cpu::winograd_avx2::fine, cpu::winograd_avx2::wide});
    if (cpu::instruction_set() == cpu::InstructionSet::avx512) sets.push_back({{cpu::matrix_avx512::lanes, cpu::matrix_avx512::multiply}, &cpu::winograd_avx512::fine, cpu::winograd_avx512::wide});
#endif
    for (const cpu::WinogradFunctions& functions : sets) {
        for (const std::int64_t out : {1, 8, 32, 33, 70}) {
            for (const std::int64_t tiles : {1, 5, 6, 12, 13}) {
                INFO("lanes " << functions.matrix.lanes << " out " << out << " tiles " << tiles);
                CHECK(difference_of(functions.matrix, *functions.fine, false, 32, out, tiles, tiles % 2 == 0) <= winograd_limit);
                for (int kind = 0; kind < 4; ++kind) CHECK(difference_of(functions.matrix, functions.wide[kind / 2][kind % 2], true, 32, out, tiles, tiles % 2 == 0) <= wide_limit);
            }
        }
    }
}

TEST_CASE("cpu winograd: equals the reference over odd sizes, widths and batches, with and without ReLU") {
    for (const InputSize size : {InputSize{1, 21, 19}, InputSize{1, 24, 32}, InputSize{3, 9, 13}, InputSize{24, 4, 4}, InputSize{1, 5, 97}}) {
        for (const int in : {32, 48, 64, 256}) {
            for (const int out : {32, 35, 81}) {
                const Activation activation = out == 35 ? Activation::relu : Activation::none;
                const Graph graph = one_convolution(same_conv(in, out, activation));
                INFO("in " << in << " out " << out);
                check_equal_to_reference(graph, size, in >= 64 && out >= 64 ? wide_limit : winograd_limit);
                CHECK(kernel_of(CpuBackend{}, graph, size).rfind("winograd", 0) == 0);  // else this test shows nothing
            }
        }
    }
}

TEST_CASE("cpu winograd: maps of every size up to 40 x 40 are covered by tiles of 6 and 4 outputs") {
    int with_sixes = 0;
    const Graph graph = one_convolution(same_conv(64, 64));
    for (int height = 5; height <= 40; height += 5) {
        for (int width = 17; width <= 40; ++width) {
            INFO("size " << height << " x " << width);
            check_equal_to_reference(graph, {1, height, width}, wide_limit);
            with_sixes += kernel_of(CpuBackend{}, graph, {1, height, width}) == "winograd 6x6" ? 1 : 0;
        }
    }
    CHECK(with_sixes > 0);
    check_equal_to_reference(graph, {20, 14, 14}, wide_limit);
    CHECK(kernel_of(CpuBackend{}, graph, {20, 14, 14}) == "winograd 6x6");
}

TEST_CASE("cpu winograd: grouped convolutions equal the reference for every group width, also where groups do not fill vectors") {
    for (const InputSize size : {InputSize{1, 21, 19}, InputSize{3, 9, 13}, InputSize{24, 4, 4}}) {
        for (const int group_width : {16, 18, 24, 40, 48, 56, 72, 120}) {
            for (const int groups : {2, 3, 9}) {
                const Graph graph = one_convolution(same_conv(group_width * groups, group_width * groups, groups == 2 ? Activation::none : Activation::relu, groups));
                INFO("group width " << group_width << " groups " << groups);
                check_equal_to_reference(graph, size, winograd_limit);
                CHECK(kernel_of(CpuBackend{}, graph, size) == "winograd 4x4");
            }
        }
    }
    check_equal_to_reference(one_convolution(same_conv(2 * 32, 2 * 19, Activation::relu, 2)), {1, 20, 20}, winograd_limit);  // widths in and out differ
}

TEST_CASE("cpu winograd: can be switched off, and both ways agree") {
    const Graph graph = one_convolution(same_conv(64, 64));
    const InputSize size{1, 24, 24};
    const CpuBackend direct{CpuOptions{.winograd = false}};
    CHECK(kernel_of(direct, graph, size).rfind("winograd", 0) != 0);
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    CHECK(relative_difference(run_on(CpuBackend{}, graph, random_weights(graph), inputs)["y"], run_on(direct, graph, random_weights(graph), inputs)["y"]) <= wide_limit);
}

TEST_CASE("cpu winograd: the same bits with 1, 2 and 3 threads") {
    for (const Graph& graph : {one_convolution(same_conv(48, 40, Activation::relu)), one_convolution(same_conv(96, 70, Activation::relu)), one_convolution(same_conv(5 * 24, 5 * 24, Activation::relu, 5))}) {
        for (const InputSize size : {InputSize{1, 31, 45}, InputSize{2, 17, 23}, InputSize{1, 90, 80}}) {
            const std::vector<Tensor> inputs = random_inputs(graph, size);
            const Outputs one = run_on(CpuBackend{}, graph, random_weights(graph), inputs, {.threads = 1});
            for (const int threads : {2, 3}) CHECK(same_bits(one, run_on(CpuBackend{}, graph, random_weights(graph), inputs, {.threads = threads})));
        }
    }
}
