#pragma once
// Pointwise convolutions of a map that another kernel has just made a part of.
#include <cstdint>
#include <memory>
#include <vector>

#include <regulus/cpu/matrix_kernels-impl.hpp>
#include <regulus/cpu/tile_blocks-impl.hpp>

namespace regulus::cpu {

/// Their weights beside each other, and where their outputs go.
struct PixelReaders {
    struct Output {
        Place dst;
        std::int64_t first = 0, channels = 0;  // columns of the product
        bool relu = false;
    };
    std::shared_ptr<const PackedMatrix> weights;
    std::shared_ptr<const TileWeights> tiles;  // of parts; one of the two is null
    std::vector<Output> outputs;

    /// Columns of the product.
    std::int64_t width() const { return tiles ? tiles->columns() : weights->width; }

    /// What multiply() needs besides for `count` pixels.
    std::int64_t scratch_floats(std::int64_t count) const { return tiles ? RowProducts::floats(*tiles, count) : 0; }

    /// The product of `count` pixels of `depth` channels, `pitch` floats apart, with biases and before activations, to lines of width() floats.
    void multiply(const float* pixels, std::int64_t pitch, std::int64_t count, std::int64_t depth, float* to, float* scratch) const {
        if (tiles) return multiply_split(pixels, pitch, count, depth, to, scratch);
        MatrixProduct product;
        product.a = pixels;
        product.a_pitch = pitch;
        product.rows = count;
        product.depth = depth;
        product.b = weights->matrix.data<float>();
        product.bias = weights->bias.data<float>();
        product.width = product.stored = product.c_pitch = weights->width;
        product.c = to;
        matrix_functions().multiply(product);
    }

private:
    void multiply_split(const float* pixels, std::int64_t pitch, std::int64_t count, std::int64_t depth, float* to, float* scratch) const {
        RowProducts products(*tiles, scratch);
        products.set_rows(pixels, pitch, count, depth);
        products.multiply(0, 1, {.pitch = width()}, [&](TileResult& result, std::int64_t row, std::int64_t rows, std::int64_t panel) {
            result.add({0, rows, reinterpret_cast<std::byte*>(to + row * width() + panel * block_columns), nullptr});
        });
        products.finish();
    }
};

}  // namespace regulus::cpu
