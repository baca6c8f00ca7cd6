#pragma once
// Weights of other programs under our names, and ours under theirs.
#include <string>

#include <regulus/converters/name_table.hpp>
#include <regulus/graph/graph.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

/// How many tensors of a file are asked for their names before a table is chosen. No network has as many; a file may.
inline constexpr std::size_t names_looked_at = 10'000;

/// The table whose rewriting hits the most parameters of the graph, or nullptr when none beats the names as they are
/// (the weights are our own already, or nobody's).
const NameTable* recognise_names(const Weights& weights, const Graph& graph);

/// The same for a code base of that name, from the graph alone: the table that can name the most of its parameters; of equal ones that for graphs of its kind.
/// Throws ArgumentError, listing the known ones, for an unknown code base and for one that does not name this graph's parameters.
const NameTable& names_of(const std::string& code_base, const Graph& graph);

/// Weights under Regulus's names; elements are shared, not copied. The code base is recognised from the names. Counters that no model
/// uses (num_batches_tracked) are dropped; a name that no rule knows stays as it is, so that binding reports it.
/// metadata["regulus.names"] of the result says which code base was recognised.
/// Values follow the table's ValueRules; heads of mmdetection 1.x, which have the background first, get today's order of classes.
Weights to_regulus(const Weights& foreign, const Graph& graph);

/// The text of a WeightError of binding such weights, with their code base's name behind each of ours: people know the file by its own names.
std::string with_foreign_names(const std::string& text, const Weights& foreign, const Graph& graph);

/// Our weights under the names of `code_base`, with the num_batches_tracked (0) that its norms keep, if they do. Throws ArgumentError as names_of
/// does, WeightError for a parameter that the table cannot name. There and back gives the same bits; only rows of a background that we do not
/// keep (ValueRule) come back as zeros.
Weights from_regulus(const Weights& ours, const Graph& graph, const std::string& code_base);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/converters/convert-impl.hpp>
#endif
