#pragma once
// Rewriting of graphs: small pure functions Graph -> Graph. Values that are outputs of the graph are never fused away.
#include <regulus/graph/graph.hpp>

namespace regulus {

/// Marks labelled values as additional outputs, under their label. Throws ArgumentError for an unknown label.
Graph with_outputs(Graph graph, const std::vector<std::string>& labels);

/// The part of a graph behind a labelled map of `channels` channels: the map becomes its picture, inputs that nothing needs any more are dropped. Outputs that
/// the map does not lead to must not be asked for. Throws ArgumentError for an unknown label, a value that is no map, and a part that needs the original pictures or points too.
Graph starting_at(Graph graph, const std::string& label, int channels);

/// A detector that looks at given boxes: what it makes of its final boxes (masks, keypoints) it makes of those that three inputs hold, which come behind its own:
/// proposals, proposal_labels and proposal_count, at most `limit` a picture. Its boxes, scores, labels and count stay what it finds. Throws ArgumentError for a
/// graph that is no detector's or makes nothing of its final boxes.
Graph with_given_boxes(Graph graph, int limit);

/// A two-stage detector whose second stage looks at given regions: what it makes of its proposals it makes of those that two inputs hold, which come behind its own:
/// proposals and proposal_count, at most `limit` a picture. Its own proposals are labelled "own_proposals". Throws ArgumentError for a graph without proposals, and
/// for one that makes nothing of them.
Graph with_given_proposals(Graph graph, int limit);

/// Conv2d, DeformConv2d or ConvTranspose2d followed by nothing but a BatchNorm: the norm's parameters move into the convolution.
Graph fold_batch_norm(Graph graph);

/// An Activate behind a node that can apply it itself.
Graph fuse_activation(Graph graph);

/// Add(like, Resize(src, like)) becomes one Resize that adds.
Graph fuse_resize_add(Graph graph);

/// An Add of which the later operand comes from a Conv2d: the other operand becomes its residual.
Graph fuse_residual(Graph graph);

/// Drops nodes that no output needs (inputs stay).
Graph remove_dead(Graph graph);

/// Drops inputs that no node and no output needs: run() does not take them any more.
Graph remove_idle_inputs(Graph graph);

/// fold_batch_norm, the fusions and remove_dead in the order in which they help each other.
Graph optimize(Graph graph);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/passes-impl.hpp>
#endif
