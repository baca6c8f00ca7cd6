#pragma once
// What kernels of tile products share: where results go, the blocks of a task one after the other, rows in parts.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/tile_functions-impl.hpp>
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
    MapPlace dst{}, residual{};
    std::int64_t pitch = 0;  // elements from a row's result to the next one's in a stretch
    bool adds = false, relu = false;
    bool shares_residual = false;  // the rows of a stretch have one row of residuals

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
        result.shares_residual = shares_residual;
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

/// Elements from one row of bfloat16 factors to the next: not such a power of two that rows crowd sets of the caches.
inline std::int64_t packed_pitch_of(std::int64_t steps) { return (steps + (steps % 8 == 0 ? 1 : 0)) * tile_depth; }

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
        result.rows = count;
        return result;
    }
};

/// Some steps of depth of a panel of weights; or none.
struct TilePanel {
    const TileWeights* weights = nullptr;
    std::int64_t group = 0, panel = 0, step = 0, steps = 0;
};

/// The tiles of panels, one after the other: where weights have them, or split while the panel before is multiplied.
class PanelTiles {
public:
    /// Of the memory, for panels of at most so many steps.
    static std::int64_t floats(const TileWeights& weights, std::int64_t steps) { return weights.is_late() ? 2 * elements(steps) * std::int64_t(sizeof(Bf16)) / std::int64_t(sizeof(float)) : 0; }

    PanelTiles(const TileFunctions& tiles, float* memory, std::int64_t steps) : tiles_(tiles), memory_(reinterpret_cast<Bf16*>(memory)), elements_(elements(steps)) {}

    /// Lets a product read a panel, and get its share of `next` ready.
    template <class Product>
    void set(Product& product, const TilePanel& panel, const TilePanel& next, const Share& share) {
        product.column_tiles = panel.weights->column_tiles(panel.panel);
        if (next.weights != nullptr && !next.weights->is_late()) product.ahead = next.weights->ahead(next.group, next.panel, next.step, next.steps, share);
        if (!panel.weights->is_late()) {
            product.b = panel.weights->tiles(panel.group, panel.panel, panel.step);
            return;
        }
        if constexpr (std::is_same_v<Product, SplitProduct>) {
            product.b = tiles_of(panel);
            if (next.weights != nullptr && next.weights->is_late()) product.split = share_of(next, share);
        }
    }

private:
    static std::int64_t elements(std::int64_t steps) { return steps * split_parts * block_columns * tile_depth; }

    /// Of a panel that is ready, or at once.
    const Bf16* tiles_of(const TilePanel& panel) {
        SplitAhead all = panel.weights->late_tiles(panel.group, panel.panel, panel.step, panel.steps);
        if (!held_[turn_].is(all)) turn_ = 1 - turn_;
        if (!held_[turn_].is(all)) {
            held_[turn_] = {all.from, all.factors};
            all.to = memory(turn_);
            tiles_.split_weights(all);
        }
        return memory(turn_);
    }

    SplitAhead share_of(const TilePanel& next, const Share& share) {
        SplitAhead result = next.weights->late_tiles(next.group, next.panel, next.step, next.steps);
        if (share.last == share.all) held_[1 - turn_] = {result.from, result.factors};
        const std::int64_t of_step = result.column_tiles * tile_rows, first = share.begin(result.left);
        result.left = share.end(result.left) - first;
        result.from += first * tile_depth;
        result.to = memory(1 - turn_) + (first / of_step * split_parts * of_step + first % of_step) * tile_depth;
        result.line = first % of_step;
        return result;
    }

    Bf16* memory(int turn) const { return memory_ + turn * elements_; }

    /// What weights a memory has.
    struct Held {
        const float* from = nullptr;
        std::array<float, SplitAhead::most_terms> factors{};

        bool is(const SplitAhead& other) const { return from == other.from && factors == other.factors; }
    };

    const TileFunctions& tiles_;
    Bf16* memory_;  // of two panels, elements_ apart
    std::int64_t elements_;
    Held held_[2];
    int turn_ = 0;
};

/// Products of rows with groups of weights, one after the other. Between construction and finish() the thread makes no other products.
class RowProducts {
public:
    /// Of the memory, for so many rows.
    static std::int64_t floats(const TileWeights& weights, std::int64_t rows) {
        const std::int64_t elements = weights.factors() == TileFactors::split ? SplitRows::elements(rows, weights.steps()) : (rows + block_rows - 1) / block_rows * block_rows * packed_pitch_of(weights.steps());
        return TileBlocks::floats + PanelTiles::floats(weights, weights.steps()) + elements * std::int64_t(sizeof(Bf16)) / std::int64_t(sizeof(float));
    }

    RowProducts(const TileWeights& weights, float* memory)
        : weights_(weights), panels_(tiles_, memory + TileBlocks::floats, weights.steps()), packed_(reinterpret_cast<Bf16*>(memory + TileBlocks::floats + PanelTiles::floats(weights, weights.steps()))),
          blocks_(tiles_, memory) {
        tiles_.begin();
    }

    /// Takes `count` rows of `depth` floats, `pitch` apart.
    void set_rows(const float* from, std::int64_t pitch, std::int64_t count, std::int64_t depth) {
        count_ = count;
        for (std::int64_t row = 0; row < count; ++row, from += pitch) {
            if (splits()) tiles_.split(from, depth, split_rows().at(row), weights_.steps());
            else tiles_.narrow(from, start_row(row, depth), depth);
        }
    }

    /// The same of bfloat16, for weights of it.
    void set_rows(const Bf16* from, std::int64_t pitch, std::int64_t count, std::int64_t depth) {
        count_ = count;
        for (std::int64_t row = 0; row < count; ++row, from += pitch) std::memcpy(start_row(row, depth), from, std::size_t(depth) * sizeof(Bf16));
    }

    /// place(result, row, count, panel) adds to `result` where a panel's columns of rows [row, row + count) belong. `next` is the group that comes next, if one does.
    template <class Place>
    void multiply(std::int64_t group, std::int64_t next, const TileOutput& output, const Place& place) {
        const std::int64_t most = splits() ? split_block_rows : block_rows;
        const DepthRun depth{0, weights_.steps()};
        for (std::int64_t panel = 0; panel < weights_.panels(); ++panel) {
            const TilePanel now{&weights_, group, panel, 0, depth.steps};
            const TilePanel then = panel + 1 < weights_.panels() ? TilePanel{&weights_, group, panel + 1, 0, depth.steps} : next < weights_.groups() ? TilePanel{&weights_, next, 0, 0, depth.steps} : TilePanel{};
            for (std::int64_t row = 0; row < count_; row += most) {
                const std::int64_t count = std::min(most, count_ - row);
                output.start(blocks_.next(), weights_, group, panel);
                place(blocks_.next(), row, count, panel);
                const auto finish = [&](auto product) {
                    panels_.set(product, now, then, {row, row + count, count_});
                    product.rows = count;
                    blocks_.multiply(product);
                };
                if (splits()) {
                    finish(split_rows().product(row, count));
                    continue;
                }
                TileProduct product;
                product.a_pitch = packed_pitch_of(weights_.steps());
                product.a = packed_ + row * product.a_pitch;
                product.runs = &depth;
                product.run_count = 1;
                finish(product);
            }
        }
    }

    void finish() {
        blocks_.finish();
        tiles_.end();
    }

private:
    bool splits() const { return weights_.factors() == TileFactors::split; }
    SplitRows split_rows() const { return {packed_, weights_.steps()}; }

    /// Where a row of bfloat16 belongs; behind its depth are zeros.
    Bf16* start_row(std::int64_t row, std::int64_t depth) {
        const std::int64_t pitch = packed_pitch_of(weights_.steps());
        Bf16* const to = packed_ + row * pitch;
        std::fill(to + depth, to + pitch, Bf16(0));
        return to;
    }

    const TileFunctions& tiles_ = tile_functions();
    const TileWeights& weights_;
    PanelTiles panels_;
    Bf16* packed_;
    TileBlocks blocks_;
    std::int64_t count_ = 0;
};

}  // namespace regulus::cpu
