#pragma once
// From the maps of a dense head to candidate boxes, level by level.
#include <regulus/layers/anchors.hpp>
#include <regulus/layers/rpn_head.hpp>

namespace regulus {

/// Up to eight numbers that a settings constant can hold.
struct Numbers {
    std::array<double, 8> values{};
    int count = 0;

    constexpr Numbers() = default;
    constexpr Numbers(std::initializer_list<double> list) {
        if (list.size() > 8) throw ArgumentError("settings: a list of numbers holds at most 8");
        for (const double value : list) values[std::size_t(count++)] = value;
    }
    std::vector<double> to_vector() const { return {values.begin(), values.begin() + count}; }
};

/// Anchors of every cell: sides of about stride * scale * 2^(i / scales_per_octave), i < scales_per_octave * octaves, for each ratio (height / width).
struct AnchorSettings {
    AnchorRule rule = AnchorRule::mmdetection;
    double scale = 8;
    int scales_per_octave = 1;
    Numbers ratios{0.5, 1, 2};
    int octaves = 1;
};

/// What becomes of the scores and deltas of one level.
struct CandidateSettings {
    AnchorSettings anchors;
    int limit = 1000;                                           // candidates a level
    float threshold = -std::numeric_limits<float>::infinity();  // scores must exceed it
    bool anchors_by_best_class = false;                         // the limit counts anchors, chosen by their best class; all their classes follow
    bool level_is_label = false;                                // label = level, so that suppression keeps levels apart; else the class
    ops::BoxCoder coder;
    bool rescale = false;  // boxes in pixels of the original picture instead of the network's
};

namespace detail {

inline std::vector<Candidates> dense_candidates(const Scope& scope, const ValueId* logits, const ValueId* deltas, int levels, int finest_stride,
                                                int score_channels, ValueId info, const CandidateSettings& settings) {
    const std::vector<double> scales = octave_scales(settings.anchors.scale, settings.anchors.scales_per_octave, settings.anchors.octaves);
    const std::vector<double> ratios = settings.anchors.ratios.to_vector();
    const int anchors = int(scales.size() * ratios.size());
    if (anchors == 0 || score_channels % anchors != 0) {
        throw ArgumentError("record " + scope.name() + ": the settings give " + std::to_string(anchors) + " anchors a cell, the head has " +
                            std::to_string(score_channels) + " score channels; make sizes.anchors equal to ratios times scales per octave times octaves");
    }
    std::vector<Candidates> lists;
    for (int level = 0; level < levels; ++level) {
        ops::DecodeAnchors decode;
        decode.stride = finest_stride << level;
        decode.anchors = base_anchors(settings.anchors.rule, decode.stride, scales, ratios);
        decode.classes = score_channels / anchors;
        decode.label_offset = settings.level_is_label ? level : 0;
        decode.coder = settings.coder;
        decode.rescale = settings.rescale;
        const ops::TopK top_k{settings.limit, settings.threshold, settings.anchors_by_best_class ? decode.classes : 1};
        lists.push_back(record::anchor_candidates(scope / indexed("level", level), top_k, std::move(decode),
                                                  logits[level], deltas[level], info));
    }
    return lists;
}

}  // namespace detail

/// The best scores of each level with their decoded boxes, one list a level. Throws ArgumentError when the anchors of the
/// settings are not those of the head.
template <int ScoreChannels, int FinestStride, int Levels>
std::vector<Candidates> dense_candidates(const Scope& scope, const DenseHeadMaps<ScoreChannels, FinestStride, Levels>& maps, ValueId info,
                                         const CandidateSettings& settings) {
    return detail::dense_candidates(scope, maps.logits.data(), maps.deltas.data(), Levels, FinestStride, ScoreChannels, info, settings);
}

/// Greedy suppression over all lists, at most Max boxes a picture, falling score.
template <int Max>
Rois<Max> suppress(const Scope& scope, const std::vector<Candidates>& lists, float iou_threshold, float min_size) {
    static_assert(Max >= 1, "suppress: keep at least one box");
    ops::Nms op;
    op.iou_threshold = iou_threshold;
    op.limit = Max;
    op.min_size = min_size;
    const std::vector<ValueId> kept = record::nms(scope, op, lists);
    return {&scope.graph(), kept[0], kept[1], kept[2], kept[3]};
}

}  // namespace regulus
