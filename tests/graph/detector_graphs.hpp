#pragma once
// Small detectors that use every operation of two-stage detection, and graphs drawn at random.
#include <regulus/models/fast_rcnn.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/keypoint_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/panoptic_fpn.hpp>
#include <regulus/models/retina_net.hpp>

#include "reference/graph_support.hpp"

namespace regulus::testing {

inline constexpr RcnnSizes small_sizes{.rpn_candidates = 60, .proposals = 40, .box_features = 32, .mask_convs = 1, .mask_channels = 16, .keypoints = 5, .keypoint_convs = 2, .keypoint_channels = 24, .detections = 12};

/// Mask R-CNN, RegNetX-200MF, a narrow pyramid, five classes. With random weights scores are near 1/6, so nearly every region counts.
struct SmallMaskRcnn : MaskRcnn<RegNet<regnetx_200mf>, 16, 5, small_sizes> {
    static constexpr RcnnSettings settings{.anchor_scale = 3, .finest_scale = 14, .score_threshold = 0.1f};
};

/// The same with a semantic head of 7 labels.
struct SmallPanopticFpn : PanopticFpn<RegNet<regnetx_200mf>, 16, 5, 7, small_sizes> {
    static constexpr RcnnSettings settings = SmallMaskRcnn::settings;
};

/// The same network without masks, with its own proposals and with given ones.
struct SmallFasterRcnn : FasterRcnn<RegNet<regnetx_200mf>, 16, 5, small_sizes> {
    static constexpr RcnnSettings settings = SmallMaskRcnn::settings;
};
struct SmallFastRcnn : FastRcnn<RegNet<regnetx_200mf>, 16, 5, small_sizes> {
    static constexpr RcnnSettings settings = SmallMaskRcnn::settings;
};

/// Keypoint R-CNN on the same features; and the same, through whose box head nothing passes.
struct SmallKeypointRcnn : KeypointRcnn<RegNet<regnetx_200mf>, 16, 1, small_sizes> {
    static constexpr RcnnSettings settings{.anchor_scale = 3, .finest_scale = 14, .score_threshold = 0.1f};
};
struct BlindKeypointRcnn : SmallKeypointRcnn {
    static constexpr RcnnSettings settings{.anchor_scale = 3, .finest_scale = 14, .score_threshold = 1.f};
};

/// The first network, through whose box head nothing passes.
struct BlindMaskRcnn : MaskRcnn<RegNet<regnetx_200mf>, 16, 5, small_sizes> {
    static constexpr RcnnSettings settings{.anchor_scale = 3, .finest_scale = 14, .score_threshold = 1.f};
};

/// Random weights with which a detector finds something: residual branches are damped, as trained ones are, and the last layers
/// give logits and deltas of a few units at most.
inline Weights detector_weights(const Graph& graph, std::uint64_t seed) {
    const Weights random = random_weights(graph, seed);
    Weights weights;
    for (const Weights::Entry& entry : random.entries()) {
        const auto ends_with = [&](const std::string& end) { return entry.name.size() >= end.size() && entry.name.compare(entry.name.size() - end.size(), end.size(), end) == 0; };
        float factor = 1;
        if (ends_with(".c.norm.weight")) factor = 0.2f;
        if (ends_with(".logits.weight") || ends_with(".deltas.weight")) factor = 0.02f;
        Tensor tensor = entry.tensor.clone();
        for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] *= factor;
        weights.add(entry.name, std::move(tensor));
    }
    return weights;
}

/// `steps` random nodes over maps of eight channels; the last value and a random earlier one are outputs.
inline Graph random_graph(std::uint64_t seed, int steps) {
    RandomNumbers numbers(seed);
    Graph graph;
    graph.name = "random";
    const Scope root(graph);
    std::vector<ValueId> maps{record::image_input(graph, 8)};
    for (int i = 0; i < steps; ++i) {
        const Scope scope = root / indexed("n", i);
        // Mostly the newest value, so that chains that passes can fuse occur.
        const auto pick = [&] { return numbers.below(3) == 0 ? maps[std::size_t(numbers.below(int(maps.size())))] : maps.back(); };
        switch (numbers.below(6)) {
            case 0: {
                ops::Conv2d op;
                op.in_channels = op.out_channels = 8;
                op.kernel = 1 + 2 * numbers.below(2);
                op.padding = op.kernel / 2;
                op.groups = 1 + numbers.below(2);
                op.bias = numbers.below(2) == 0;
                maps.push_back(record::conv2d(scope, op, pick()));
                break;
            }
            case 1: maps.push_back(record::batch_norm(scope, ops::BatchNorm{8, 1e-5, Activation::none}, pick())); break;
            case 2: maps.push_back(record::activate(scope, Activation::relu, pick())); break;
            case 3: {
                const ValueId left = pick(), right = pick();  // in this order with every compiler
                maps.push_back(record::add(scope, left, right));
                break;
            }
            case 4: {
                const ValueId like = pick();
                const ValueId pooled = record::pool2d(scope / "pool", ops::Pool2d{ops::Pool2d::Kind::average, 2, 2, 0}, pick());
                maps.push_back(record::add(scope / "sum", like, record::resize(scope / "resize", ops::Resize{i % 2 == 0 ? ops::Resize::Mode::nearest : ops::Resize::Mode::bilinear}, pooled, like)));
                break;
            }
            default: {
                const ValueId src = pick();
                maps.push_back(record::scale_channels(scope / "scale", src, record::activate(scope / "gate", Activation::sigmoid, record::global_average_pool(scope / "mean", src))));
                break;
            }
        }
    }
    graph.outputs.emplace_back("last", maps.back());
    const ValueId other = maps[1 + std::size_t(numbers.below(int(maps.size()) - 1))];
    if (other != maps.back()) graph.outputs.emplace_back("other", other);
    return graph;
}

}  // namespace regulus::testing
