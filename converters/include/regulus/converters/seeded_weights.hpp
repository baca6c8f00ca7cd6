#pragma once
// Weights that are a fixed function of the peer's parameter names: any model runs without a checkpoint, and full-size networks can be
// compared between programs without storing their weights.
#include <cstdint>
#include <string>
#include <string_view>

#include <regulus/core/config.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/graph/graph.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

/// Element i of the numbers in [0, 1) that belong to a name: a multiple of 2^-24 from splitmix64, started at the name's hash.
constexpr double seeded_uniform(std::uint64_t name_hash, std::uint64_t salt, std::uint64_t i) noexcept { return random_uniform(name_hash ^ salt, i); }

/// The rule's values for an entry of a peer's state dict:
///     two or more axes                        (2u - 1) * sqrt(6 / (shape[1] * shape[2] * ...))
///     one axis, ...weight or ...running_var   0.5 + u
///     one axis, ...bias or ...running_mean    (2u - 1) * 0.1
///     ...num_batches_tracked                  0 (int64)
/// in double, rounded once. Throws ArgumentError for a name and shape that the rule does not cover.
Tensor seeded_tensor(std::string_view peer_name, const Shape& shape, std::uint64_t salt);

/// Weights for all parameters of a graph, under our names, seeded by the names that `code_base` gives them. Throws as names_of does.
Weights seeded_weights(const Graph& graph, const std::string& code_base, std::uint64_t salt = 0);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/converters/seeded_weights-impl.hpp>
#endif
