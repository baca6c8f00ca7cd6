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

/// Of what some products share: from `first` to `last` of `all` equal pieces.
struct Share {
    std::int64_t first = 0, last = 1, all = 1;

    std::int64_t begin(std::int64_t count) const { return count * first / all; }
    std::int64_t end(std::int64_t count) const { return count * last / all; }
};

/// For each group the columns in panels of 32 (the last may have 16), each with all its steps of depth, as TileProduct or SplitProduct reads them; and the biases.
///
/// Weights whose parts would crowd the last-level cache stay float32, in the same order, and are split by who multiplies with them (PanelTiles): a third less of memory.
class TileWeights {
public:
    TileWeights() = default;

    /// depths: of each run of a row; weight(group, column, run, place in the run) gives an element; bias(group, column) a bias.
    template <class Weight, class Bias>
    static TileWeights make(TileFactors factors, std::int64_t groups, std::int64_t columns, const std::vector<std::int64_t>& depths, const Weight& weight, const Bias& bias) {
        TileWeights result(factors, groups, columns, depths);
        result.is_late_ = factors == TileFactors::split && groups * result.offset(1, 0) * std::int64_t(sizeof(Bf16)) > most_bytes_of_parts;
        result.fill(groups, depths, weight);
        parallel_for(groups * result.panels(), [&](std::int64_t panel) {
            const std::int64_t first = panel % result.panels() * block_columns, count = std::min(block_columns, columns - first);
            for (std::int64_t column = 0; column < count; ++column) result.bias_.data<float>()[panel * block_columns + column] = bias(panel / result.panels(), first + column);
        });
        return result;
    }

    /// To be split by who multiplies: group g is the sum of three terms, number 3 (g / n) and the two behind it, times factors[g % n], of which there are n.
    /// weight(term, column, depth) gives an element. Without biases.
    template <class Weight>
    static TileWeights make_sums(std::int64_t terms, std::int64_t columns, std::int64_t depth, std::vector<std::array<float, SplitAhead::most_terms>> factors, const Weight& weight) {
        TileWeights result(TileFactors::split, terms / SplitAhead::most_terms * std::int64_t(factors.size()), columns, {depth});
        result.is_late_ = true;
        result.term_factors_ = std::move(factors);
        result.fill(terms, {depth}, [&](std::int64_t term, std::int64_t column, std::size_t, std::int64_t k) { return weight(term, column, k); });
        return result;
    }

    TileFactors factors() const { return factors_; }
    std::size_t bytes() const { return elements_.bytes(); }
    std::int64_t groups() const { return groups_; }
    std::int64_t columns() const { return columns_; }  // of a group
    std::int64_t steps() const { return steps_; }
    std::int64_t panels() const { return (tiles_ + 1) / 2; }  // of a group
    int column_tiles(std::int64_t panel) const { return int(std::min<std::int64_t>(2, tiles_ - 2 * panel)); }
    bool is_late() const { return is_late_; }

    /// A panel's tiles from a step of depth on, if they are there.
    const Bf16* tiles(std::int64_t group, std::int64_t panel, std::int64_t step = 0) const {
        return static_cast<const Bf16*>(elements_.raw()) + offset(group, panel) + step * step_elements(panel);
    }

    /// What splits `steps` steps of a panel, into memory still to be named.
    SplitAhead late_tiles(std::int64_t group, std::int64_t panel, std::int64_t step, std::int64_t steps) const {
        SplitAhead result;
        result.column_tiles = column_tiles(panel);
        result.left = steps * result.column_tiles * tile_rows;
        if (!term_factors_.empty()) {
            const std::int64_t shared = std::int64_t(term_factors_.size());
            result.terms = SplitAhead::most_terms;
            result.term_distance = offset(1, 0);
            result.factors = term_factors_[std::size_t(group % shared)];
            group = group / shared * SplitAhead::most_terms;
        }
        result.from = static_cast<const float*>(elements_.raw()) + offset(group, panel) + step * step_elements(panel);
        return result;
    }

    /// What a product of as many steps fetches of `steps` steps of a panel.
    FetchedAhead ahead(std::int64_t group, std::int64_t panel, std::int64_t step, std::int64_t steps, const Share& share) const {
        const std::int64_t lines = steps * step_elements(panel) * std::int64_t(sizeof(Bf16)) / FetchedAhead::line_bytes, first = share.begin(lines);
        return {reinterpret_cast<const std::byte*>(tiles(group, panel, step)) + first * FetchedAhead::line_bytes, (share.end(lines) - first + steps - 1) / steps};
    }
    const float* bias(std::int64_t group, std::int64_t panel) const { return bias_.data<float>() + (group * panels() + panel) * block_columns; }

private:
    static constexpr std::int64_t most_bytes_of_parts = 20 << 20;

    TileWeights(TileFactors factors, std::int64_t groups, std::int64_t columns, const std::vector<std::int64_t>& depths)
        : factors_(factors), groups_(groups), columns_(columns), tiles_((columns + tile_columns - 1) / tile_columns) {
        for (const std::int64_t depth : depths) steps_ += (depth + tile_depth - 1) / tile_depth;
        bias_ = Tensor::zeros(Shape{groups * panels() * block_columns});
    }

    template <class Weight>
    void fill(std::int64_t matrices, const std::vector<std::int64_t>& depths, const Weight& weight) {
        elements_ = Tensor::zeros(Shape{matrices * offset(1, 0)}, is_late_ ? DType::f32 : DType::bf16);
        parallel_for(matrices * panels(), [&](std::int64_t number) {
            const std::int64_t matrix = number / panels(), panel = number % panels(), first = panel * block_columns, count = std::min(block_columns, columns_ - first);
            std::int64_t to = offset(matrix, panel);
            for (std::size_t run = 0; run < depths.size(); ++run) {
                for (std::int64_t depth = 0; depth < depths[run]; depth += tile_depth, to += step_elements(panel)) {
                    for (std::int64_t column = 0; column < count; ++column) {
                        for (std::int64_t k = 0; k < std::min(tile_depth, depths[run] - depth); ++k) {
                            const std::int64_t place = to + column / tile_columns * tile_elements + (k / 2 * tile_columns + column % tile_columns) * 2 + k % 2;
                            store(place, column_tiles(panel) * tile_elements, weight(matrix, first + column, run, depth + k));
                        }
                    }
                }
            }
        });
    }

    /// An element or its parts, `distance` elements apart.
    void store(std::int64_t place, std::int64_t distance, float value) {
        Bf16* const to = static_cast<Bf16*>(elements_.raw());
        if (is_late_) {
            elements_.data<float>()[place] = value;
        } else if (factors_ == TileFactors::bf16) {
            to[place] = bf16_of(value);
        } else {
            for (const Bf16 part : split_of(value)) {
                to[place] = part;
                place += distance;
            }
        }
    }

    std::int64_t stored_parts() const { return factors_ == TileFactors::split && !is_late_ ? split_parts : 1; }
    std::int64_t step_elements(std::int64_t panel) const { return column_tiles(panel) * stored_parts() * tile_elements; }
    std::int64_t offset(std::int64_t matrix, std::int64_t panel) const { return (matrix * tiles_ + 2 * panel) * steps_ * stored_parts() * tile_elements; }

    TileFactors factors_ = TileFactors::bf16;
    Tensor elements_, bias_;
    std::int64_t groups_ = 0, columns_ = 0, tiles_ = 0, steps_ = 0;
    bool is_late_ = false;
    std::vector<std::array<float, SplitAhead::most_terms>> term_factors_;  // or none: a group is one matrix
};

}  // namespace regulus::cpu
