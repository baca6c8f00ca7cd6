// The matrix product of own kernels, for each instruction set, against sums in double.
#include "compare.hpp"

#include <regulus/cpu/matrix-impl.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

std::vector<cpu::MatrixFunctions> instruction_sets() {
    std::vector<cpu::MatrixFunctions> sets{{cpu::matrix_baseline::lanes, cpu::matrix_baseline::multiply}};
#if defined(__x86_64__)
    if (cpu::instruction_set() != cpu::InstructionSet::baseline) sets.push_back({cpu::matrix_avx2::lanes, cpu::matrix_avx2::multiply});
    if (cpu::instruction_set() == cpu::InstructionSet::avx512) sets.push_back({cpu::matrix_avx512::lanes, cpu::matrix_avx512::multiply});
#endif
    return sets;
}

struct Case {
    std::int64_t rows, depth, columns, taps;
    bool adds, biased, relu;
    bool in_place = false;  // what is added lies where the sums go
};

/// Greatest difference over the greatest value; -1 when something beyond the product was written.
double difference_of(const cpu::MatrixFunctions& functions, const Case& c) {
    constexpr float untouched = 12345.f;
    const std::int64_t width = (c.columns + functions.lanes - 1) / functions.lanes * functions.lanes, a_pitch = c.depth * c.taps + 3, c_pitch = c.columns + 5;
    const Tensor a = random_tensor(Shape{c.rows, a_pitch}, 1), b = random_tensor(Shape{c.taps, c.depth, c.columns}, 2), addend = random_tensor(Shape{c.rows, c_pitch}, 3), bias = random_tensor(Shape{width}, 4);
    Tensor packed = Tensor::zeros(Shape{c.taps * c.depth, width});
    cpu::for_packed_columns(width, c.taps * c.depth, functions.lanes, [&](std::int64_t column, std::int64_t place, std::int64_t panel) {
        for (std::int64_t k = 0; column < c.columns && k < c.taps * c.depth; ++k) packed.data<float>()[place + k * panel] = b.data<float>()[k * c.columns + column];
    });
    std::vector<std::int64_t> offsets, slices;  // the taps in another order than their slices lie in
    for (std::int64_t tap = c.taps; tap-- > 0;) {
        offsets.push_back(tap * c.depth);
        slices.push_back(tap);
    }
    std::vector<float> result(std::size_t(c.rows * c_pitch), untouched);
    for (std::int64_t i = 0; c.in_place && i < c.rows * c_pitch; ++i) {
        if (i % c_pitch < c.columns) result[std::size_t(i)] = addend.data<float>()[i];
    }
    cpu::MatrixProduct product;
    product.a = a.data<float>();
    product.a_pitch = a_pitch;
    product.b = packed.data<float>();
    product.c = result.data();
    product.c_pitch = product.addend_pitch = c_pitch;
    product.rows = c.rows;
    product.depth = c.depth;
    product.width = width;
    product.stored = c.columns;
    if (c.adds) product.addend = c.in_place ? result.data() : addend.data<float>();
    if (c.biased) product.bias = bias.data<float>();
    product.relu = c.relu;
    product.taps = product.b_taps = c.taps;
    product.a_offsets = offsets.data();
    product.b_slices = slices.data();
    functions.multiply(product);
    double greatest = 0, difference = 0;
    for (std::int64_t row = 0; row < c.rows; ++row) {
        for (std::int64_t column = 0; column < c_pitch; ++column) {
            const float value = result[std::size_t(row * c_pitch + column)];
            if (column >= c.columns) {
                if (value != untouched) return -1;
                continue;
            }
            double sum = c.biased ? double(bias.data<float>()[column]) : 0;
            if (c.adds) sum += double(addend.data<float>()[row * c_pitch + column]);
            for (std::int64_t k = 0; k < c.taps * c.depth; ++k) sum += double(a.data<float>()[row * a_pitch + k]) * double(b.data<float>()[k * c.columns + column]);
            if (c.relu) sum = std::max(sum, 0.0);
            greatest = std::max(greatest, std::fabs(sum));
            difference = std::max(difference, std::fabs(sum - double(value)));
        }
    }
    return difference / std::max(greatest, 1.0);
}

}  // namespace

TEST_CASE("cpu matrix: every instruction set that this processor runs equals the sums, for any number of rows and columns") {
    for (const cpu::MatrixFunctions& functions : instruction_sets()) {
        for (const std::int64_t rows : {1, 2, 3, 7, 9, 13, 14, 15, 28, 31}) {
            for (const std::int64_t columns : {1, 3, 4, 7, 8, 16, 21, 24, 32, 40, 48, 61, 80, 113}) {
                const double difference = difference_of(functions, {rows, 37, columns, 1, rows % 2 == 0, columns % 2 == 0, rows % 3 == 0});
                INFO("lanes " << functions.lanes << " rows " << rows << " columns " << columns);
                CHECK(difference >= 0);
                CHECK(difference <= one_layer);
            }
        }
    }
}

TEST_CASE("cpu matrix: sums are added to what lies where they go") {
    for (const cpu::MatrixFunctions& functions : instruction_sets()) {
        for (const std::int64_t rows : {1, 6, 14, 29}) {
            for (const std::int64_t columns : {3, 16, 27, 48, 90}) {
                const double difference = difference_of(functions, {rows, 20, columns, 1, true, true, false, true});
                INFO("lanes " << functions.lanes << " rows " << rows << " columns " << columns);
                CHECK(difference >= 0);
                CHECK(difference <= one_layer);
            }
        }
    }
}

TEST_CASE("cpu matrix: taps in any order") {
    for (const cpu::MatrixFunctions& functions : instruction_sets()) {
        for (const std::int64_t taps : {2, 4, 9}) {
            for (const std::int64_t columns : {5, 16, 48, 70}) {
                const double difference = difference_of(functions, {11, 16, columns, taps, false, true, true});
                CHECK(difference >= 0);
                CHECK(difference <= one_layer);
            }
        }
    }
}

TEST_CASE("cpu matrix: NaN passes through ReLU") {
    for (const cpu::MatrixFunctions& functions : instruction_sets()) {
        const float a = NAN;
        std::vector<float> b(std::size_t(functions.lanes), 1.f), result(std::size_t(functions.lanes), 0.f);
        cpu::MatrixProduct product;
        product.a = &a;
        product.b = b.data();
        product.c = result.data();
        product.rows = product.depth = 1;
        product.width = product.stored = functions.lanes;
        product.relu = true;
        functions.multiply(product);
        for (const float value : result) CHECK(std::isnan(value));
    }
}
