#pragma once
// converters/: the one place that knows how other programs name parameters. It includes graph/ and weights/.
// Here: a table of rewriting rules, read in both directions.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>

namespace regulus {

/// One line of a table: the same parameters in a foreign spelling and in ours.
///
///     {x}    a number; {x+1} stands for that number plus one (each side may have its own summand)
///     *      the rest of the name, one character or more; only at the end
///
/// Each number of one side occurs on the other. One that a side has twice matches only equal numbers (torchvision's block3.block3-6).
struct NameRule {
    std::string_view foreign;
    std::string_view ours;
};

/// `name` rewritten from one pattern to the other; nothing when it does not match, or a number would become negative or exceed nine digits.
std::optional<std::string> rewrite_name(std::string_view name, std::string_view from, std::string_view to);

/// How one code base names the parameters of one kind of model.
struct NameTable {
    std::string code_base;        ///< "mmdetection"
    std::string kind;             ///< "R-CNN": which of its models
    std::vector<NameRule> rules;  ///< the first that fits decides; of two spellings of one thing, today's comes first
    std::string node{};           ///< a node that only graphs of this kind have, for code bases that name like parameters of two kinds differently; empty: none

    std::optional<std::string> to_ours(std::string_view foreign) const;
    std::optional<std::string> to_foreign(std::string_view ours) const;
};

/// All tables that Regulus has.
const std::vector<NameTable>& name_tables();

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/converters/name_table-impl.hpp>
#endif
