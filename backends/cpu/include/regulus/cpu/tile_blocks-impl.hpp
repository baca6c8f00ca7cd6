#pragma once
// What kernels of tile products share: where results go, the blocks of a task one after the other, rows in parts.
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <regulus/cpu/amx_tiles-impl.hpp>
#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/tile_weights-impl.hpp>

namespace regulus::cpu {

/// A place whose elements are float32 or bfloat16.
struct MapPlace {
    Place place;
    bool is_bf16 = false;

    static MapPlace of(const NodeContext& context, ValueId id) { return {context.place(id), context.is_bf16(id)}; }
    std::byte* at(const Run& run, std::int64_t element) const { return static_cast<std::byte*>(run.at(place)) + std::size_t(element) * element_bytes(is_bf16); }
};

/// Where a kernel's results go, and what is added to them before.
struct TileOutput {
    MapPlace dst, residual;
    std::int64_t pitch = 0;  // elements from a row's result to the next one's in a stretch
    bool adds = false, relu = false;

    /// Of a panel's columns, no rows yet.
    void start(TileResult& result, const TileWeights& weights, std::int64_t group, std::int64_t panel) const {
        result.clear();
        result.columns = std::min(block_columns, weights.columns() - panel * block_columns);
        result.bias = weights.bias(group, panel);
        result.pitch = pitch;
        result.adds = adds;
        result.relu = relu;
        result.is_bf16 = dst.is_bf16;
        result.residual_is_bf16 = residual.is_bf16;
    }

    /// Rows [first, first + rows), of which the first one's results begin at `element`.
    void add_rows(TileResult& result, const Run& run, std::int64_t first, std::int64_t rows, std::int64_t element) const {
        result.add({first, rows, dst.at(run, element), adds ? residual.at(run, element) : nullptr});
    }
};

/// The blocks of a task, one after the other: each one's sums are stored while the next one is multiplied.
class TileBlocks {
public:
    static constexpr std::int64_t floats = 2 * block_rows * block_columns;

    TileBlocks(const TileFunctions& tiles, float* memory) : tiles_(tiles), memory_(memory) {}

    /// What becomes of the next product's sums; all but where they are.
    TileResult& next() { return results_[turn_]; }

    /// Sums lie in the product's memory if it has some. is_done: they are whole, and next() says what becomes of them.
    template <class Product>
    void multiply(Product product, bool is_done = true) {
        if (product.sums == nullptr) product.sums = memory_ + turn_ * block_rows * block_columns;
        if constexpr (std::is_same_v<Product, SplitProduct>) tiles_.multiply_split(product, results_[1 - turn_]);
        else tiles_.multiply(product, results_[1 - turn_]);
        results_[turn_].sums = product.sums;
        if (!is_done) results_[turn_].clear();
        turn_ = 1 - turn_;
    }
    void finish() { tiles_.store(results_[1 - turn_]); }

private:
    const TileFunctions& tiles_;
    float* memory_;
    TileResult results_[2];
    int turn_ = 0;
};

/// Rows of float32 factors in parts, as SplitProduct reads them.
struct SplitRows {
    Bf16* packed = nullptr;
    std::int64_t steps = 0;

    static std::int64_t elements(std::int64_t rows, std::int64_t steps) { return (rows + tile_rows - 1) / tile_rows * steps * split_tile_elements; }

    /// Where a row's parts from a step of depth on belong.
    Bf16* at(std::int64_t row, std::int64_t step = 0) const { return packed + (row / tile_rows * steps + step) * split_tile_elements + row % tile_rows * tile_depth; }

    /// Of rows [row, row + count), `row` a multiple of 16; without b.
    SplitProduct product(std::int64_t row, std::int64_t count) const {
        SplitProduct result;
        result.a = at(row);
        result.a_pitch = steps * split_tile_elements;
        result.steps = steps;
        result.row_tiles = int((count + tile_rows - 1) / tile_rows);
        return result;
    }
};

/// Products of rows in parts with groups of weights, one after the other. Between construction and finish() the thread makes no other products.
class SplitProducts {
public:
    /// Of the memory, for so many rows.
    static std::int64_t floats(std::int64_t rows, std::int64_t steps) { return TileBlocks::floats + SplitRows::elements(rows, steps) * std::int64_t(sizeof(Bf16)) / std::int64_t(sizeof(float)); }

    SplitProducts(float* memory, std::int64_t steps) : rows_{reinterpret_cast<Bf16*>(memory + TileBlocks::floats), steps}, blocks_(tiles_, memory) { tiles_.begin(); }

    /// Takes `count` rows of `depth` floats, `pitch` apart.
    void set_rows(const float* from, std::int64_t pitch, std::int64_t count, std::int64_t depth) {
        count_ = count;
        for (std::int64_t row = 0; row < count; ++row) tiles_.split(from + row * pitch, depth, rows_.at(row), rows_.steps);
    }

    /// place(result, row, count, panel) adds to `result` where a panel's columns of rows [row, row + count) belong.
    template <class Place>
    void multiply(const TileWeights& weights, std::int64_t group, const TileOutput& output, const Place& place) {
        const std::int64_t turns = (count_ + split_block_rows - 1) / split_block_rows;
        for (std::int64_t panel = 0; panel < weights.panels(); ++panel) {
            for (std::int64_t row = 0; row < count_; row += split_block_rows) {
                const std::int64_t count = std::min(split_block_rows, count_ - row);
                SplitProduct product = rows_.product(row, count);
                product.b = weights.tiles(group, panel);
                product.column_tiles = weights.column_tiles(panel);
                product.fetch(weights.tiles(group, panel + 1), product.column_tiles, row / split_block_rows, turns);  // the next group lies behind
                output.start(blocks_.next(), weights, group, panel);
                place(blocks_.next(), row, count, panel);
                blocks_.multiply(product);
            }
        }
    }

    void finish() {
        blocks_.finish();
        tiles_.end();
    }

private:
    const TileFunctions& tiles_ = tile_functions();
    SplitRows rows_;
    TileBlocks blocks_;
    std::int64_t count_ = 0;
};

}  // namespace regulus::cpu
