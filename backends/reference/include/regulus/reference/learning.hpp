#pragma once
// What teaches a graph with plain loops: always there, the oracle of the other backends. The kernels of each family are in learning_*.hpp.
#include <regulus/train/learning_backend.hpp>

namespace regulus {

/// Forward as the reference backend computes in float32; gradients are sums in double, rounded once to float32. Results do not depend on the number of threads.
///
/// Teaches Conv2d, DeformConv2d and ConvTranspose2d (without a folded norm or residual), BatchNorm, GroupNorm, Activate, Add, Average, Pool2d, GlobalAveragePool,
/// ScaleChannels, Resize, Linear, Softmax, Concat, RoiAlign, whose boxes have no gradient and whose last input is the address of int32 counts, and from points to a canvas
/// Voxelize, EncodePillars (in the memory of all slots in double) and ScatterPillars; points have no gradient.
class ReferenceLearning final : public train::LearningBackend {
public:
    std::string name() const override;
    train::MapLayout layout() const override;
    /// Throws BackendError for other operations, ShapeError for a batch norm that would take statistics of fewer than two values a channel.
    std::unique_ptr<train::LearningKernel> kernel(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, const train::LearningRules& rules) const override;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/reference/learning-impl.hpp>
#endif
