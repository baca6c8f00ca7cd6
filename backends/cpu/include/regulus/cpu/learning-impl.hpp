#pragma once
#include <regulus/cpu/learning.hpp>
#include <regulus/cpu/learning_deform_conv-impl.hpp>
#include <regulus/cpu/learning_group_norm-impl.hpp>
#include <regulus/cpu/learning_maps-impl.hpp>
#include <regulus/cpu/learning_norm-impl.hpp>
#include <regulus/cpu/learning_pillars-impl.hpp>
#include <regulus/cpu/learning_products-impl.hpp>
#include <regulus/cpu/learning_roi_align-impl.hpp>
#include <regulus/cpu/refine-impl.hpp>
#include <regulus/graph/describe.hpp>

namespace regulus {

namespace cpu {

/// Null for what cannot be taught.
struct LearningMaker {
    const Node& node;
    const std::vector<Shape>& in;
    const std::vector<Shape>& out;
    const train::LearningRules& rules;
    using Made = std::unique_ptr<train::LearningKernel>;

    template <class Op>
    Made operator()(const Op&) const { return nullptr; }
    Made operator()(const ops::Conv2d& op) const { return op.norm || op.residual ? nullptr : convolution_that_learns(op, in[0], out[0], rules.threads); }
    Made operator()(const ops::DeformConv2d& op) const {
        return op.conv.norm || op.conv.residual ? nullptr : std::make_unique<DeformConvThatLearns>(op, in[0], out[0], rules.threads);
    }
    Made operator()(const ops::ConvTranspose2d& op) const { return op.norm ? nullptr : convolution_that_learns(op, in[0], out[0], rules.threads); }
    Made operator()(const ops::Linear& op) const { return linear_that_learns(op, in[0], out[0], rules.threads); }
    Made operator()(const ops::BatchNorm& op) const {
        train::need_batch_variance("cpu", node, in[0], rules);
        return std::make_unique<BatchNormThatLearns>(op, in[0], rules);
    }
    Made operator()(const ops::GroupNorm& op) const { return std::make_unique<GroupNormThatLearns>(op, in[0], rules.threads); }
    Made operator()(const ops::Activate&) const { return std::make_unique<ActivateThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::Add& op) const { return std::make_unique<SumThatLearns>(node, in, out, rules.threads, make_add, op.activation, 1.f); }
    Made operator()(const ops::Average&) const { return std::make_unique<SumThatLearns>(node, in, out, rules.threads, make_average, Activation::none, 1.f / float(in.size())); }
    Made operator()(const ops::Pool2d&) const { return std::make_unique<PoolThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::GlobalAveragePool&) const { return std::make_unique<MeanThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::ScaleChannels&) const { return std::make_unique<ScaleThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::Resize&) const { return std::make_unique<ResizeThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::Concat&) const { return std::make_unique<ConcatThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::Softmax&) const { return std::make_unique<SoftmaxThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::RoiAlign&) const { return std::make_unique<RoiAlignThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::Voxelize&) const { return std::make_unique<VoxelizeThatLearns>(node, in, out, rules.threads); }
    Made operator()(const ops::EncodePillars&) const { return std::make_unique<PillarNetThatLearns>(node, in, out, rules); }
    Made operator()(const ops::ScatterPillars&) const { return std::make_unique<ScatterThatLearns>(node, in, out, rules.threads); }
};

}  // namespace cpu

REGULUS_INLINE std::unique_ptr<train::LearningKernel> CpuLearning::kernel(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs,
                                                                          const train::LearningRules& rules) const {
    cpu::bound_primitive_cache();
    try {
        const cpu::ThreadScope scope(rules.threads);
        if (auto kernel = std::visit(cpu::LearningMaker{node, inputs, outputs, rules}, node.operation)) return kernel;
    } catch (const dnnl::error& error) {
        throw BackendError("cpu: oneDNN has no kernels to teach \"" + node.name + "\" (" + describe(node.operation) + "): " + error.what());
    }
    throw BackendError("cpu: \"" + node.name + "\" (" + describe(node.operation) + ") cannot be taught");
}

}  // namespace regulus
