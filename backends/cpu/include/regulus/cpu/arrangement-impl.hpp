#pragma once
// Which nodes of a graph another node's kernel serves, and which maps lie inside a wider one: decided for one input size, before kernels are made.
#include <algorithm>
#include <numeric>
#include <vector>

#include <regulus/cpu/bf16_convolution-impl.hpp>
#include <regulus/cpu/chosen_boxes-impl.hpp>
#include <regulus/cpu/chosen_logits-impl.hpp>
#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/matrix_kernels-impl.hpp>
#include <regulus/cpu/sibling_convs-impl.hpp>
#include <regulus/cpu/tile_matrix-impl.hpp>
#include <regulus/cpu/transposed_conv-impl.hpp>
#include <regulus/cpu/winograd-impl.hpp>
#include <regulus/graph/memory_plan.hpp>

namespace regulus::cpu {

struct Arrangement {
    std::vector<std::vector<NodeId>> siblings;  // per node: the convolutions that its kernel makes, its own last; empty: its own as ever
    std::vector<std::vector<NodeId>> chosen;    // per transposed convolution: the convolution to logits and the choice that its kernel makes too; per decoding of 3D boxes: the
                                                // convolutions to deltas and to directions, of the chosen anchors; or empty
    std::vector<NodeId> made_before;            // per node: the convolution that its kernel makes too, whose map only it or its siblings read, or only it adds or is added to; or -1
    std::vector<bool> idle;                     // per node: its result is there when it comes
    std::vector<ChannelSlice> slices;           // per value
    std::vector<ValueId> owners;                // per value: the earliest value in whose memory it lies, or no_value
    std::vector<NodeId> needed_until;           // per value: the node whose kernel reads it for a node before, or -1
    std::vector<ValueId> stored;                // per value: the value that is stored in its place; itself, as a rule; no_value: nothing is

    /// tiled: per node whether its products are those of tiles; bf16_maps: per value whether it is kept in bfloat16.
    Arrangement(const Graph& graph, const std::vector<Shape>& shapes, const std::vector<bool>& tiled, const std::vector<bool>& bf16_maps, bool with_products, bool with_winograd)
        : siblings(graph.nodes.size()), chosen(graph.nodes.size()), made_before(graph.nodes.size(), -1), idle(graph.nodes.size()), slices(graph.values.size()),
          owners(graph.values.size(), no_value), needed_until(graph.values.size(), -1), stored(graph.values.size()), lives_(lifetimes(graph)) {
        std::iota(stored.begin(), stored.end(), ValueId(0));
        std::vector<int> users(graph.values.size());
        for (const Node& node : graph.nodes) {
            for (const ValueId id : node.inputs) ++users[std::size_t(id)];
        }
        for (const auto& [name, id] : graph.outputs) users[std::size_t(id)] += 2;  // must lie as the caller expects
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            if (std::holds_alternative<ops::Concat>(graph.nodes[id].operation)) place_inside(graph, shapes, users, NodeId(id));
        }
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            if (std::holds_alternative<ops::SelectChannel>(graph.nodes[id].operation)) choose(graph, users, NodeId(id));
        }
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            if (std::holds_alternative<ops::DecodeBoxes3d>(graph.nodes[id].operation)) decode_chosen(graph, shapes, users, NodeId(id));
        }
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) gather_siblings(graph, shapes, NodeId(id));
        for (std::size_t id = 0; with_winograd && id < graph.nodes.size(); ++id) {
            if (!siblings[id].empty()) read_where_made(graph, shapes, users, tiled, bf16_maps, NodeId(id));
        }
        for (std::size_t id = 1; with_products && id < graph.nodes.size(); ++id) add_where_made(graph, shapes, users, NodeId(id));
        for (std::size_t id = 1; id < graph.nodes.size(); ++id) merge_where_made(graph, users, tiled, NodeId(id));
        for (std::size_t id = 1; !with_products && id < graph.nodes.size(); ++id) make_where_read(graph, shapes, users, tiled, bf16_maps, NodeId(id));
    }

private:
    /// A concat of transposed convolutions that nothing else reads: each writes its channels where they belong, and nothing is left to copy.
    void place_inside(const Graph& graph, const std::vector<Shape>& shapes, const std::vector<int>& users, NodeId concat) {
        const Node& node = graph.nodes[std::size_t(concat)];
        for (const ValueId id : node.inputs) {
            const auto* source = std::get_if<ops::ConvTranspose2d>(&graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)].operation);
            if (source == nullptr || users[std::size_t(id)] != 1 || !ConvTransposeKernel::writes_slices(*source)) return;
        }
        const ValueId joined = node.outputs[0];
        const auto is_earlier = [&](ValueId a, ValueId b) { return graph.values[std::size_t(a)].producer < graph.values[std::size_t(b)].producer; };
        const ValueId owner = *std::min_element(node.inputs.begin(), node.inputs.end(), is_earlier);
        ChannelSlice slice{0, shapes[std::size_t(joined)][1]};
        for (const ValueId id : node.inputs) {
            slices[std::size_t(id)] = slice;
            slice.first += shapes[std::size_t(id)][1];
            if (id != owner) owners[std::size_t(id)] = owner;
        }
        owners[std::size_t(joined)] = owner;
        idle[std::size_t(concat)] = true;
    }

    /// A choice among the channels of logits that nothing else reads, behind a transposed convolution that nothing else reads.
    void choose(const Graph& graph, const std::vector<int>& users, NodeId choice) {
        const Node& node = graph.nodes[std::size_t(choice)];
        const ValueId logits = node.inputs[0], labels = node.inputs[1];
        const NodeId conv = graph.values[std::size_t(logits)].producer;
        const auto* op = std::get_if<ops::Conv2d>(&graph.nodes[std::size_t(conv)].operation);
        if (op == nullptr || users[std::size_t(logits)] != 1 || !ChosenLogitsKernel::applies(*op)) return;
        const ValueId map = graph.nodes[std::size_t(conv)].inputs[0];
        const NodeId upsample = graph.values[std::size_t(map)].producer;
        const auto* raised = std::get_if<ops::ConvTranspose2d>(&graph.nodes[std::size_t(upsample)].operation);
        if (raised == nullptr || !ConvTransposeKernel::applies(*raised) || users[std::size_t(map)] != 1 || graph.values[std::size_t(labels)].producer > upsample) return;
        chosen[std::size_t(upsample)] = {conv, choice};
        idle[std::size_t(conv)] = idle[std::size_t(choice)] = true;
        owners[std::size_t(node.outputs[0])] = map;
        stored[std::size_t(map)] = node.outputs[0];
        stored[std::size_t(logits)] = no_value;
    }

    /// Deltas and directions that only the decoding of boxes reads, made of one map: of few anchors' they are made when it is known which. The map of a convolution is better not
    /// written at all (read_where_made).
    void decode_chosen(const Graph& graph, const std::vector<Shape>& shapes, const std::vector<int>& users, NodeId decoding) {
        const Node& node = graph.nodes[std::size_t(decoding)];
        std::vector<NodeId> convs;
        for (const ValueId made : {node.inputs[0], node.inputs[1]}) {
            const NodeId id = graph.values[std::size_t(made)].producer;
            const auto* conv = std::get_if<ops::Conv2d>(&graph.nodes[std::size_t(id)].operation);
            if (conv == nullptr || users[std::size_t(made)] != 1 || !ChosenBoxesKernel::applies(*conv)) return;
            convs.push_back(id);
        }
        const ValueId map = graph.nodes[std::size_t(convs[0])].inputs[0];
        const Shape& shape = shapes[std::size_t(map)];
        if (graph.nodes[std::size_t(convs[1])].inputs[0] != map || shape[2] * shape[3] < shapes[std::size_t(node.inputs[2])][1]) return;
        if (std::holds_alternative<ops::Conv2d>(graph.nodes[std::size_t(graph.values[std::size_t(map)].producer)].operation)) return;
        const NodeId last = lives_[std::size_t(map)].last;
        if (last != convs[0] && last != convs[1] && last < decoding) return;  // who reads it last may have its memory
        for (const NodeId id : convs) {
            idle[std::size_t(id)] = true;
            stored[std::size_t(graph.nodes[std::size_t(id)].outputs[0])] = no_value;
        }
        needed_until[std::size_t(map)] = std::max(needed_until[std::size_t(map)], decoding);
        chosen[std::size_t(decoding)] = std::move(convs);
    }

    /// Pointwise convolutions of one large map, of which none is read before the last of them comes: that one makes them all.
    void gather_siblings(const Graph& graph, const std::vector<Shape>& shapes, NodeId first) {
        const auto is_one = [&](const Node& node) {
            const auto* conv = std::get_if<ops::Conv2d>(&node.operation);
            return conv != nullptr && SiblingKernel::applies(*conv) && SiblingKernel::applies(shapes[std::size_t(node.inputs[0])]);
        };
        const Node& node = graph.nodes[std::size_t(first)];
        if (idle[std::size_t(first)] || !siblings[std::size_t(first)].empty() || !is_one(node)) return;
        std::vector<NodeId> found{first};
        for (std::size_t id = std::size_t(first) + 1; id < graph.nodes.size(); ++id) {
            const Node& other = graph.nodes[id];
            const bool reads_one = std::any_of(found.begin(), found.end(), [&](NodeId sibling) {
                return std::count(other.inputs.begin(), other.inputs.end(), graph.nodes[std::size_t(sibling)].outputs[0]) != 0;
            });
            if (reads_one) break;
            if (!idle[id] && is_one(other) && other.inputs[0] == node.inputs[0]) found.push_back(NodeId(id));
        }
        if (found.size() < 2) return;
        for (const NodeId sibling : found) idle[std::size_t(sibling)] = sibling != found.back();
        siblings[std::size_t(found.back())] = std::move(found);
    }

    /// The convolution whose map only these siblings read: they read its pixels where they are made.
    void read_where_made(const Graph& graph, const std::vector<Shape>& shapes, const std::vector<int>& users, const std::vector<bool>& tiled, const std::vector<bool>& bf16_maps, NodeId last) {
        const ValueId map = graph.nodes[std::size_t(last)].inputs[0];
        const NodeId producer = graph.values[std::size_t(map)].producer;
        const auto* conv = std::get_if<ops::Conv2d>(&graph.nodes[std::size_t(producer)].operation);
        if (conv == nullptr || tiled[std::size_t(producer)] || std::size_t(users[std::size_t(map)]) != siblings[std::size_t(last)].size()) return;
        for (const NodeId id : siblings[std::size_t(last)]) {
            if (bf16_maps[std::size_t(graph.nodes[std::size_t(id)].outputs[0])]) return;
        }
        if (WinogradKernel::applies(*conv, shapes[std::size_t(map)]) && WinogradKernel::has_whole_pixels(*conv)) put_off(graph, producer, last);
    }

    /// The pointwise convolution before this one, whose map only this one adds to its own.
    void add_where_made(const Graph& graph, const std::vector<Shape>& shapes, const std::vector<int>& users, NodeId id) {
        const Node& node = graph.nodes[std::size_t(id)];
        const auto* conv = std::get_if<ops::Conv2d>(&node.operation);
        if (conv == nullptr || !conv->residual || !MatrixKernel::applies(*conv, shapes[std::size_t(node.outputs[0])], false)) return;
        const ValueId residual = node.inputs[1];
        const NodeId producer = graph.values[std::size_t(residual)].producer;
        const auto* other = std::get_if<ops::Conv2d>(&graph.nodes[std::size_t(producer)].operation);
        if (other == nullptr || users[std::size_t(residual)] != 1 || !MatrixKernel::applies_to_residual(*other) || idle[std::size_t(producer)] || !siblings[std::size_t(producer)].empty()) return;
        put_off(graph, producer, id);
    }

    /// A coarser map is added, enlarged, to what a pointwise convolution of tiles makes, and nothing else reads that.
    void merge_where_made(const Graph& graph, const std::vector<int>& users, const std::vector<bool>& tiled, NodeId merge) {
        const Node& node = graph.nodes[std::size_t(merge)];
        const auto* resize = std::get_if<ops::Resize>(&node.operation);
        if (resize == nullptr || resize->mode != ops::Resize::Mode::nearest || !resize->adds) return;
        const std::size_t producer = std::size_t(graph.values[std::size_t(node.inputs[1])].producer);
        const auto* conv = std::get_if<ops::Conv2d>(&graph.nodes[producer].operation);
        if (conv == nullptr || !TileMatrixKernel::applies(*conv, TileFactors::bf16) || conv->residual || conv->activation != Activation::none || !tiled[producer]) return;
        if (users[std::size_t(node.inputs[1])] != 1 || idle[producer] || !siblings[producer].empty() || made_before[producer] >= 0) return;
        put_off(graph, NodeId(producer), merge);
    }

    /// The pointwise convolution that makes the large map of this one alone, which makes those pixels where it reads them.
    void make_where_read(const Graph& graph, const std::vector<Shape>& shapes, const std::vector<int>& users, const std::vector<bool>& tiled, const std::vector<bool>& bf16_maps, NodeId id) {
        const Node& node = graph.nodes[std::size_t(id)];
        const auto* conv = std::get_if<ops::Conv2d>(&node.operation);
        if (conv == nullptr || !tiled[std::size_t(id)] || idle[std::size_t(id)] || made_before[std::size_t(id)] >= 0 || TileMatrixKernel::applies(*conv, TileFactors::bf16)) return;
        const ValueId map = node.inputs[0];
        const std::size_t producer = std::size_t(graph.values[std::size_t(map)].producer);
        const auto* before = std::get_if<ops::Conv2d>(&graph.nodes[producer].operation);
        if (before == nullptr || !TileConvolutionKernel::applies_before(*before, shapes[std::size_t(map)]) || !bf16_maps[std::size_t(map)] || !bf16_maps[std::size_t(graph.nodes[producer].inputs[0])]) return;
        if (users[std::size_t(map)] == 1 && !idle[producer] && siblings[producer].empty() && made_before[producer] < 0) put_off(graph, NodeId(producer), id);
    }

    /// `later`'s kernel makes the convolution `node` too, and reads its input then, unless the input's memory is given to somebody between.
    void put_off(const Graph& graph, NodeId node, NodeId later) {
        const ValueId input = graph.nodes[std::size_t(node)].inputs[0];
        const NodeId last = lives_[std::size_t(input)].last;
        if (last > node && last < later) return;
        made_before[std::size_t(later)] = node;
        idle[std::size_t(node)] = true;
        stored[std::size_t(graph.nodes[std::size_t(node)].outputs[0])] = no_value;
        needed_until[std::size_t(input)] = std::max(needed_until[std::size_t(input)], later);
    }

    std::vector<Lifetime> lives_;
};

}  // namespace regulus::cpu
