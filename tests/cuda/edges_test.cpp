// Ties, limits and empty lists of the CUDA backend's selection and suppression, deformable and transposed convolutions, against the reference.
#include "cuda/all_orders.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Scores of which many are equal (relu), boxes of which many overlap.
Graph list_graph(const ops::TopK& top_k, int limit, float min_size) {
    Graph graph;
    graph.name = "lists";
    const ValueId image = record::image_input(graph, 3), info = record::image_info_input(graph);
    const Scope scope(graph);
    const auto head = [&](const char* name, int channels) {
        ops::Conv2d op;
        op.in_channels = 3, op.out_channels = channels, op.bias = true;
        return record::conv2d(scope / name, op, image);
    };
    ops::DecodeAnchors decode;
    decode.anchors = {{-8, -8, 8, 8}, {-4, -9, 5, 9}};
    decode.stride = 4;
    decode.classes = top_k.classes;
    const ValueId logits = record::activate(scope / "relu", Activation::relu, head("logits", 2 * top_k.classes));
    const Candidates one = record::anchor_candidates(scope / "one", top_k, decode, logits, head("deltas", 8), info);
    ops::TopK few = top_k;
    few.limit = 5;
    const Candidates two = record::anchor_candidates(scope / "two", few, decode, logits, head("more_deltas", 8), info);
    ops::Nms nms;
    nms.limit = limit;
    nms.min_size = min_size;
    const std::vector<ValueId> found = record::nms(scope / "nms", nms, {one, two});
    graph.outputs = {{"boxes", found[0]}, {"scores", found[1]}, {"labels", found[2]}, {"count", found[3]}};
    return graph;
}

}  // namespace

TEST_CASE("cuda emulated: ties go by index, limits cut, classes of an anchor stay together, nothing passes a high threshold") {
    for (const int classes : {1, 3}) {
        for (const int best : {1, 40, 1000}) {
            for (const float threshold : {-1.f, 0.5f, 0.9999f}) {
                for (const float min_size : {-1.f, 0.f, 12.f}) {
                    INFO("classes " << classes << " limit " << best << " threshold " << threshold << " least size " << min_size);
                    const Graph graph = list_graph(ops::TopK{best, threshold, classes}, best == 40 ? 7 : 300, min_size);
                    const std::vector<Tensor> inputs{random_tensor(Shape{2, 3, 9, 11}, 3), whole_pictures(2, 36, 44)};
                    check_all_orders(graph, inputs, 1e-5);  // one exponential and a few products
                }
            }
        }
    }
}

TEST_CASE("cuda emulated: deformable and transposed convolutions of every kind") {
    for (const int groups : {1, 2}) {
        for (const bool modulated : {false, true}) {
            const Graph graph = graph_of(4, [&](Graph& g, ValueId image) {
                const Scope scope(g);
                ops::DeformConv2d op;
                op.conv.in_channels = 4, op.conv.out_channels = 6, op.conv.kernel = 3, op.conv.padding = 1, op.conv.stride = 2, op.conv.groups = groups, op.conv.bias = true;
                op.deform_groups = 2;
                op.modulated = modulated;
                ops::Conv2d offsets;
                offsets.in_channels = 4, offsets.out_channels = op.offset_channels(), offsets.kernel = 3, offsets.padding = 1, offsets.stride = 2, offsets.bias = true;
                return record::deform_conv2d(scope / "deform", op, image, record::conv2d(scope / "offsets", offsets, image));
            });
            // Offsets are sums of their own; where one is near a whole number its rounding moves a weight by as much.
            check_all_orders(graph, {random_tensor(Shape{2, 4, 9, 7}, 8, -3, 3)}, 2e-5);
        }
    }
    for (const int kernel : {2, 3}) {
        for (const int padding : {0, 1}) {
            const Graph graph = graph_of(4, [&](Graph& g, ValueId image) {
                ops::ConvTranspose2d op;
                op.in_channels = 4, op.out_channels = 5, op.kernel = kernel, op.stride = 2, op.padding = padding;
                return record::conv_transpose2d(Scope(g) / "up", op, image);
            });
            check_all_orders(graph, {random_tensor(Shape{2, 4, 5, 6}, 8)}, 2e-6);
        }
    }
}
