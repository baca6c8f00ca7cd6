#pragma once
// A matrix product of the CPU backend against sums in double.
#include "compare.hpp"

#include <regulus/cpu/matrix-impl.hpp>

namespace regulus::testing {

struct ProductCase {
    std::int64_t rows, depth, columns, taps;
    bool adds, biased, relu;
    bool in_place = false;  // what is added lies where the sums go
};

/// Greatest difference of what multiply(product) makes over the greatest value; -1 when something beyond the product was written.
template <class Multiply>
double difference_of(int lanes, const Multiply& multiply, const ProductCase& c) {
    constexpr float untouched = 12345.f;
    const std::int64_t width = (c.columns + lanes - 1) / lanes * lanes, a_pitch = c.depth * c.taps + 3, c_pitch = c.columns + 5;
    const Tensor a = random_tensor(Shape{c.rows, a_pitch}, 1), b = random_tensor(Shape{c.taps, c.depth, c.columns}, 2), addend = random_tensor(Shape{c.rows, c_pitch}, 3), bias = random_tensor(Shape{width}, 4);
    Tensor packed = Tensor::zeros(Shape{c.taps * c.depth, width});
    cpu::for_packed_columns(width, c.taps * c.depth, lanes, [&](std::int64_t column, std::int64_t place, std::int64_t panel) {
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
    multiply(product);
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

}  // namespace regulus::testing
