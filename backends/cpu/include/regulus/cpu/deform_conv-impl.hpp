#pragma once
// Deformable convolutions over NHWC maps.
//
// A task takes a block of output pixels. Where their taps read is computed once for all channels; then, group after group, the taps' channels are
// gathered into a small matrix [pixels, taps * channels of the group], which stays in the cache, and multiplied with the group's weights.
#include <algorithm>
#include <cstring>
#include <memory>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/maps-impl.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/graph/kernels/deform_conv.hpp>

#define REGULUS_SIMD_NAME deform_conv
#define REGULUS_SIMD_SOURCE <regulus/cpu/deform_conv.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

/// Gathering and the product for one instruction set.
struct DeformConvFunctions {
    int lanes;
    void (*gather)(const float* src, std::int64_t pixel_pitch, const kernels::TapSample<float>* samples, std::int64_t count, std::int64_t channels, float* columns, std::int64_t column_pitch);
    void (*multiply)(const MatrixProduct&);
};

inline const DeformConvFunctions& deform_conv_functions() {
#if defined(__x86_64__)
    static constexpr DeformConvFunctions avx512{deform_conv_avx512::lanes, deform_conv_avx512::gather, matrix_avx512::multiply};
    static constexpr DeformConvFunctions avx2{deform_conv_avx2::lanes, deform_conv_avx2::gather, matrix_avx2::multiply};
    if (instruction_set() == InstructionSet::avx512) return avx512;
    if (instruction_set() == InstructionSet::avx2) return avx2;
#endif
    static constexpr DeformConvFunctions baseline{deform_conv_baseline::lanes, deform_conv_baseline::gather, matrix_baseline::multiply};
    return baseline;
}

/// Per group a matrix [taps * in, out] packed for the matrix product, out padded to whole vectors with zeros; and the biases alike.
struct DeformConvWeights {
    Tensor matrices;
    Tensor bias;
    std::int64_t width = 0;  // padded out channels of a group

    static DeformConvWeights make(const ops::Conv2d& op, const ConvParameters& parameters, const DeformConvFunctions& functions) {
        const std::int64_t out = op.out_channels / op.groups, in = op.in_channels / op.groups, taps = std::int64_t(op.kernel) * op.kernel;
        DeformConvWeights result;
        result.width = (out + functions.lanes - 1) / functions.lanes * functions.lanes;
        result.matrices = Tensor::zeros(Shape{op.groups, taps * in, result.width});
        result.bias = Tensor::zeros(Shape{op.groups, result.width});
        for (std::int64_t group = 0; group < op.groups; ++group) {
            std::memcpy(result.bias.data<float>() + group * result.width, parameters.bias.data<float>() + group * out, std::size_t(out) * sizeof(float));
            float* const matrix = result.matrices.data<float>() + group * taps * in * result.width;
            const float* const weight = parameters.weight.data<float>() + group * out * in * taps;  // [out, in, taps]
            for_packed_columns(result.width, taps * in, functions.lanes, [&](std::int64_t o, std::int64_t place, std::int64_t panel) {
                if (o >= out) return;
                for (std::int64_t tap = 0; tap < taps; ++tap) {
                    for (std::int64_t i = 0; i < in; ++i) matrix[place + (tap * in + i) * panel] = weight[(o * in + i) * taps + tap];
                }
            });
        }
        return result;
    }
};

class DeformConvKernel final : public Kernel {
public:
    DeformConvKernel(const NodeContext& context, std::shared_ptr<const DeformConvWeights> weights, int threads)
        : op_(std::get<ops::DeformConv2d>(context.node.operation)), weights_(std::move(weights)), functions_(deform_conv_functions()), rows_(context.rows_of(context.out(0))),
          src_(context.place(context.in(0))), offsets_(context.place(context.in(1))), dst_(context.place(context.out(0))), threads_(threads) {
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        height_ = in[2];
        width_ = in[3];
        out_height_ = out[2];
        out_width_ = out[3];
        offset_channels_ = context.shape(context.in(1))[1];
        taps_ = std::int64_t(op_.conv.kernel) * op_.conv.kernel;
        depth_ = taps_ * (op_.conv.in_channels / op_.conv.groups);
        // As many pixels as a quarter of a mebibyte of columns holds, yet enough to make the weights' way into the registers worth it.
        pixels_ = std::clamp<std::int64_t>(65536 / depth_ / 8 * 8, 16, 64);
        name = "gather + product";
        reason = "own kernel: positions once for all channels, columns stay in the cache";
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * task_bytes(); }

    void run(const Run& run) const override {
        std::byte* const memory = static_cast<std::byte*>(run.at(scratch));
        const std::int64_t an_image = (out_height_ * out_width_ + pixels_ - 1) / pixels_;
        parallel_tasks(threads_, rows_(run) * an_image, [&](int thread, std::int64_t i) { task(run, memory + std::size_t(thread) * task_bytes(), i / an_image, i % an_image * pixels_); });
    }

private:
    std::size_t sample_bytes() const { return std::size_t(op_.deform_groups * pixels_ * taps_) * sizeof(kernels::TapSample<float>); }
    std::size_t task_bytes() const { return (sample_bytes() + std::size_t(pixels_ * depth_) * sizeof(float) + 63) / 64 * 64; }

    /// Output pixels [first, first + pixels_) of an image, as far as it has them.
    void task(const Run& run, std::byte* memory, std::int64_t image, std::int64_t first) const {
        const ops::Conv2d& conv = op_.conv;
        const std::int64_t count = std::min(pixels_, out_height_ * out_width_ - first);
        auto* const samples = reinterpret_cast<kernels::TapSample<float>*>(memory);  // [deform groups, count, taps]
        float* const columns = reinterpret_cast<float*>(memory + sample_bytes());    // [count, taps, channels of a group]
        const float* const src = run.floats(src_) + image * height_ * width_ * conv.in_channels;
        const float* const offsets = run.floats(offsets_) + (image * out_height_ * out_width_ + first) * offset_channels_;
        float* const dst = run.floats(dst_) + (image * out_height_ * out_width_ + first) * conv.out_channels;

        for (int group = 0; group < op_.deform_groups; ++group) {
            for (std::int64_t i = 0; i < count; ++i) {
                for (int tap = 0; tap < taps_; ++tap) {
                    samples[(group * count + i) * taps_ + tap] = kernels::deform_sample(op_, offsets + i * offset_channels_, 1, group, tap, (first + i) / out_width_, (first + i) % out_width_, height_, width_);
                }
            }
        }
        const std::int64_t in = conv.in_channels / conv.groups, out = conv.out_channels / conv.groups, in_deform = conv.in_channels / op_.deform_groups;
        MatrixProduct product;
        product.a = columns;
        product.a_pitch = product.depth = depth_;
        product.rows = count;
        product.width = weights_->width;
        product.stored = out;
        product.c_pitch = conv.out_channels;
        product.relu = conv.activation == Activation::relu;
        for (int group = 0; group < conv.groups; ++group) {
            const std::int64_t begin = group * in, end = begin + in;
            for (std::int64_t channel = begin; channel < end;) {  // as far as one deform group reaches
                const std::int64_t deform_group = channel / in_deform;
                const std::int64_t next = std::min(end, (deform_group + 1) * in_deform);
                functions_.gather(src + channel, conv.in_channels, samples + deform_group * count * taps_, count * taps_, next - channel, columns + (channel - begin), in);
                channel = next;
            }
            product.b = weights_->matrices.data<float>() + group * depth_ * weights_->width;
            product.bias = weights_->bias.data<float>() + group * weights_->width;
            product.c = dst + group * out;
            functions_.multiply(product);
        }
        if (conv.activation == Activation::sigmoid) {
            for (std::int64_t i = 0; i < count * conv.out_channels; ++i) dst[i] = activate(Activation::sigmoid, dst[i]);
        }
    }

    ops::DeformConv2d op_;
    std::shared_ptr<const DeformConvWeights> weights_;
    const DeformConvFunctions& functions_;
    RowCount rows_;
    Place src_, offsets_, dst_;
    int threads_;
    std::int64_t height_ = 0, width_ = 0, out_height_ = 0, out_width_ = 0, offset_channels_ = 0, taps_ = 0, depth_ = 0, pixels_ = 0;
};

}  // namespace regulus::cpu
