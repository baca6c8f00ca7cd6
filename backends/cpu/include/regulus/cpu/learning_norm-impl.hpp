#pragma once
// Batch norm that learns, by its batch's statistics or by the stored ones.
#include <algorithm>
#include <cmath>

#include <regulus/cpu/learning_lines-impl.hpp>
#include <regulus/train/learning_backend.hpp>

namespace regulus::cpu {

/// dst = activation((x - mean) / sqrt(variance + eps) * weight + bias). Per channel it keeps mean, scale, shift and 1 / sqrt(variance + eps).
class BatchNormThatLearns final : public train::LearningKernel {
public:
    BatchNormThatLearns(const ops::BatchNorm& op, const Shape& shape, const train::LearningRules& rules)
        : op_(op), rules_(rules), channels_(shape[1]), area_(shape[2] * shape[3]), all_pixels_(shape[0] * area_) {}

    std::size_t kept_bytes() const override { return std::size_t(4 * channels_) * sizeof(float); }
    std::size_t scratch_bytes() const override { return std::size_t((slices_of(all_pixels_) + 1) * 2 * channels_) * sizeof(double) + std::size_t(2 * channels_) * sizeof(float); }
    bool backward_reads_inputs() const override { return true; }
    bool backward_reads_outputs() const override { return op_.activation == Activation::sigmoid; }

    void forward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(rules_.threads);
        const float* const x = arguments.inputs[0];
        const Kept kept = kept_of(arguments);
        const std::int64_t pixels = counted(arguments);
        float* const dst = arguments.outputs[0];
        std::fill(dst + pixels * channels_, dst + all_pixels_ * channels_, 0.f);
        if (pixels == 0) return;
        find_statistics(arguments, kept);
        each_slice(pixels, [&](std::int64_t first, std::int64_t count) {
            norm_forward(x + first * channels_, kept.scale, kept.shift, op_.activation == Activation::relu, dst + first * channels_, count, channels_);
            if (op_.activation != Activation::sigmoid) return;
            for (std::int64_t i = first * channels_; i < (first + count) * channels_; ++i) dst[i] = activate(Activation::sigmoid, dst[i]);
        });
    }

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(rules_.threads);
        const float* const x = arguments.inputs[0];
        float* const gradient = arguments.output_gradients[0];
        const Kept kept = kept_of(arguments);
        const std::int64_t pixels = counted(arguments);
        float* const dx = arguments.input_gradients[0];
        if (dx != nullptr) std::fill(dx + pixels * channels_, dx + all_pixels_ * channels_, 0.f);
        if (pixels == 0) return;
        if (op_.activation == Activation::sigmoid) through_activation(op_.activation, arguments.outputs[0], gradient, pixels * channels_);
        double* const total = reinterpret_cast<double*>(arguments.scratch);
        sum_slices(pixels, channels_, total + 2 * channels_, total, [&](std::int64_t first, std::int64_t count, double* sum, double* product) {
            norm_sums(x + first * channels_, gradient + first * channels_, kept.scale, kept.shift, kept.mean, op_.activation == Activation::relu, count, channels_, sum, product);
        });
        for (std::int64_t c = 0; c < channels_; ++c) {
            if (arguments.parameter_gradients[0] != nullptr) arguments.parameter_gradients[0][c] += float(total[channels_ + c] * double(kept.inverse[c]));
            if (arguments.parameter_gradients[1] != nullptr) arguments.parameter_gradients[1][c] += float(total[c]);
        }
        if (dx == nullptr) return;
        float* const b = reinterpret_cast<float*>(total + (slices_of(all_pixels_) + 1) * 2 * channels_);
        float* const shift = b + channels_;
        const double share = rules_.stored_statistics ? 0 : 1.0 / double(pixels);
        for (std::int64_t c = 0; c < channels_; ++c) {
            const double scale = double(kept.scale[c]), inverse = double(kept.inverse[c]);
            b[c] = float(-scale * inverse * inverse * total[channels_ + c] * share);
            shift[c] = float(-scale * total[c] * share);
        }
        const NormBack lines{kept.scale, kept.mean, b, shift, op_.activation == Activation::relu ? kept.shift : nullptr};
        each_slice(pixels, [&](std::int64_t first, std::int64_t count) {
            norm_back(x + first * channels_, gradient + first * channels_, lines, dx + first * channels_, count, channels_);
        });
    }

private:
    struct Kept {
        float *mean, *scale, *shift, *inverse;
    };
    Kept kept_of(const train::LearningArguments& arguments) const {
        float* const kept = reinterpret_cast<float*>(arguments.kept);
        return {kept, kept + channels_, kept + 2 * channels_, kept + 3 * channels_};
    }

    /// Pixels of rows that are no padding.
    std::int64_t counted(const train::LearningArguments& arguments) const { return arguments.rows < 0 ? all_pixels_ : arguments.rows * area_; }

    template <class Body>
    void each_slice(std::int64_t pixels, const Body& body) const {
        parallel_for(slices_of(pixels), [&](std::int64_t slice) { body(slice * slice_pixels, std::min(slice_pixels, pixels - slice * slice_pixels)); });
    }

    void find_statistics(const train::LearningArguments& arguments, const Kept& kept) const {
        const float *weight = arguments.parameters[0], *bias = arguments.parameters[1];
        float *running_mean = arguments.parameters[2], *running_variance = arguments.parameters[3];
        const auto keep = [&](std::int64_t c, double mean, double variance) {
            const double inverse = 1 / std::sqrt(variance + op_.eps);
            kept.mean[c] = float(mean);
            kept.inverse[c] = float(inverse);
            kept.scale[c] = float(double(weight[c]) * inverse);
            kept.shift[c] = float(double(bias[c]) - mean * double(weight[c]) * inverse);
        };
        if (rules_.stored_statistics) {
            for (std::int64_t c = 0; c < channels_; ++c) keep(c, double(running_mean[c]), double(running_variance[c]));
            return;
        }
        // Sums are taken from the first pixel's values, so that squares of a large mean do not swallow a small variance.
        const float* const x = arguments.inputs[0];
        double* const total = reinterpret_cast<double*>(arguments.scratch);
        const std::int64_t pixels = counted(arguments);
        sum_slices(pixels, channels_, total + 2 * channels_, total,
                   [&](std::int64_t first, std::int64_t count, double* sum, double* squares) { moments(x + first * channels_, x, count, channels_, sum, squares); });
        const double count = double(pixels), momentum = arguments.norm_momentum;
        for (std::int64_t c = 0; c < channels_; ++c) {
            const double offset = total[c] / count, mean = double(x[c]) + offset;
            const double variance = std::max(0.0, total[channels_ + c] / count - offset * offset);
            keep(c, mean, variance);
            const double unbiased = variance * count / std::max(count - 1, 1.0);
            running_mean[c] = float((1 - momentum) * double(running_mean[c]) + momentum * mean);
            running_variance[c] = float((1 - momentum) * double(running_variance[c]) + momentum * unbiased);
        }
    }

    ops::BatchNorm op_;
    train::LearningRules rules_;
    std::int64_t channels_, area_, all_pixels_;
};

}  // namespace regulus::cpu
