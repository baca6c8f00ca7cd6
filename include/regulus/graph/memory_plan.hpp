#pragma once
// Where each value lives: offsets in one arena, so that values whose lives do not overlap share bytes.
#include <cstddef>
#include <vector>

#include <regulus/graph/graph.hpp>

namespace regulus {

/// What a backend asks of the planner. Sizes are bytes in the backend's own layouts.
struct MemoryRequest {
    std::vector<std::size_t> value_bytes;    // per value; 0: lives elsewhere (a graph input) or nowhere
    std::vector<std::size_t> scratch_bytes;  // per node; alive while the node runs
    std::vector<ValueId> shares;             // per value: the value whose bytes it takes over (written in place), or no_value
    std::vector<NodeId> needed_until = {};   // per value: a node beyond its lifetime that reads it, or -1; empty: none
};

struct MemoryPlan {
    static constexpr std::size_t nowhere = std::size_t(-1);
    std::vector<std::size_t> value_offset;
    std::vector<std::size_t> scratch_offset;
    std::size_t peak = 0;          // bytes of the arena
    std::size_t sum_of_values = 0;  // what the values would take without sharing
};

/// First and last node that touch each value. Inputs of the graph live from its first node on, wherever they were recorded, because they are written before any node runs; outputs
/// live to the end. Counts live as long as what they count.
struct Lifetime {
    NodeId first = -1;
    NodeId last = -1;
};
std::vector<Lifetime> lifetimes(const Graph& graph);

/// Greedy placement, largest first, at the lowest free offset; every offset is a multiple of 64.
MemoryPlan plan_memory(const Graph& graph, const MemoryRequest& request);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/memory_plan-impl.hpp>
#endif
