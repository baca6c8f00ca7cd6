#pragma once
// Features of regions: RoIAlign on the pyramid level that fits a box's size.
#include <regulus/graph/record.hpp>
#include <regulus/layers/levels.hpp>

namespace regulus {

/// How boxes choose their level (ops::LevelRule) and how a bin is sampled. A square box takes the finest level while its side is
/// below 2 * finest_scale pixels, the next one below 4 * finest_scale, and so on.
struct RoiSettings {
    int sampling_ratio = 0;  // samples per bin and axis; 0: ceil(bin size)
    bool aligned = true;
    float finest_scale = 56.f;
    ops::LevelRule rule = ops::LevelRule::mmdetection;
};

/// RoIAlign from the first Levels levels of a pyramid (P2..P5: four; P6 serves the RPN alone).
///
///     pyramid, boxes rows [r, 4] in network pixels  ->  rows [r, Channels, Size, Size], in the order of the boxes
template <int Size, int Levels = 4>
struct RoiExtractor {
    static_assert(Size >= 1 && Levels >= 1, "RoiExtractor: size and levels must be at least 1");
    RoiSettings settings;

    template <int Channels, int FinestStride, int Given, int Max>
    RoiFeature<Channels, Size, Max> operator()(const Scope& scope, const Pyramid<Channels, FinestStride, Given>& pyramid, const Rois<Max>& rois) const {
        static_assert(EnoughLevels<Levels, Given>::agree);
        if constexpr (Levels <= Given) {
            ops::RoiAlign op;
            for (int level = 0; level < Levels; ++level) op.strides.push_back(FinestStride << level);
            op.size = Size;
            op.sampling_ratio = settings.sampling_ratio;
            op.aligned = settings.aligned;
            op.finest_scale = settings.finest_scale;
            op.rule = settings.rule;
            const std::vector<ValueId> maps(pyramid.ids.begin(), pyramid.ids.begin() + Levels);
            return {pyramid.graph, record::roi_align(scope, std::move(op), maps, rois.boxes, rois.count)};
        } else {
            return {};
        }
    }
};

}  // namespace regulus
