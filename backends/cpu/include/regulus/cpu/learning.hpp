#pragma once
// Learning on the CPU: oneDNN for convolutions and linear layers, own kernels for the rest, maps in channels-last.
#include <memory>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/train/learning_backend.hpp>

namespace regulus {

/// Teaches what ReferenceLearning teaches: convolutions (deformable and transposed ones too), linear layers, norms, activations, softmax, sums, averages, pooling,
/// squeeze-excite, resizing, concatenation, RoIAlign, and from points to a canvas. Gradients of parameters are sums in float32 by convolutions and linear layers (their order depends on the number of
/// threads), in double by norms. Needs to be linked with oneDNN (2.6 or 3.x) and OpenMP.
class CpuLearning final : public train::LearningBackend {
public:
    std::string name() const override { return "cpu"; }
    train::MapLayout layout() const override { return train::MapLayout::channels_last; }
    REGULUS_INLINE std::unique_ptr<train::LearningKernel> kernel(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, const train::LearningRules& rules) const override;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/cpu/learning-impl.hpp>
#endif
