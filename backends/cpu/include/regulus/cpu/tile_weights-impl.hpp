#pragma once
// Weights as tiles of bfloat16.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <regulus/core/tensor.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/tile_product-impl.hpp>

namespace regulus::cpu {

/// For each group the columns in panels of 32 (the last may have 16), each with all its steps of depth, as TileProduct reads them; and the biases.
class TileWeights {
public:
    /// depths: of each run of a row; weight(group, column, run, place in the run) gives an element; bias(group, column) a bias.
    template <class Weight, class Bias>
    static TileWeights make(std::int64_t groups, std::int64_t columns, const std::vector<std::int64_t>& depths, const Weight& weight, const Bias& bias) {
        TileWeights result;
        result.columns_ = columns;
        result.tiles_ = (columns + tile_columns - 1) / tile_columns;
        for (const std::int64_t depth : depths) result.steps_ += (depth + tile_depth - 1) / tile_depth;
        result.elements_ = Tensor::zeros(Shape{groups * result.tiles_ * result.steps_ * tile_elements}, DType::bf16);
        result.bias_ = Tensor::zeros(Shape{groups * result.panels() * block_columns});
        parallel_for(groups * result.panels(), [&](std::int64_t panel) {
            const std::int64_t group = panel / result.panels(), first = panel % result.panels() * block_columns, count = std::min(block_columns, columns - first);
            Bf16* to = static_cast<Bf16*>(result.elements_.raw()) + result.offset(group, panel % result.panels());
            for (std::size_t run = 0; run < depths.size(); ++run) {
                for (std::int64_t depth = 0; depth < depths[run]; depth += tile_depth) {
                    for (std::int64_t tile = 0; tile < result.column_tiles(panel % result.panels()); ++tile, to += tile_elements) {
                        for (std::int64_t column = tile * tile_columns; column < std::min(count, (tile + 1) * tile_columns); ++column) {
                            for (std::int64_t k = 0; k < std::min(tile_depth, depths[run] - depth); ++k) {
                                to[(k / 2 * tile_columns + column % tile_columns) * 2 + k % 2] = bf16_of(weight(group, first + column, run, depth + k));
                            }
                        }
                    }
                }
            }
            for (std::int64_t column = 0; column < count; ++column) result.bias_.data<float>()[panel * block_columns + column] = bias(group, first + column);
        });
        return result;
    }

    std::int64_t columns() const { return columns_; }  // of a group
    std::int64_t steps() const { return steps_; }
    std::int64_t panels() const { return (tiles_ + 1) / 2; }  // of a group
    int column_tiles(std::int64_t panel) const { return int(std::min<std::int64_t>(2, tiles_ - 2 * panel)); }

    /// A panel's tiles from a step of depth on.
    const Bf16* tiles(std::int64_t group, std::int64_t panel, std::int64_t step = 0) const {
        return static_cast<const Bf16*>(elements_.raw()) + offset(group, panel) + step * column_tiles(panel) * tile_elements;
    }
    const float* bias(std::int64_t group, std::int64_t panel) const { return bias_.data<float>() + (group * panels() + panel) * block_columns; }

private:
    std::int64_t offset(std::int64_t group, std::int64_t panel) const { return (group * tiles_ + 2 * panel) * steps_ * tile_elements; }

    Tensor elements_, bias_;
    std::int64_t columns_ = 0, tiles_ = 0, steps_ = 0;
};

}  // namespace regulus::cpu
