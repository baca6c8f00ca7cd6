#pragma once
// The loss of a dense 3D head over the clouds of a batch, and its gradient by the head's maps.
#include <vector>

#include <regulus/train/anchor3d_targets.hpp>
#include <regulus/train/losses.hpp>

namespace regulus::train {

/// What the parts of the loss are made of and count. The defaults are those of mmdetection3d's nuScenes and Lyft models; its KITTI models count boxes twice.
struct Anchor3dLossSettings {
    Focal focal;
    double beta = 1.0 / 9;  // of the smooth L1 loss
    double classification = 1, boxes = 1, directions = 0.2;
};

/// What the head gave on one level for n clouds.
struct Anchor3dMaps {
    Tensor logits;      // [n, A * classes, h, w], channel a * classes + class
    Tensor deltas;      // [n, A * code, h, w]
    Tensor directions;  // [n, A * 2, h, w]
};

/// One level's part of the loss, and the derivative of the whole loss by the level's maps.
struct Anchor3dLoss {
    double classification = 0, boxes = 0, directions = 0;
    Anchor3dMaps gradient;
};

/// The loss of each level; the whole is their sum. `grids` and `maps` have one entry a level, `truths` one a cloud.
///
/// Focal loss over all anchors that are not left out; smooth L1 loss of the boxes' deltas and cross-entropy of the directions over those with an object, all
/// divided by the number of anchors with an object, each cloud counted as one at least. In place of the yaw's delta p and its target t stand
/// sin(p) cos(t) and cos(p) sin(t), whose difference is sin(p - t).
/// The bits do not depend on training.threads. Throws ShapeError where maps, anchors and truths do not fit each other, ArgumentError as the parts do.
/// Source: mmdetection3d's Anchor3DHead.
std::vector<Anchor3dLoss> anchor3d_loss(const std::vector<ops::AnchorGrid3d>& grids, const std::vector<Anchor3dMaps>& maps, const std::vector<Truth3d>& truths, const Anchor3dTraining& training,
                                        const Anchor3dLossSettings& settings = {});

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/anchor3d_loss-impl.hpp>
#endif
