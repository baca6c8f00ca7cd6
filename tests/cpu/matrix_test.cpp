// The matrix product of own kernels, for each instruction set, against sums in double.
#include "products.hpp"

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

}  // namespace

TEST_CASE("cpu matrix: every instruction set that this processor runs equals the sums, for any number of rows and columns") {
    for (const cpu::MatrixFunctions& functions : instruction_sets()) {
        for (const std::int64_t rows : {1, 2, 3, 7, 9, 13, 14, 15, 28, 31}) {
            for (const std::int64_t columns : {1, 3, 4, 7, 8, 16, 21, 24, 32, 40, 48, 61, 80, 113}) {
                const double difference = difference_of(functions.lanes, functions.multiply, {rows, 37, columns, 1, rows % 2 == 0, columns % 2 == 0, rows % 3 == 0});
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
                const double difference = difference_of(functions.lanes, functions.multiply, {rows, 20, columns, 1, true, true, false, true});
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
                const double difference = difference_of(functions.lanes, functions.multiply, {11, 16, columns, taps, false, true, true});
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
