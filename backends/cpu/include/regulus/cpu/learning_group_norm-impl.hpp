#pragma once
// Group norm that learns.
#include <cmath>

#include <regulus/cpu/group_norm-impl.hpp>
#include <regulus/cpu/learning_lines-impl.hpp>
#include <regulus/train/learning_backend.hpp>

namespace regulus::cpu {

/// dst = activation((x - mean) / sqrt(variance + eps) * weight + bias), with the statistics of a picture's (or region's) groups. Per picture and channel it keeps mean and
/// 1 / sqrt(variance + eps) of the channel's group.
class GroupNormThatLearns final : public train::LearningKernel {
public:
    GroupNormThatLearns(const ops::GroupNorm& op, const Shape& shape, int threads) : op_(op), threads_(threads), images_(shape[0]), pixels_(shape[2] * shape[3]) {}

    std::size_t kept_bytes() const override { return std::size_t(images_ * 2 * channels()) * sizeof(float); }
    /// Sums of slices, then per picture sums of its channels and three lines of factors.
    std::size_t scratch_bytes() const override { return std::size_t(images_ * (slices_of(pixels_) + 1) * 2 * channels()) * sizeof(double) + std::size_t(images_ * 3 * channels()) * sizeof(float); }
    bool backward_reads_inputs() const override { return true; }
    bool backward_reads_outputs() const override { return op_.activation != Activation::none; }

    void forward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads_);
        const float *const x = arguments.inputs[0], *const weight = arguments.parameters[0], *const bias = arguments.parameters[1];
        // Sums are taken from the picture's first pixel, so that squares of a large mean do not swallow a small variance.
        sum_images(arguments, [&](std::int64_t image, std::int64_t first, std::int64_t count, double* sum, double* squares) {
            moments(x + first * channels(), x + image * pixels_ * channels(), count, channels(), sum, squares);
        });
        parallel_for(images_, [&](std::int64_t image) {
            const Kept kept = kept_of(arguments, image);
            find_statistics(x + image * pixels_ * channels(), total_of(arguments, image), kept);
            float* const scale = factors_of(arguments, image);
            for (std::int64_t c = 0; c < channels(); ++c) scale[c] = float(double(weight[c]) * double(kept.inverse[c]));
        });
        each_slice([&](std::int64_t image, std::int64_t, std::int64_t first, std::int64_t count) {
            const float *const mean = kept_of(arguments, image).mean, *const scale = factors_of(arguments, image);
            for (std::int64_t i = first * channels(); i < (first + count) * channels(); i += channels()) normalise(x + i, mean, scale, bias, arguments.outputs[0] + i, channels(), op_.activation);
        });
    }

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads_);
        const float *const x = arguments.inputs[0], *const weight = arguments.parameters[0];
        float* const gradient = arguments.output_gradients[0];
        through_activation(op_.activation, arguments.outputs[0], gradient, images_ * pixels_ * channels());
        sum_images(arguments, [&](std::int64_t image, std::int64_t first, std::int64_t count, double* sum, double* product) {
            norm_sums(x + first * channels(), gradient + first * channels(), nullptr, nullptr, kept_of(arguments, image).mean, false, count, channels(), sum, product);
        });
        learn(arguments);
        float* const dx = arguments.input_gradients[0];
        if (dx == nullptr) return;
        parallel_for(images_, [&](std::int64_t image) { find_factors(total_of(arguments, image), weight, kept_of(arguments, image), factors_of(arguments, image)); });
        each_slice([&](std::int64_t image, std::int64_t, std::int64_t first, std::int64_t count) {
            const float* const factors = factors_of(arguments, image);
            const NormBack lines{factors, kept_of(arguments, image).mean, factors + channels(), factors + 2 * channels(), nullptr};
            norm_back(x + first * channels(), gradient + first * channels(), lines, dx + first * channels(), count, channels());
        });
    }

private:
    struct Kept {
        float *mean, *inverse;  // a line of channels each
    };
    std::int64_t channels() const { return op_.channels; }
    std::int64_t group_width() const { return op_.channels / op_.groups; }
    Kept kept_of(const train::LearningArguments& arguments, std::int64_t image) const {
        float* const kept = reinterpret_cast<float*>(arguments.kept) + image * 2 * channels();
        return {kept, kept + channels()};
    }
    double* sums_of(const train::LearningArguments& arguments, std::int64_t slice) const { return reinterpret_cast<double*>(arguments.scratch) + slice * 2 * channels(); }
    double* total_of(const train::LearningArguments& arguments, std::int64_t image) const { return sums_of(arguments, images_ * slices_of(pixels_) + image); }
    float* factors_of(const train::LearningArguments& arguments, std::int64_t image) const { return reinterpret_cast<float*>(total_of(arguments, images_)) + image * 3 * channels(); }

    /// body(image, slice, first pixel, pixels); slices and pixels count through all images.
    template <class Body>
    void each_slice(const Body& body) const {
        const std::int64_t slices = slices_of(pixels_);
        parallel_for(images_ * slices, [&](std::int64_t slice) {
            const std::int64_t first = slice % slices * slice_pixels;
            body(slice / slices, slice, slice / slices * pixels_ + first, std::min(slice_pixels, pixels_ - first));
        });
    }
    /// body(image, first pixel, pixels, two lines to be written) for every slice; an image's lines are added up in their order.
    template <class Body>
    void sum_images(const train::LearningArguments& arguments, const Body& body) const {
        each_slice([&](std::int64_t image, std::int64_t slice, std::int64_t first, std::int64_t count) {
            double* const sums = sums_of(arguments, slice);
            body(image, first, count, sums, sums + channels());
        });
        parallel_for(images_, [&](std::int64_t image) {
            double* const total = total_of(arguments, image);
            std::fill(total, total + 2 * channels(), 0.0);
            for (std::int64_t slice = image * slices_of(pixels_); slice < (image + 1) * slices_of(pixels_); ++slice) {
                const double* const sums = sums_of(arguments, slice);
                for (std::int64_t i = 0; i < 2 * channels(); ++i) total[i] += sums[i];
            }
        });
    }

    /// From the channels' sums of x - origin and of its square to the groups' means and factors.
    void find_statistics(const float* origin, const double* total, const Kept& kept) const {
        const double pixels = double(pixels_), count = pixels * double(group_width());
        for (std::int64_t first = 0; first < channels(); first += group_width()) {
            double sum = 0, squares = 0;
            for (std::int64_t c = first; c < first + group_width(); ++c) sum += pixels * double(origin[c]) + total[c];
            const double mean = sum / count;
            for (std::int64_t c = first; c < first + group_width(); ++c) {
                const double offset = double(origin[c]) - mean;
                squares += total[channels() + c] + offset * (2 * total[c] + pixels * offset);
            }
            const double inverse = 1 / std::sqrt(std::max(0.0, squares / count) + op_.eps);
            std::fill_n(kept.mean + first, group_width(), float(mean));
            std::fill_n(kept.inverse + first, group_width(), float(inverse));
        }
    }

    void learn(const train::LearningArguments& arguments) const {
        float *const to_weight = arguments.parameter_gradients[0], *const to_bias = arguments.parameter_gradients[1];
        for (std::int64_t c = 0; c < channels(); ++c) {
            double sum = 0, product = 0;
            for (std::int64_t image = 0; image < images_; ++image) {
                const double* const total = total_of(arguments, image);
                sum += total[c];
                product += total[channels() + c] * double(kept_of(arguments, image).inverse[c]);
            }
            if (to_weight != nullptr) to_weight[c] += float(product);
            if (to_bias != nullptr) to_bias[c] += float(sum);
        }
    }

    /// dx = gradient * a + (x - mean) * b + c: the group's mean and variance move with each value, and what of the gradient lies along them is lost.
    void find_factors(const double* total, const float* weight, const Kept& kept, float* factors) const {
        const double count = double(pixels_) * double(group_width());
        for (std::int64_t first = 0; first < channels(); first += group_width()) {
            const double inverse = double(kept.inverse[first]);
            double sum = 0, product = 0;
            for (std::int64_t c = first; c < first + group_width(); ++c) {
                sum += double(weight[c]) * total[c];
                product += double(weight[c]) * total[channels() + c];
            }
            for (std::int64_t c = first; c < first + group_width(); ++c) {
                factors[c] = float(inverse * double(weight[c]));
                factors[channels() + c] = float(-inverse * inverse * inverse * product / count);
                factors[2 * channels() + c] = float(-inverse * sum / count);
            }
        }
    }

    ops::GroupNorm op_;
    int threads_;
    std::int64_t images_, pixels_;
};

}  // namespace regulus::cpu
