#pragma once
// converters/: the one place that knows how other programs name parameters. It includes graph/ and weights/.
// Here: a table of rewriting rules, read in both directions.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>

namespace regulus {

/// What changes besides the name, said from the foreign side; the way back is the inverse. Sizes are of the first axis.
enum class ValueRule : std::uint8_t {
    keep,
    background_first,        ///< [1 + classes]: row 0 is the background, which ours has last
    background_boxes_first,  ///< [4 + 4 classes]: the background's four rows come first; ours has none, and zeros go back
    background_mask_first,   ///< [1 + classes]: row 0 is the background; ours has none, and zeros go back
    anchors_by_scale,        ///< [9 k]: blocks of k rows for three scales by three ratios; ours is by ratio, unless the graph's own anchors are by scale
};

/// One line of a table: the same parameters in a foreign spelling and in ours.
///
///     {x}    a number; {x+1} stands for that number plus one (each side may have its own summand)
///     *      the rest of the name, one character or more; only at the end
///
/// An empty `ours` is something that files hold and no network needs.
/// Each number of one side occurs on the other. One that a side has twice matches only equal numbers (torchvision's block3.block3-6).
struct NameRule {
    std::string_view foreign;
    std::string_view ours;
    ValueRule values = ValueRule::keep;
};

/// A name on the other side, and what its values need.
struct Renamed {
    std::string name;
    ValueRule values = ValueRule::keep;
};

/// `name` rewritten from one pattern to the other; nothing when it does not match, or a number would become negative or exceed nine digits.
std::optional<std::string> rewrite_name(std::string_view name, std::string_view from, std::string_view to);

/// How one code base names the parameters of one kind of model.
struct NameTable {
    std::string code_base;        ///< "mmdetection"
    std::string kind;             ///< "R-CNN": which of its models
    std::vector<NameRule> rules;  ///< the first that fits decides; of two spellings of one thing, today's comes first
    std::string node{};           ///< a node that only graphs of this kind have, for code bases that name like parameters of two kinds differently; empty: none

    bool counts_batches = true;   ///< its norms keep num_batches_tracked
    /// Its norms are y = scale x + shift: weight and bias, read as norms of mean 0 and variance 1 (detectron2 does so too: the epsilon of 1e-5 makes them
    /// 5e-6 smaller). Writing folds mean and variance into them, or leaves weight and bias as they are where mean is 0 and variance 1.
    bool affine_norms = false;

    /// Our name; "" for what no network needs; nothing for a name that no rule knows.
    std::optional<std::string> to_ours(std::string_view foreign) const;
    std::optional<std::string> to_foreign(std::string_view ours) const;
    std::optional<Renamed> renamed_to_ours(std::string_view foreign) const;
    std::optional<Renamed> renamed_to_foreign(std::string_view ours) const;
};

namespace detail::names {

/// A table of two parts for files whose norms are frozen, so that they count no batches.
template <std::size_t A, std::size_t B>
NameTable frozen_table(const char* code_base, const char* kind, const NameRule (&first)[A], const NameRule (&second)[B], const char* node = "") {
    NameTable table{code_base, kind, {first, first + A}, node};
    table.rules.insert(table.rules.end(), second, second + B);
    table.counts_batches = false;
    return table;
}

}  // namespace detail::names

/// All tables that Regulus has.
const std::vector<NameTable>& name_tables();

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/converters/name_table-impl.hpp>
#endif
