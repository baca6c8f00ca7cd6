// The Winograd convolution of the CPU backend, through the backend and function by function for each instruction set.
#include "bf16.hpp"
#include "scene.hpp"

#include <regulus/cpu/winograd-impl.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

/// F(4x4, 3x3) sums 36 products where the direct sum has 9, some much larger than their sum; its rounding errors are some five times those of
/// the direct sum, those of F(6x6, 3x3) some twenty times. Measured here: up to 4.1e-6 and 1.6e-5 of the greatest value (256 channels); other
/// orders of summation get twice that.
constexpr double winograd_limit = 1e-5, wide_limit = 4e-5;

/// Stride 2: transforms only add and subtract pixels, four at most, and the errors are those of direct sums. Measured here: up to 1.1e-6 of the greatest
/// value with 512 channels, where direct sums reach 1.5e-6.
constexpr double strided_limit = one_layer;

ops::Conv2d conv3x3(int in, int out, Activation activation = Activation::none, int groups = 1, int stride = 1) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.groups = groups;
    op.kernel = 3;
    op.stride = stride;
    op.padding = 1;
    op.bias = true;
    op.activation = activation;
    return op;
}

std::string kernel_of(const CpuBackend& backend, const Graph& graph, const InputSize& size) { return compile(backend, graph, random_weights(graph), {.threads = 2}).steps(size).back().kernel; }

/// A line of `tiles` tiles of a map, of which the last lacks an output pixel at its right: its inputs, weights and outputs.
struct TileLine {
    const cpu::MatrixFunctions& matrix;
    const cpu::WinogradTransforms& transforms;
    cpu::WinogradForm form;
    std::int64_t in, out, tiles;
    bool relu;
    std::int64_t stride = transforms.down->stride, height = transforms.down->outputs, width = transforms.across->outputs * tiles - 1;
    std::int64_t src_height = stride * height, src_width = stride * width - (stride - 1);  // of stride 2 once even, once odd
    ConvParameters parameters{random_tensor(Shape{out, in, 3, 3}, 1), random_tensor(Shape{out}, 2)};
    Tensor src = random_tensor(Shape{src_height, src_width, in}, 3);

    /// [height, width, out] through the three functions, of maps of floats or of bfloat16.
    template <class Element>
    std::vector<Element> made() const {
        const cpu::WinogradAxis &down = *transforms.down, &across = *transforms.across;
        const std::int64_t planes = down.products * across.products, sums = down.sums * across.sums;
        const bool is_bf16 = std::is_same_v<Element, cpu::Bf16>;
        const cpu::WinogradWeights weights = cpu::WinogradWeights::make(parameters, 1, matrix.lanes, form, false);
        std::vector<Element> from(std::size_t(src.numel())), to(std::size_t(height * width * out));
        for (std::size_t i = 0; i < from.size(); ++i) cpu::set(from[i], src.data<float>()[i]);
        std::vector<float> v(std::size_t(planes * tiles * in)), m(std::size_t(sums * tiles * weights.width));
        for (std::int64_t tile = 0; tile < tiles; ++tile) {
            transforms.input({reinterpret_cast<const std::byte*>(from.data()), is_bf16, -1, stride * across.outputs * tile - 1, src_height, src_width, src_width * in, in, 0}, in, v.data() + tile * in, tiles * in);
        }
        cpu::MatrixProduct product;
        product.a_pitch = product.depth = in;
        product.c_pitch = product.width = product.stored = product.addend_pitch = weights.width;
        product.rows = tiles;
        for (std::int64_t k = 0; k < planes; ++k) {
            const std::size_t y = std::size_t(k / across.products), x = std::size_t(k % across.products);
            product.a = v.data() + k * tiles * in;
            product.b = weights.matrices.data<float>() + (down.point[y] * weights.points + across.point[x]) * weights.width * in;
            product.c = m.data() + (down.sum[y] * across.sums + across.sum[x]) * tiles * weights.width;
            product.addend = product.c;
            matrix.multiply(product);
        }
        for (std::int64_t tile = 0; tile < tiles; ++tile) {
            transforms.output(m.data() + tile * weights.width, tiles * weights.width, weights.bias.data<float>(), relu, out,
                              {reinterpret_cast<std::byte*>(to.data()), is_bf16, 0, across.outputs * tile, height, width, width * out, out, 0});
        }
        return to;
    }

    /// Of float32's maps to the direct sum in double.
    double difference() const {
        const std::vector<float> dst = made<float>();
        double greatest = 0, result = 0;
        for (std::int64_t y = 0; y < height; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                for (std::int64_t o = 0; o < out; ++o) {
                    double sum = parameters.bias.data<float>()[o];
                    for (std::int64_t tap = 0; tap < 9; ++tap) {
                        const std::int64_t sy = stride * y + tap / 3 - 1, sx = stride * x + tap % 3 - 1;
                        if (sy < 0 || sy >= src_height || sx < 0 || sx >= src_width) continue;
                        for (std::int64_t i = 0; i < in; ++i) sum += double(src.data<float>()[(sy * src_width + sx) * in + i]) * double(parameters.weight.data<float>()[(o * in + i) * 9 + tap]);
                    }
                    if (relu) sum = std::max(sum, 0.0);
                    greatest = std::max(greatest, std::fabs(sum));
                    result = std::max(result, std::fabs(sum - double(dst[std::size_t((y * width + x) * out + o)])));
                }
            }
        }
        return result / greatest;
    }
};

/// Whether maps in bfloat16 give float32's results rounded, bit by bit, of inputs that it holds exactly.
bool is_rounded_float(TileLine line) {
    line.src = cut(line.src);
    const std::vector<float> exact = line.made<float>();
    const std::vector<cpu::Bf16> rounded = line.made<cpu::Bf16>();
    return std::equal(exact.begin(), exact.end(), rounded.begin(), [](float a, cpu::Bf16 b) { return cpu::bf16_of(a) == b; });
}

/// Of every instruction set that this processor runs.
std::vector<cpu::WinogradFunctions> function_sets() {
    std::vector<cpu::WinogradFunctions> sets{{{cpu::matrix_baseline::lanes, cpu::matrix_baseline::multiply}, &cpu::winograd_baseline::fine, cpu::winograd_baseline::wide, cpu::winograd_baseline::strided}};
#if defined(__x86_64__)
    if (cpu::instruction_set() != cpu::InstructionSet::baseline) sets.push_back({{cpu::matrix_avx2::lanes, cpu::matrix_avx2::multiply}, &cpu::winograd_avx2::fine, cpu::winograd_avx2::wide, cpu::winograd_avx2::strided});
    if (cpu::instruction_set() == cpu::InstructionSet::avx512) sets.push_back({{cpu::matrix_avx512::lanes, cpu::matrix_avx512::multiply}, &cpu::winograd_avx512::fine, cpu::winograd_avx512::wide, cpu::winograd_avx512::strided});
#endif
    return sets;
}

#if defined(REGULUS_SANITIZED)  // each takes ten times as long: a third of the sizes
constexpr int step = 3;
#else
constexpr int step = 1;
#endif

}  // namespace

TEST_CASE("cpu winograd: tiles of every kind equal the direct sum with every instruction set that this processor runs") {
    for (const cpu::WinogradFunctions& functions : function_sets()) {
        for (const std::int64_t out : {1, 8, 32, 33, 70}) {
            for (const std::int64_t tiles : {1, 5, 6, 12, 13}) {
                INFO("lanes " << functions.matrix.lanes << " out " << out << " tiles " << tiles);
                CHECK(TileLine{functions.matrix, *functions.fine, cpu::WinogradForm::fine, 32, out, tiles, tiles % 2 == 0}.difference() <= winograd_limit);
                for (int kind = 0; kind < 4; ++kind) {
                    CHECK(TileLine{functions.matrix, functions.wide[kind / 2][kind % 2], cpu::WinogradForm::wide, 32, out, tiles, tiles % 2 == 0}.difference() <= wide_limit);
                    CHECK(TileLine{functions.matrix, functions.strided[kind / 2][kind % 2], cpu::WinogradForm::strided, 32, out, tiles, tiles % 2 == 0}.difference() <= strided_limit);
                }
            }
        }
    }
}

TEST_CASE("cpu winograd: maps in bfloat16 are read as they are and written rounded, with every instruction set") {
    for (const cpu::WinogradFunctions& functions : function_sets()) {
        for (const std::int64_t in : {32, 39}) {
            for (const std::int64_t out : {1, 8, 32, 33}) {
                for (const std::int64_t tiles : {1, 2, 5}) {
                    INFO("lanes " << functions.matrix.lanes << " in " << in << " out " << out << " tiles " << tiles);
                    CHECK(is_rounded_float({functions.matrix, *functions.fine, cpu::WinogradForm::fine, in, out, tiles, tiles % 2 == 0}));
                    for (int kind = 0; kind < 4; ++kind) {
                        CHECK(is_rounded_float({functions.matrix, functions.wide[kind / 2][kind % 2], cpu::WinogradForm::wide, in, out, tiles, tiles % 2 == 0}));
                        CHECK(is_rounded_float({functions.matrix, functions.strided[kind / 2][kind % 2], cpu::WinogradForm::strided, in, out, tiles, tiles % 2 == 0}));
                    }
                }
            }
        }
    }
}

TEST_CASE("cpu winograd: equals the reference over odd sizes, widths and batches, with and without ReLU") {
    for (const InputSize size : {InputSize{1, 21, 19}, InputSize{1, 24, 32}, InputSize{3, 9, 13}, InputSize{24, 4, 4}, InputSize{1, 5, 97}}) {
        for (const int in : {32, 48, 64, 256}) {
            for (const int out : {32, 35, 81}) {
                const Activation activation = out == 35 ? Activation::relu : Activation::none;
                const Graph graph = one_convolution(conv3x3(in, out, activation));
                INFO("in " << in << " out " << out);
                check_equal_to_reference(graph, size, in >= 64 && out >= 64 ? wide_limit : winograd_limit);
                CHECK(kernel_of(plain_backend(), graph, size).rfind("winograd", 0) == 0);  // else this test shows nothing
            }
        }
    }
}

TEST_CASE("cpu winograd: maps of every size up to 40 x 40 are covered by tiles of 6 and 4 outputs") {
    int with_sixes = 0;
    const Graph graph = one_convolution(conv3x3(64, 64));
    for (int height = 5; height <= 40; height += 5) {
        for (int width = 17; width <= 40; width += step) {
            INFO("size " << height << " x " << width);
            check_equal_to_reference(graph, {1, height, width}, wide_limit);
            with_sixes += kernel_of(plain_backend(), graph, {1, height, width}) == "winograd 6x6" ? 1 : 0;
        }
    }
    CHECK(with_sixes > 0);
    check_equal_to_reference(graph, {20, 14, 14}, wide_limit);
    CHECK(kernel_of(plain_backend(), graph, {20, 14, 14}) == "winograd 6x6");
}

TEST_CASE("cpu winograd: grouped convolutions equal the reference for every group width, also where groups do not fill vectors") {
    for (const InputSize size : {InputSize{1, 21, 19}, InputSize{3, 9, 13}, InputSize{24, 4, 4}}) {
        for (const int group_width : {16, 18, 24, 40, 48, 56, 72, 120}) {
            for (const int groups : {2, 3, 9}) {
                const Graph graph = one_convolution(conv3x3(group_width * groups, group_width * groups, groups == 2 ? Activation::none : Activation::relu, groups));
                INFO("group width " << group_width << " groups " << groups);
                check_equal_to_reference(graph, size, winograd_limit);
                CHECK(kernel_of(plain_backend(), graph, size) == "winograd 4x4");
            }
        }
    }
    check_equal_to_reference(one_convolution(conv3x3(2 * 32, 2 * 19, Activation::relu, 2)), {1, 20, 20}, winograd_limit);  // widths in and out differ
}

TEST_CASE("cpu winograd: stride 2 equals the reference over every height and width up to 14, one picture and batches") {
    int twos = 0, threes = 0;
    const Graph graph = one_convolution(conv3x3(80, 83, Activation::relu, 1, 2));
    for (int height = 5; height <= 14; ++height) {
        for (int width = 5; width <= 14; width += step) {
            const InputSize size{24, height, width};  // pictures enough that it is chosen
            INFO("size " << height << " x " << width);
            check_equal_to_reference(graph, size, strided_limit);
            const std::string kernel = kernel_of(plain_backend(), graph, size);
            REQUIRE((kernel == "winograd 2x2" || kernel == "winograd 3x3"));  // else this test shows nothing
            ++(kernel == "winograd 3x3" ? threes : twos);
        }
    }
    CHECK(threes > 0);
    CHECK(twos > 0);
    for (int height = 60; height <= 66; ++height) {
        for (const int width : {37, 40, 43, 46}) check_equal_to_reference(graph, {1, height, width}, strided_limit);
    }
}

TEST_CASE("cpu winograd: stride 2 equals the reference for channels and groups that do not fill vectors") {
    const struct {
        int in, out, groups;  // of a group, but for the last
        InputSize size;
    } cases[] = {{80, 80, 1, {1, 21, 39}},  {81, 97, 1, {2, 20, 22}},   {128, 128, 1, {1, 25, 42}}, {256, 96, 1, {1, 14, 56}}, {48, 48, 9, {1, 64, 63}},
                 {40, 40, 7, {1, 75, 76}}, {56, 56, 5, {1, 73, 78}}, {120, 120, 2, {3, 15, 16}},  {72, 41, 6, {1, 59, 62}},  {45, 64, 1, {1, 190, 191}}};
    for (const auto& c : cases) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
            INFO("in " << c.in << " out " << c.out << " groups " << c.groups);
            const Graph graph = one_convolution(conv3x3(c.in * c.groups, c.out * c.groups, activation, c.groups, 2));
            check_equal_to_reference(graph, c.size, strided_limit);
            CHECK(kernel_of(plain_backend(), graph, c.size).rfind("winograd", 0) == 0);
        }
    }
}

TEST_CASE("cpu winograd: stride 2 over as many rows as there are regions, none and all of the bound") {
    Scene scene;
    const std::vector<ValueId> rois = scene.rois(30);
    const ValueId wide = record::conv2d(scene.scope() / "wide", conv3x3(10, 96), scene.aligned(rois, 6));
    scene.graph.outputs = {{"count", rois[3]}, {"y", record::conv2d(scene.scope() / "strided", conv3x3(96, 90, Activation::relu, 1, 2), wide)}};
    const Weights weights = scene.weights();
    const Program program = compile(plain_backend(), scene.graph, weights, {.threads = 2});
    for (const std::vector<int>& counts : {std::vector<int>{0}, {1}, {5}, {29}, {30}, {31}, {0, 7}, {30, 1}}) {
        INFO(counts[0] << " regions");
        check_equal_to_reference(scene.graph, weights, Scene::inputs(counts, 15, 21), winograd_limit + strided_limit);
    }
    CHECK(program.steps({1, 15, 21}).back().kernel.rfind("winograd", 0) == 0);
}

TEST_CASE("cpu winograd: stride 2 where it gains nothing is left to others") {
    for (const ops::Conv2d& op : {conv3x3(32, 32, Activation::none, 1, 2), conv3x3(16 * 24, 16 * 24, Activation::relu, 16, 2), conv3x3(128, 128, Activation::sigmoid, 1, 2)}) {
        CHECK(kernel_of(plain_backend(), one_convolution(op), {1, 96, 96}).rfind("winograd", 0) != 0);
    }
    CHECK(kernel_of(plain_backend(), one_convolution(conv3x3(48 * 2, 48 * 2, Activation::relu, 2, 2)), {1, 400, 672}).rfind("winograd", 0) != 0);  // 103 MB
    CHECK(kernel_of(plain_backend(), one_convolution(conv3x3(128, 128, Activation::relu, 1, 2)), {1, 12, 12}).rfind("winograd", 0) != 0);          // few tiles
}

TEST_CASE("cpu winograd: can be switched off, and both ways agree") {
    for (const int stride : {1, 2}) {
        const Graph graph = one_convolution(conv3x3(96, 96, Activation::none, 1, stride));
        const InputSize size{1, 40, 40};
        const CpuBackend direct{CpuOptions{.winograd = false, .bf16x3 = CpuBf16x3::off}};
        CHECK(kernel_of(plain_backend(), graph, size).rfind("winograd", 0) == 0);
        CHECK(kernel_of(direct, graph, size).rfind("winograd", 0) != 0);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        CHECK(relative_difference(run_on(plain_backend(), graph, random_weights(graph), inputs)["y"], run_on(direct, graph, random_weights(graph), inputs)["y"]) <= (stride == 1 ? wide_limit : 2 * strided_limit));
    }
}

TEST_CASE("cpu winograd: the same bits with 1, 2 and 3 threads") {
    for (const Graph& graph : {one_convolution(conv3x3(48, 40, Activation::relu)), one_convolution(conv3x3(96, 70, Activation::relu)), one_convolution(conv3x3(5 * 24, 5 * 24, Activation::relu, 5)),
                               one_convolution(conv3x3(96, 83, Activation::relu, 1, 2)), one_convolution(conv3x3(3 * 88, 3 * 88, Activation::relu, 3, 2))}) {
        for (const InputSize size : {InputSize{1, 31, 45}, InputSize{2, 17, 23}, InputSize{1, 90, 80}}) {
            const std::vector<Tensor> inputs = random_inputs(graph, size);
            const Outputs one = run_on(plain_backend(), graph, random_weights(graph), inputs, {.threads = 1});
            for (const int threads : {2, 3}) CHECK(same_bits(one, run_on(plain_backend(), graph, random_weights(graph), inputs, {.threads = threads})));
        }
    }
}
