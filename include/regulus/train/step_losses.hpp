#pragma once
// What a step of teaching a detector tells.
#include <string>
#include <utility>
#include <vector>

namespace regulus::train {

/// The parts of a step's loss, by name: loss_cls, loss_bbox; of two-stage detectors rpn_cls, rpn_bbox, loss_cls, loss_bbox, loss_mask,
/// loss_keypoint, loss_semantic, of a cascade's heads stage0.loss_cls, ...; of detectors of point clouds loss_cls, loss_bbox, loss_dir.
struct StepLosses {
    std::vector<std::pair<std::string, double>> parts;
    double total() const {
        double sum = 0;
        for (const auto& part : parts) sum += part.second;
        return sum;
    }
};

}  // namespace regulus::train
