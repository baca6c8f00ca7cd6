#pragma once
// One node that learns, with its numbers: forward and back on a backend, and forward in plain double arithmetic.
#include <cstring>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/graph/describe.hpp>
#include <regulus/reference/conv.hpp>
#include <regulus/reference/deform_conv.hpp>
#include <regulus/reference/group_norm.hpp>
#include <regulus/reference/linear_softmax.hpp>
#include <regulus/reference/pillars.hpp>
#include <regulus/reference/pool_resize.hpp>
#include <regulus/reference/refine.hpp>
#include <regulus/reference/roi_align.hpp>
#include <regulus/train/learning_backend.hpp>

#include "train/plain_pillars.hpp"

namespace regulus::testing {

/// A node at given shapes. Tensors are [n, c, h, w] where they are maps; parameters in the node's order.
struct LearningCase {
    std::string name;
    Operation operation;
    std::vector<Tensor> inputs;
    std::vector<Tensor> parameters;
    train::LearningRules rules{};
    double norm_momentum = 0.1;

    /// As in a graph whose first values are the inputs.
    Node node() const {
        Node node{operation, name, {}, {ValueId(inputs.size())}, {}};
        for (std::size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back(ValueId(i));
        for (std::size_t i = 0; i < parameters.size(); ++i) node.parameters.push_back({name + "." + std::to_string(i), parameters[i].shape()});
        return node;
    }
    std::vector<Shape> input_shapes() const {
        std::vector<Shape> shapes;
        for (const Tensor& tensor : inputs) shapes.push_back(tensor.shape());
        return shapes;
    }
    Shape output_shape() const { return infer_outputs(node(), input_shapes(), {})[0]; }
    /// Regions have a gradient by their maps only, points none, pillars by their features only.
    bool has_gradient(std::size_t input) const {
        if (std::holds_alternative<ops::EncodePillars>(operation)) return false;
        if (std::holds_alternative<ops::ScatterPillars>(operation)) return input == 0;
        return !std::holds_alternative<ops::RoiAlign>(operation) || input + 2 < inputs.size();
    }
    /// Running statistics have none.
    bool learns(std::size_t parameter) const {
        if (std::holds_alternative<ops::EncodePillars>(operation)) return parameter % 5 < 3;
        return !std::holds_alternative<ops::BatchNorm>(operation) || parameter < 2;
    }
};

/// A map in a backend's layout, and back; what is no map stays as it is.
inline Tensor arranged(const Tensor& tensor, train::MapLayout layout, bool back = false) {
    if (layout == train::MapLayout::channels_first || tensor.shape().rank() != 4) return tensor.clone();
    const std::int64_t channels = tensor.shape()[1], area = tensor.shape()[2] * tensor.shape()[3];
    Tensor result(tensor.shape(), DType::f32);
    for (std::int64_t image = 0; image < tensor.shape()[0]; ++image) {
        for (std::int64_t c = 0; c < channels; ++c) {
            for (std::int64_t i = 0; i < area; ++i) {
                const std::int64_t first = (image * channels + c) * area + i, last = (image * area + i) * channels + c;
                result.data<float>()[back ? first : last] = tensor.data<float>()[back ? last : first];
            }
        }
    }
    return result;
}

inline Tensor filled(const Shape& shape, float value) {
    Tensor result(shape, DType::f32);
    std::fill_n(result.data<float>(), result.numel(), value);
    return result;
}

/// What a pass gave. Tensors that nobody asked for are empty.
struct LearningPass {
    Tensor output;
    std::vector<Tensor> parameters;  // after the pass
    std::vector<Tensor> input_gradients, parameter_gradients;
};

/// Bytes for a kernel with a guard behind them.
class GuardedBytes {
public:
    explicit GuardedBytes(std::size_t bytes) : bytes_(bytes), memory_(Shape{std::int64_t((bytes + sizeof(float) - 1) / sizeof(float)) + 16}, DType::f32) { std::memset(memory_.raw(), 0xff, memory_.bytes()); }
    std::byte* data() { return static_cast<std::byte*>(memory_.raw()); }
    void spoil() { std::memset(memory_.raw(), 0xff, bytes_); }  // NaN as float and double
    bool guard_stands() const {
        const auto* bytes = static_cast<const unsigned char*>(memory_.raw());
        return std::all_of(bytes + bytes_, bytes + memory_.bytes(), [](unsigned char byte) { return byte == 0xff; });
    }

private:
    std::size_t bytes_;
    Tensor memory_;
};

inline constexpr float gradient_before = 0.5f;  // what parameter gradients hold before they are added to

/// Forward and, where there is an output gradient [as the output], back. A kernel meets what learning_backend.hpp promises it and no more: values that it does not name
/// for the way back are null, gradients by inputs hold NaN, scratch too, and between the directions it is spoilt. With `frozen` no parameter has a gradient, with `first` no input has.
inline LearningPass pass_over(const train::LearningBackend& backend, const LearningCase& one, const Tensor& output_gradient, bool frozen = false, bool first = false) {
    const train::MapLayout layout = backend.layout();
    train::LearningRules rules = one.rules;
    if (frozen) rules.learns = false;
    const std::unique_ptr<train::LearningKernel> kernel = backend.kernel(one.node(), one.input_shapes(), {one.output_shape()}, rules);
    GuardedBytes kept(kernel->kept_bytes()), scratch(kernel->scratch_bytes());
    LearningPass pass;
    train::LearningArguments arguments;
    arguments.kept = kept.data();
    arguments.scratch = scratch.data();
    arguments.norm_momentum = one.norm_momentum;
    std::vector<Tensor> inputs;
    for (const Tensor& tensor : one.inputs) {
        inputs.push_back(tensor.dtype() == DType::f32 ? arranged(tensor, layout) : tensor);
        arguments.inputs.push_back(static_cast<const float*>(inputs.back().raw()));  // counts are int32 behind this address
    }
    for (const Tensor& tensor : one.parameters) pass.parameters.push_back(tensor.clone());
    for (Tensor& tensor : pass.parameters) arguments.parameters.push_back(tensor.data<float>());
    Tensor output = filled(one.output_shape(), NAN);
    arguments.outputs = {output.data<float>()};
    kernel->forward(arguments);
    pass.output = arranged(output, layout, true);
    if (!output_gradient.empty()) {
        scratch.spoil();
        Tensor gradient = arranged(output_gradient, layout);
        arguments.output_gradients = {gradient.data<float>()};
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            pass.input_gradients.push_back(one.has_gradient(i) && !first ? filled(inputs[i].shape(), NAN) : Tensor());
            arguments.input_gradients.push_back(pass.input_gradients.back().empty() ? nullptr : pass.input_gradients.back().data<float>());
        }
        for (std::size_t i = 0; i < one.parameters.size(); ++i) {
            pass.parameter_gradients.push_back(one.learns(i) && !frozen ? filled(one.parameters[i].shape(), gradient_before) : Tensor());
            arguments.parameter_gradients.push_back(pass.parameter_gradients.back().empty() ? nullptr : pass.parameter_gradients.back().data<float>());
        }
        if (!kernel->backward_reads_inputs()) std::fill(arguments.inputs.begin(), arguments.inputs.end(), nullptr);
        if (!kernel->backward_reads_outputs()) arguments.outputs[0] = nullptr;
        kernel->backward(arguments);
        for (Tensor& tensor : pass.input_gradients) tensor = tensor.empty() ? tensor : arranged(tensor, layout, true);
    }
    CHECK_MESSAGE(kept.guard_stands(), one.name, ": written beyond kept_bytes()");
    CHECK_MESSAGE(scratch.guard_stands(), one.name, ": written beyond scratch_bytes()");
    return pass;
}

using Doubles = std::vector<double>;

/// The case's output in double from `inputs` and `parameters` in double: the loops of the inference reference; a batch norm with the batch's statistics by its formula.
struct PlainForward {
    const LearningCase& one;
    const std::vector<Doubles>& inputs;
    const std::vector<Doubles>& parameters;
    Doubles& dst;

    using In = reference::View<const double>;
    using Out = reference::View<double>;
    In in(std::size_t i = 0) const { return {inputs[i].data(), one.inputs[i].shape()}; }
    Out out() const { return {dst.data(), one.output_shape()}; }
    const double* parameter(std::size_t i) const { return i < parameters.size() ? parameters[i].data() : nullptr; }
    reference::Norm<double> norm(double eps) const { return {parameter(0), parameter(1), parameter(2), parameter(3), eps}; }

    template <class Op>
    void operator()(const Op&) const { FAIL("no plain forward for this operation"); }
    void operator()(const ops::Conv2d& op) const {
        Doubles scratch(std::size_t(reference::conv_scratch(op, out()[2] * out()[3])));
        reference::conv2d<double>(op, in(), parameter(0), parameter(1), {}, nullptr, out(), scratch.data(), 1);
    }
    void operator()(const ops::DeformConv2d& op) const {
        Doubles scratch(std::size_t(reference::conv_scratch(op.conv, out()[2] * out()[3])));
        reference::deform_conv2d<double>(op, in(0), in(1), parameter(0), parameter(1), {}, out(), scratch.data(), 1);
    }
    void operator()(const ops::ConvTranspose2d& op) const {
        Doubles scratch(std::size_t(reference::deconv_channels * in()[2] * in()[3]));
        reference::conv_transpose2d<double>(op, in(), reference::taps_first(op, parameter(0)).data(), parameter(1), {}, out(), scratch.data(), 1);
    }
    void operator()(const ops::BatchNorm& op) const {
        if (one.rules.stored_statistics) return reference::batch_norm<double>(op, in(), norm(op.eps), out(), 1);
        const std::int64_t images = in()[0], area = in()[2] * in()[3];
        for (std::int64_t c = 0; c < op.channels; ++c) {
            double sum = 0, squares = 0;
            const auto each = [&](const auto& body) {
                for (std::int64_t i = 0; i < images * op.channels * area; ++i) {
                    if (i / area % op.channels == c) body(i);
                }
            };
            each([&](std::int64_t i) { sum += inputs[0][std::size_t(i)]; });
            const double mean = sum / double(images * area);
            each([&](std::int64_t i) { squares += std::pow(inputs[0][std::size_t(i)] - mean, 2); });
            const double deviation = std::sqrt(squares / double(images * area) + op.eps);
            each([&](std::int64_t i) { dst[std::size_t(i)] = kernels::activated(op.activation, (inputs[0][std::size_t(i)] - mean) / deviation * parameter(0)[c] + parameter(1)[c]); });
        }
    }
    void operator()(const ops::GroupNorm& op) const { reference::group_norm<double>(op, in(), parameter(0), parameter(1), out(), 1); }
    void operator()(const ops::Activate& op) const { reference::activate<double>(op, in(), out(), 1); }
    void operator()(const ops::Add& op) const { reference::add<double>(op, in(0), in(1).data, out(), 1); }
    void operator()(const ops::Average&) const {
        std::vector<const double*> sources;
        for (const Doubles& source : inputs) sources.push_back(source.data());
        reference::average<double>(sources, out());
    }
    void operator()(const ops::Pool2d& op) const { reference::pool2d<double>(op, in(), out(), 1); }
    void operator()(const ops::GlobalAveragePool&) const { reference::global_average_pool<double>(in(), out(), 1); }
    void operator()(const ops::ScaleChannels&) const { reference::scale_channels<double>(in(0), in(1).data, out(), 1); }
    void operator()(const ops::Resize& op) const { reference::resize<double>(op, in(0), op.adds ? in(1).data : nullptr, out(), 1); }
    void operator()(const ops::Linear& op) const { reference::linear<double>(op, in().data, reference::transposed(op, parameter(0)).data(), parameter(1), out(), 1); }
    void operator()(const ops::Softmax&) const { reference::softmax<double>(in(), out(), 1); }
    void operator()(const ops::Concat&) const {
        std::vector<In> sources;
        for (std::size_t i = 0; i < inputs.size(); ++i) sources.push_back(in(i));
        reference::concat<double>(sources, out(), 1);
    }
    void operator()(const ops::EncodePillars& op) const {
        plain_pillar_net(op, inputs[0], {one.inputs[1], one.inputs[2], one.inputs[3], one.inputs[4], one.inputs[5]}, parameters, one.rules, dst);
    }
    void operator()(const ops::ScatterPillars& op) const {
        reference::scatter_pillars<double>(op, inputs[0].data(), one.inputs[1].data<std::int32_t>(), one.inputs[2].data<std::int32_t>(), out());
    }
    void operator()(const ops::RoiAlign& op) const {
        std::vector<In> maps;
        std::int64_t longest = 0;
        for (std::size_t level = 0; level < op.strides.size(); ++level) {
            maps.push_back(in(level));
            longest = std::max({longest, maps.back()[2], maps.back()[3]});
        }
        GuardedBytes scratch(reference::roi_scratch<double>(op, longest, longest));
        std::fill(dst.begin(), dst.end(), 0.0);
        reference::roi_align<double>(op, maps, in(maps.size()).data, one.inputs.back().data<std::int32_t>(), out(), scratch.data(), 0, 1);
    }
};

inline Doubles doubles_of(const Tensor& tensor) {
    if (tensor.dtype() != DType::f32) return {};
    return Doubles(tensor.data<float>(), tensor.data<float>() + tensor.numel());
}

}  // namespace regulus::testing
