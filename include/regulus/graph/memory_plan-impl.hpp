#pragma once
#include <algorithm>
#include <numeric>

#include <regulus/graph/memory_plan.hpp>

namespace regulus {

REGULUS_INLINE std::vector<Lifetime> lifetimes(const Graph& graph) {
    std::vector<Lifetime> lives(graph.values.size());
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        const Node& node = graph.nodes[id];
        for (const ValueId out : node.outputs) lives[std::size_t(out)] = {NodeId(id), NodeId(id)};
        for (const ValueId in : node.inputs) {
            lives[std::size_t(in)].last = NodeId(id);
        }
    }
    for (const ValueId id : graph.inputs) lives[std::size_t(id)].first = 0;
    for (const auto& [name, id] : graph.outputs) lives[std::size_t(id)].last = NodeId(graph.nodes.size());
    for (std::size_t id = 0; id < graph.values.size(); ++id) {
        const ValueId count = graph.values[id].count;
        if (count != no_value) lives[std::size_t(count)].last = std::max(lives[std::size_t(count)].last, lives[id].last);
    }
    return lives;
}

REGULUS_INLINE MemoryPlan plan_memory(const Graph& graph, const MemoryRequest& request) {
    struct Block {
        std::size_t bytes;
        NodeId first, last;
        std::size_t offset = MemoryPlan::nowhere;
    };
    constexpr std::size_t alignment = 64;
    const auto rounded = [](std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; };
    std::vector<Lifetime> lives = lifetimes(graph);
    for (std::size_t id = 0; id < request.needed_until.size(); ++id) lives[id].last = std::max(lives[id].last, request.needed_until[id]);
    const std::size_t values = graph.values.size();
    const std::size_t nodes = graph.nodes.size();

    std::vector<Block> blocks;
    std::vector<int> block_of_value(values, -1), block_of_node(nodes, -1);
    MemoryPlan plan;
    for (const Node& node : graph.nodes) {  // in order, so that a shared block exists before its second tenant
        for (const ValueId out : node.outputs) {
            const std::size_t id = std::size_t(out);
            if (request.value_bytes[id] == 0) continue;
            plan.sum_of_values += request.value_bytes[id];
            const ValueId shares = request.shares.empty() ? no_value : request.shares[id];
            if (shares != no_value && block_of_value[std::size_t(shares)] >= 0) {
                block_of_value[id] = block_of_value[std::size_t(shares)];
                Block& block = blocks[std::size_t(block_of_value[id])];
                block.last = std::max(block.last, lives[id].last);
                block.bytes = std::max(block.bytes, rounded(request.value_bytes[id]));
            } else {
                block_of_value[id] = int(blocks.size());
                blocks.push_back({rounded(request.value_bytes[id]), lives[id].first, std::max(lives[id].first, lives[id].last)});
            }
        }
    }
    for (std::size_t id = 0; id < nodes; ++id) {
        if (request.scratch_bytes.empty() || request.scratch_bytes[id] == 0) continue;
        block_of_node[id] = int(blocks.size());
        blocks.push_back({rounded(request.scratch_bytes[id]), NodeId(id), NodeId(id)});
    }

    std::vector<std::size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
    std::vector<const Block*> placed;  // by rising offset
    for (const std::size_t index : order) {
        Block& block = blocks[index];
        std::size_t offset = 0;
        for (const Block* other : placed) {
            const bool both_alive = block.first <= other->last && other->first <= block.last;
            if (!both_alive || other->offset + other->bytes <= offset) continue;
            if (other->offset >= offset + block.bytes) break;
            offset = other->offset + other->bytes;
        }
        block.offset = offset;
        placed.insert(std::upper_bound(placed.begin(), placed.end(), offset, [](std::size_t at, const Block* other) { return at < other->offset; }), &block);
        plan.peak = std::max(plan.peak, offset + block.bytes);
    }

    plan.value_offset.assign(values, MemoryPlan::nowhere);
    plan.scratch_offset.assign(nodes, MemoryPlan::nowhere);
    for (std::size_t id = 0; id < values; ++id) {
        if (block_of_value[id] >= 0) plan.value_offset[id] = blocks[std::size_t(block_of_value[id])].offset;
    }
    for (std::size_t id = 0; id < nodes; ++id) {
        if (block_of_node[id] >= 0) plan.scratch_offset[id] = blocks[std::size_t(block_of_node[id])].offset;
    }
    return plan;
}

}  // namespace regulus
