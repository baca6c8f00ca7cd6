// Detectors on one map: strides, dilation, the head that boxes and masks share (spec/detection2d.md, A.0, B.2, B.12, B.14).
#include <algorithm>

#include <doctest/doctest.h>

#include <regulus/graph/describe.hpp>
#include <regulus/models/one_map_rcnn.hpp>
#include <regulus/models/proposal_network.hpp>

using namespace regulus;

namespace {

std::vector<const Node*> named(const Graph& graph, const std::string& begin) {
    std::vector<const Node*> found;
    for (const Node& node : graph.nodes) {
        if (node.name.compare(0, begin.size(), begin) == 0) found.push_back(&node);
    }
    return found;
}

template <class Op>
const Op& only(const Graph& graph, const std::string& name) {
    const auto found = named(graph, name);
    REQUIRE(found.size() == 1);
    return std::get<Op>(found[0]->operation);
}

Shape shape_of(const Graph& graph, const std::vector<Shape>& shapes, const std::string& label) {
    REQUIRE(graph.find_label(label) != no_value);
    return shapes[std::size_t(graph.find_label(label))];
}

}  // namespace

TEST_CASE("C4: regions of 14 x 14 on stride 16, 7 x 7 behind the last stage, its mean for boxes, masks of 14 x 14") {
    const Graph graph = recorded<C4MaskRcnn<resnet_50_caffe>>();
    const std::vector<Shape> shapes = infer_shapes(graph, {2, 250, 340});  // no multiple of 32
    CHECK(shape_of(graph, shapes, "C4") == Shape{2, 1024, 16, 22});
    CHECK(graph.find_label("C5") == no_value);
    CHECK(shape_of(graph, shapes, "rpn_logits.0") == Shape{2, 15, 16, 22});
    CHECK(shape_of(graph, shapes, "roi_feats") == Shape{2000, 1024, 14, 14});
    CHECK(shape_of(graph, shapes, "roi_res5") == Shape{2000, 2048, 7, 7});
    CHECK(shape_of(graph, shapes, "class_logits") == Shape{2000, 81});
    CHECK(shape_of(graph, shapes, "mask_roi_feats") == Shape{200, 1024, 14, 14});
    CHECK(shape_of(graph, shapes, "mask_logits") == Shape{200, 80, 14, 14});
    CHECK(only<ops::RoiAlign>(graph, "box_head.roi_align").strides == std::vector<int>{16});
    CHECK(named(graph, "backbone.s4").empty());
    CHECK(named(graph, "shared_head.s4.b1.proj").size() == 4);  // convolution and norm, for boxes and for masks
    CHECK(named(graph, "mask_head.conv").empty());
    CHECK(only<ops::ConvTranspose2d>(graph, "mask_head.upsample").in_channels == 2048);
}

TEST_CASE("DC5: the last stage keeps stride 16 and reaches as far by dilation, in all its blocks") {
    const Graph graph = recorded<Dc5MaskRcnn<resnet_50_caffe_dc5>>();
    const std::vector<Shape> shapes = infer_shapes(graph, {1, 256, 340});
    CHECK(shape_of(graph, shapes, "C4") == Shape{1, 1024, 16, 22});
    CHECK(shape_of(graph, shapes, "C5") == Shape{1, 2048, 16, 22});
    CHECK(shape_of(graph, shapes, "roi_feats") == Shape{1000, 2048, 7, 7});
    CHECK(shape_of(graph, shapes, "mask_logits") == Shape{100, 80, 28, 28});
    int dilated = 0;
    for (const Node* node : named(graph, "backbone.")) {
        const auto* conv = std::get_if<ops::Conv2d>(&node->operation);
        if (conv == nullptr || conv->kernel != 3) continue;
        const bool last = node->name.find("backbone.s4.") == 0;
        CHECK(conv->dilation == (last ? 2 : 1));
        CHECK(conv->padding == conv->dilation);
        CHECK(conv->stride == 1);  // the style strides in the first 1x1
        dilated += last ? 1 : 0;
    }
    CHECK(dilated == 3);
    CHECK(only<ops::Conv2d>(graph, "rpn.conv").out_channels == 2048);
}

TEST_CASE("one map: fifteen anchors a cell, all sizes at each ratio's area, scale by scale") {
    const Graph graph = recorded<C4FasterRcnn<resnet_50_caffe>>();
    const auto& decode = only<ops::DecodeAnchors>(graph, "rpn.level0.decode");
    CHECK(decode.stride == 16);
    REQUIRE(decode.anchors.size() == 15);
    for (std::size_t i = 0; i < 15; ++i) {
        const auto& anchor = decode.anchors[i];
        const double width = double(anchor[2]) - double(anchor[0]), height = double(anchor[3]) - double(anchor[1]);
        const double side = double(32 << (i / 3)), ratio = i % 3 == 0 ? 0.5 : i % 3 == 1 ? 1 : 2;
        CHECK(width * height == doctest::Approx(side * side));
        CHECK(height / width == doctest::Approx(ratio));
    }
    CHECK(only<ops::TopK>(graph, "rpn.level0.top_k").limit == 6000);
    CHECK(only<ops::Nms>(graph, "rpn.nms").limit == 1000);
    static_assert(!boxes_in_original_pixels<C4FasterRcnn<resnet_50_caffe>>);
}

TEST_CASE("proposals alone: the boxes of all levels in one list, network pixels, labels by level") {
    static constexpr RcnnSizes sizes{.proposals = 2000};
    using Model = ProposalNetwork<PyramidFeatures<ResNet<resnet_50_caffe>, 256, sizes>, sizes>;
    static_assert(!boxes_in_original_pixels<Model>);
    const Graph graph = recorded<Model>();
    REQUIRE(graph.outputs.size() == 4);
    CHECK(graph.outputs[0].second == graph.find_label("proposals"));
    CHECK(graph.outputs[1].second == graph.find_label("proposal_scores"));
    const auto& nms = only<ops::Nms>(graph, "rpn.nms");
    CHECK(nms.lists == 5);
    CHECK(nms.limit == 2000);
    for (int level = 0; level < 5; ++level) {
        const auto& decode = only<ops::DecodeAnchors>(graph, "rpn.level" + std::to_string(level) + ".decode");
        CHECK(decode.label_offset == level);
        CHECK(decode.stride == 4 << level);
    }
    CHECK(named(graph, "box_head").empty());
    const std::vector<Shape> shapes = infer_shapes(graph, {2, 256, 352});
    CHECK(shapes[std::size_t(graph.outputs[0].second)] == Shape{4000, 4});
}
