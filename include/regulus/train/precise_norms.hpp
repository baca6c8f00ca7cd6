#pragma once
// Statistics of batch norms anew, over many batches of one and the same network.
#include <cstdint>
#include <functional>

#include <regulus/core/config.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus::train {

/// The learner's weights with the statistics of each batch norm that uses its batch's replaced by the means of `batches` batches' means and (unbiased) variances: running ones
/// are mostly of the last few batches, and of parameters that have changed since. look(i) takes the learner forward through the i-th batch. A batch that gives a norm no rows
/// counts as the one before it. The learner's own values stay as they are, also when look() throws; nothing can go back through its last forward() afterwards.
/// Throws ArgumentError for fewer than one batch.
/// Source: "precise BN" of pycls, mmpretrain and detectron2 (fvcore's update_bn_stats of 2020).
Weights precise_norms(Learner& learner, std::int64_t batches, const std::function<void(std::int64_t)>& look);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/precise_norms-impl.hpp>
#endif
