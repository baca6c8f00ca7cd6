#pragma once
#include <regulus/graph/describe.hpp>
#include <regulus/reference/learning.hpp>
#include <regulus/reference/learning_conv.hpp>
#include <regulus/reference/learning_deform_conv.hpp>
#include <regulus/reference/learning_linear.hpp>
#include <regulus/reference/learning_maps.hpp>
#include <regulus/reference/learning_norm.hpp>
#include <regulus/reference/learning_pillars.hpp>
#include <regulus/reference/learning_roi_align.hpp>

namespace regulus::reference {

/// The kernel of a node.
struct LearningKernels {
    using Kernel = std::unique_ptr<train::LearningKernel>;

    const Node& node;
    const std::vector<Shape>& inputs;
    const std::vector<Shape>& outputs;
    const train::LearningRules& rules;

    std::string who() const { return "reference: \"" + node.name + "\" (" + kind_of(node.operation) + ")"; }

    template <class Learning, class Op>
    Kernel make(const Op& op) const {
        return std::make_unique<Learning>(op, inputs, outputs, rules);
    }
    void refuse_fused(bool norm, bool residual) const {
        if (norm) throw BackendError(who() + " holds a batch norm and cannot learn so; teach the graph as it was recorded, without passes over it");
        if (residual) throw BackendError(who() + " holds a residual and cannot learn so; teach the graph as it was recorded, without passes over it");
    }

    template <class Op>
    Kernel operator()(const Op&) const {
        throw BackendError(who() + " cannot be taught; end the graph at the values that it reads");
    }
    Kernel operator()(const ops::Input&) const { return std::make_unique<InputLearning>(); }
    Kernel operator()(const ops::Conv2d& op) const {
        refuse_fused(op.norm, op.residual);
        return make<Conv2dLearning>(op);
    }
    Kernel operator()(const ops::DeformConv2d& op) const {
        refuse_fused(op.conv.norm, op.conv.residual);
        return make<DeformConv2dLearning>(op);
    }
    Kernel operator()(const ops::ConvTranspose2d& op) const {
        refuse_fused(op.norm, false);
        return make<ConvTranspose2dLearning>(op);
    }
    Kernel operator()(const ops::BatchNorm& op) const {
        train::need_batch_variance("reference", node, inputs[0], rules);
        return make<BatchNormLearning>(op);
    }
    Kernel operator()(const ops::GroupNorm& op) const { return make<GroupNormLearning>(op); }
    Kernel operator()(const ops::Activate& op) const { return make<ActivateLearning>(op); }
    Kernel operator()(const ops::Add& op) const { return make<AddLearning>(op); }
    Kernel operator()(const ops::Average& op) const { return make<AverageLearning>(op); }
    Kernel operator()(const ops::Pool2d& op) const { return make<Pool2dLearning>(op); }
    Kernel operator()(const ops::GlobalAveragePool& op) const { return make<GlobalAveragePoolLearning>(op); }
    Kernel operator()(const ops::ScaleChannels& op) const { return make<ScaleChannelsLearning>(op); }
    Kernel operator()(const ops::Resize& op) const { return make<ResizeLearning>(op); }
    Kernel operator()(const ops::Linear& op) const { return make<LinearLearning>(op); }
    Kernel operator()(const ops::Softmax& op) const { return make<SoftmaxLearning>(op); }
    Kernel operator()(const ops::Concat& op) const { return make<ConcatLearning>(op); }
    Kernel operator()(const ops::RoiAlign& op) const { return make<RoiAlignLearning>(op); }
    Kernel operator()(const ops::Voxelize& op) const { return make<VoxelizeLearning>(op); }
    Kernel operator()(const ops::EncodePillars&) const { return std::make_unique<EncodePillarsLearning>(node, inputs, outputs, rules); }
    Kernel operator()(const ops::ScatterPillars& op) const { return make<ScatterPillarsLearning>(op); }
};

}  // namespace regulus::reference

namespace regulus {

REGULUS_INLINE std::string ReferenceLearning::name() const { return "reference"; }

REGULUS_INLINE train::MapLayout ReferenceLearning::layout() const { return train::MapLayout::channels_first; }

REGULUS_INLINE std::unique_ptr<train::LearningKernel> ReferenceLearning::kernel(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs,
                                                                                const train::LearningRules& rules) const {
    return std::visit(reference::LearningKernels{node, inputs, outputs, rules}, node.operation);
}

}  // namespace regulus
