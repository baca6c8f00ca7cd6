// Strassen's products, for each instruction set, against sums in double; and the kernels that use them.
#include "products.hpp"

#include <algorithm>

#include <regulus/cpu/strassen-impl.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

std::vector<cpu::StrassenFunctions> instruction_sets() {
    std::vector<cpu::StrassenFunctions> sets{
        {{cpu::matrix_baseline::lanes, cpu::matrix_baseline::multiply}, cpu::strassen_baseline::combine_weights, cpu::strassen_baseline::combine_rows, cpu::strassen_baseline::finish_quarter}};
#if defined(__x86_64__)
    if (cpu::instruction_set() != cpu::InstructionSet::baseline) {
        sets.push_back({{cpu::matrix_avx2::lanes, cpu::matrix_avx2::multiply}, cpu::strassen_avx2::combine_weights, cpu::strassen_avx2::combine_rows, cpu::strassen_avx2::finish_quarter});
    }
    if (cpu::instruction_set() == cpu::InstructionSet::avx512) {
        sets.push_back({{cpu::matrix_avx512::lanes, cpu::matrix_avx512::multiply}, cpu::strassen_avx512::combine_weights, cpu::strassen_avx512::combine_rows, cpu::strassen_avx512::finish_quarter});
    }
#endif
    return sets;
}

/// The whole product, by memory of exactly the size that it says it needs: what is written beyond it makes the difference -1.
double difference_of(const cpu::StrassenFunctions& functions, const ProductCase& c) {
    bool stayed_inside = false;
    const double difference = difference_of(functions.matrix.lanes, [&](const cpu::MatrixProduct& product) {
        constexpr float untouched = 12345.f;
        const cpu::StrassenProduct strassen(c.depth, c.columns, c.rows + 1, functions);
        std::vector<float> memory(std::size_t(strassen.floats()) + 1, untouched);
        strassen.set_weights(product.b, memory.data());
        strassen.multiply(product, memory.data());
        stayed_inside = memory.back() == untouched;
    }, c);
    return stayed_inside ? difference : -1;
}

ops::Conv2d pointwise(int in, int out, int stride, Activation activation) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.kernel = 1;
    op.stride = stride;
    op.bias = true;
    op.activation = activation;
    return op;
}

/// Where one of the steps is Strassen's: the reference's results, and the same bits with any number of threads. Errors are twice those of plain sums, of
/// which `one_layer` allows five times what is met.
void check_strassen(const Graph& graph, const InputSize& size, const std::string& kernel = "matrix product, Strassen") {
    const Weights weights = random_weights(graph);
    const auto uses = [&](CpuOptions options) {
        options.bf16x3 = CpuBf16x3::off;
        const auto steps = compile(CpuBackend{options}, graph, weights, {.threads = 2}).steps(size);
        return std::count_if(steps.begin(), steps.end(), [&](const Step& step) { return step.kernel == kernel; });
    };
    CHECK(uses({}) == 1);
    CHECK(uses({.strassen = false}) == 0);
    check_equal_to_reference(graph, size);
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    const Outputs one = run_on(plain_backend(), graph, weights, inputs, {.threads = 1});
    for (const int threads : {2, 3, 7}) CHECK(same_bits(one, run_on(plain_backend(), graph, weights, inputs, {.threads = threads})));
}

}  // namespace

TEST_CASE("cpu strassen: every instruction set that this processor runs equals the sums, for any number of rows") {
    for (const cpu::StrassenFunctions& functions : instruction_sets()) {
        for (const std::int64_t rows : {1, 2, 3, 13, 28, 31, 64}) {
            for (const Shape& b : {Shape{32, 64}, Shape{64, 128}, Shape{96, 192}, Shape{448, 64}}) {
                const double difference = difference_of(functions, {rows, b[0], b[1], 1, rows % 2 == 0, rows % 3 != 0, rows % 3 == 1, rows % 4 == 0});
                INFO("lanes " << functions.matrix.lanes << " rows " << rows << " depth " << b[0] << " width " << b[1]);
                CHECK(difference >= 0);
                CHECK(difference <= one_layer);
            }
        }
    }
}

TEST_CASE("cpu strassen: only halves of whole vectors and panels") {
    CHECK(cpu::StrassenProduct::applies(448, 1024));
    CHECK_FALSE(cpu::StrassenProduct::applies(432, 1024));
    CHECK_FALSE(cpu::StrassenProduct::applies(448, 1008));
}

TEST_CASE("cpu strassen: pointwise convolutions, with ReLU, with pixels apart") {
    struct Case {
        int in, out, stride, height, width;
    };
    for (const Case& c : {Case{512, 512, 1, 28, 29}, Case{1024, 576, 2, 57, 55}, Case{2048, 512, 1, 24, 32}}) {
        INFO("in " << c.in << " out " << c.out << " stride " << c.stride);
        const Graph graph = graph_of(3, [&](const Scope& scope, ValueId image) {
            const ValueId inner = record::conv2d(scope / "inner", pointwise(3, c.in, 1, Activation::relu), image);
            return record::conv2d(scope / "conv", pointwise(c.in, c.out, c.stride, Activation::relu), inner);
        });
        check_strassen(graph, {1, c.height, c.width});
    }
}

TEST_CASE("cpu strassen: a residual is added") {
    check_strassen(graph_of(3, [](const Scope& scope, ValueId image) {
        const ValueId inner = record::conv2d(scope / "inner", pointwise(3, 512, 1, Activation::relu), image), shortcut = record::conv2d(scope / "shortcut", pointwise(3, 1280, 1, Activation::none), image);
        const ValueId sum = record::add(scope / "add", record::conv2d(scope / "conv", pointwise(512, 1280, 1, Activation::none), inner), shortcut);
        return record::add(scope / "again", record::activate(scope / "relu", Activation::relu, sum), shortcut);
    }), {1, 31, 29});
}

TEST_CASE("cpu strassen: a residual is made where it is added, from pixels apart") {
    check_strassen(graph_of(3, [](const Scope& scope, ValueId image) {
        const ValueId inner = record::conv2d(scope / "inner", pointwise(3, 320, 2, Activation::relu), image), wide = record::conv2d(scope / "wide", pointwise(3, 192, 1, Activation::relu), image);
        const ValueId shortcut = record::conv2d(scope / "shortcut", pointwise(192, 1280, 2, Activation::none), wide);
        return record::activate(scope / "relu", Activation::relu, record::add(scope / "add", record::conv2d(scope / "conv", pointwise(320, 1280, 1, Activation::none), inner), shortcut));
    }), {1, 61, 58}, "matrix product, Strassen, 2 nodes");
}

TEST_CASE("cpu strassen: a linear layer over as many rows as there are, in slices") {
    const Graph graph = graph_of(7, [](const Scope& scope, ValueId image) { return record::linear(scope / "fc", ops::Linear{7 * 384, 512, true, Activation::relu}, image); });
    for (const int rows : {768, 1001}) check_strassen(graph, {rows, 16, 24});
}
