#pragma once
// Weights as tiles of bfloat16, or of the three parts of float32.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <regulus/core/tensor.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/tile_product-impl.hpp>

namespace regulus::cpu {

/// What tiles hold of a factor.
enum class TileFactors { bf16, split };

/// As `explain` says it.
inline const char* reason_of(TileFactors factors) { return factors == TileFactors::split ? "float32 factors in three bfloat16 parts" : "bfloat16 factors, float32 sums"; }

/// For each group the columns in panels of 32 (the last may have 16), each with all its steps of depth, as TileProduct or SplitProduct reads them; and the biases.
class TileWeights {
public:
    /// depths: of each run of a row; weight(group, column, run, place in the run) gives an element; bias(group, column) a bias.
    template <class Weight, class Bias>
    static TileWeights make(TileFactors factors, std::int64_t groups, std::int64_t columns, const std::vector<std::int64_t>& depths, const Weight& weight, const Bias& bias) {
        TileWeights result;
        result.factors_ = factors;
        result.groups_ = groups;
        result.columns_ = columns;
        result.tiles_ = (columns + tile_columns - 1) / tile_columns;
        for (const std::int64_t depth : depths) result.steps_ += (depth + tile_depth - 1) / tile_depth;
        result.elements_ = Tensor::zeros(Shape{groups * result.tiles_ * result.steps_ * result.parts() * tile_elements}, DType::bf16);
        result.bias_ = Tensor::zeros(Shape{groups * result.panels() * block_columns});
        parallel_for(groups * result.panels(), [&](std::int64_t panel) {
            const std::int64_t group = panel / result.panels(), first = panel % result.panels() * block_columns, count = std::min(block_columns, columns - first);
            Bf16* to = static_cast<Bf16*>(result.elements_.raw()) + result.offset(group, panel % result.panels());
            for (std::size_t run = 0; run < depths.size(); ++run) {
                for (std::int64_t depth = 0; depth < depths[run]; depth += tile_depth, to += result.step_elements(panel % result.panels())) {
                    for (std::int64_t column = 0; column < count; ++column) {
                        for (std::int64_t k = 0; k < std::min(tile_depth, depths[run] - depth); ++k) {
                            Bf16* const place = to + column / tile_columns * tile_elements + (k / 2 * tile_columns + column % tile_columns) * 2 + k % 2;
                            const float value = weight(group, first + column, run, depth + k);
                            if (factors == TileFactors::bf16) {
                                *place = bf16_of(value);
                                continue;
                            }
                            const std::array<Bf16, split_parts> split = split_of(value);
                            for (std::int64_t part = 0; part < split_parts; ++part) place[part * result.column_tiles(panel % result.panels()) * tile_elements] = split[std::size_t(part)];
                        }
                    }
                }
            }
            for (std::int64_t column = 0; column < count; ++column) result.bias_.data<float>()[panel * block_columns + column] = bias(group, first + column);
        });
        return result;
    }

    TileFactors factors() const { return factors_; }
    std::size_t bytes() const { return elements_.bytes(); }
    std::int64_t columns() const { return columns_; }  // of a group
    std::int64_t steps() const { return steps_; }
    std::int64_t panels() const { return (tiles_ + 1) / 2; }  // of a group
    int column_tiles(std::int64_t panel) const { return int(std::min<std::int64_t>(2, tiles_ - 2 * panel)); }

    /// A panel's tiles from a step of depth on.
    const Bf16* tiles(std::int64_t group, std::int64_t panel, std::int64_t step = 0) const {
        return static_cast<const Bf16*>(elements_.raw()) + offset(group, panel) + step * step_elements(panel);
    }
    /// Of `steps` steps of these what one of `count` products of as many steps fetches. Behind a group's last panel comes the next group's first.
    FetchedAhead ahead(std::int64_t group, std::int64_t panel, std::int64_t step, std::int64_t steps, std::int64_t product, std::int64_t count) const {
        group += panel / panels();
        panel %= panels();
        if (group == groups_) return {};
        const std::int64_t lines = (step_elements(panel) * std::int64_t(sizeof(Bf16)) / FetchedAhead::line_bytes + count - 1) / count;
        return {reinterpret_cast<const std::byte*>(tiles(group, panel, step)) + product * steps * lines * FetchedAhead::line_bytes, lines};
    }
    const float* bias(std::int64_t group, std::int64_t panel) const { return bias_.data<float>() + (group * panels() + panel) * block_columns; }

private:
    std::int64_t parts() const { return factors_ == TileFactors::split ? split_parts : 1; }
    std::int64_t step_elements(std::int64_t panel) const { return column_tiles(panel) * parts() * tile_elements; }
    std::int64_t offset(std::int64_t group, std::int64_t panel) const { return (group * tiles_ + 2 * panel) * steps_ * parts() * tile_elements; }

    TileFactors factors_ = TileFactors::bf16;
    Tensor elements_, bias_;
    std::int64_t groups_ = 0, columns_ = 0, tiles_ = 0, steps_ = 0;
};

}  // namespace regulus::cpu
