#pragma once
// Boxes that somebody else proposes, for detectors that look into given ones.
#include <array>
#include <span>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/preprocess.hpp>
#include <regulus/graph/graph.hpp>

namespace regulus {

/// Of one picture, best first: x1 y1 x2 y2 in pixels of the picture as read.
using ProposalList = std::vector<std::array<float, 4>>;

/// How many boxes a picture a graph takes beside its pictures; 0: it proposes its own.
int proposal_limit(const Graph& graph);

/// The inputs proposals [n * limit, 4] and proposal_count [n] for a batch: boxes scaled as their pictures were and clipped to them; of those that are left with a
/// width and a height the first `limit`. Throws ShapeError when there are not as many lists as pictures, ArgumentError for a box that is not finite.
/// Source: detectron2's precomputed proposals.
std::array<Tensor, 2> prepare_proposals(std::span<const ProposalList> lists, const PreparedBatch& batch, int limit);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/proposals-impl.hpp>
#endif
