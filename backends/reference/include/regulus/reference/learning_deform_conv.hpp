#pragma once
// Deformable convolutions that learn: what a convolution hands to its taps goes on to the pixels that they read, and to where they read.
#include <cmath>

#include <regulus/reference/deform_conv.hpp>
#include <regulus/reference/learning_kernel.hpp>

namespace regulus::reference {

/// A place between pixels, and the factor on what is read there.
struct DeformedTap {
    double y = 0, x = 0;
    double modulation = 1;
    bool inside = false;
};

/// What a plane holds at a place, pixels outside being zero, and how fast it changes along y and x.
struct BilinearValue {
    double value = 0, along_y = 0, along_x = 0;
};

class DeformConv2dLearning final : public NodeKernel<ops::DeformConv2d> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_inputs() const override { return true; }
    bool backward_reads_outputs() const override { return conv().activation != Activation::none; }
    std::size_t scratch_bytes() const override {
        return std::max(std::size_t(threads_) * std::size_t(conv_scratch(conv(), positions())) * sizeof(float), zeros_bytes(height() * width()));
    }

    void forward(const Arguments& arguments) override {
        deform_conv2d<float>(op_, in(arguments, 0), in(arguments, 1), arguments.parameters[0], conv().bias ? arguments.parameters[1] : nullptr, {}, out(arguments),
                             reinterpret_cast<float*>(arguments.scratch), threads_);
    }

    void backward(const Arguments& arguments) override {
        through_activation(conv().activation, out(arguments), arguments.output_gradients[0], threads_);
        if (arguments.input_gradients[0] != nullptr) to_input(arguments);
        if (arguments.input_gradients[1] != nullptr) to_offsets(arguments);
        if (parameter_gradient(arguments, 0) != nullptr) to_weight(arguments);
        if (conv().bias && parameter_gradient(arguments, 1) != nullptr) add_channel_sums(out_gradient(arguments), parameter_gradient(arguments, 1), threads_);
    }

private:
    const ops::Conv2d& conv() const { return op_.conv; }
    int taps() const { return conv().kernel * conv().kernel; }
    std::int64_t height() const { return in_[0][2]; }
    std::int64_t width() const { return in_[0][3]; }
    std::int64_t positions() const { return out_[0][2] * out_[0][3]; }
    std::int64_t in_group() const { return conv().in_channels / conv().groups; }
    std::int64_t out_group() const { return conv().out_channels / conv().groups; }
    std::int64_t deform_width() const { return conv().in_channels / op_.deform_groups; }
    std::int64_t offset_channels() const { return op_.offset_channels(); }
    std::int64_t logit_channel(std::int64_t group, int tap) const { return 2 * std::int64_t(op_.deform_groups) * taps() + group * taps() + tap; }

    /// The arithmetic of kernels::deform_sample.
    DeformedTap tap_at(const Arguments& arguments, std::int64_t image, std::int64_t group, int tap, std::int64_t position) const {
        const float* offsets = arguments.inputs[1] + image * offset_channels() * positions() + position;
        const float* move = offsets + 2 * (group * taps() + tap) * positions();
        const std::int64_t out_y = position / out_[0][3], out_x = position % out_[0][3];
        const float y = float(out_y * conv().stride - conv().padding + tap / conv().kernel * conv().dilation) + move[0];
        const float x = float(out_x * conv().stride - conv().padding + tap % conv().kernel * conv().dilation) + move[positions()];
        if (!(y > -1 && x > -1 && y < float(height()) && x < float(width()))) return {};
        return {double(y), double(x), op_.modulated ? 1 / (1 + std::exp(-double(offsets[logit_channel(group, tap) * positions()]))) : 1.0, true};
    }

    BilinearValue read(const float* plane, const DeformedTap& tap) const {
        const std::int64_t top = std::int64_t(std::floor(tap.y)), left = std::int64_t(std::floor(tap.x));
        const auto pixel = [&](std::int64_t y, std::int64_t x) { return y >= 0 && x >= 0 && y < height() && x < width() ? double(plane[y * width() + x]) : 0; };
        const double a = pixel(top, left), b = pixel(top, left + 1), c = pixel(top + 1, left), d = pixel(top + 1, left + 1);
        const double down = tap.y - double(top), right = tap.x - double(left);
        return {(1 - down) * ((1 - right) * a + right * b) + down * ((1 - right) * c + right * d), (1 - right) * (c - a) + right * (d - b), (1 - down) * (b - a) + down * (d - c)};
    }

    /// The derivative by what a tap hands to the product.
    double by_patch(const Arguments& arguments, std::int64_t image, std::int64_t channel, int tap, std::int64_t position) const {
        const std::int64_t group = channel / in_group();
        double sum = 0;
        for (std::int64_t o = group * out_group(); o < (group + 1) * out_group(); ++o) {
            sum += double(arguments.parameters[0][(o * in_group() + channel % in_group()) * taps() + tap]) * double(arguments.output_gradients[0][(image * conv().out_channels + o) * positions() + position]);
        }
        return sum;
    }

    const float* plane_of(const Arguments& arguments, std::int64_t image, std::int64_t channel) const { return arguments.inputs[0] + (image * conv().in_channels + channel) * height() * width(); }

    void to_input(const Arguments& arguments) const {
        parallel_for(threads_, in_[0][0] * conv().in_channels, [&](int thread, std::int64_t plane) {
            const std::int64_t image = plane / conv().in_channels, channel = plane % conv().in_channels;
            double* sums = zeros(arguments, thread, height() * width());
            for (int tap = 0; tap < taps(); ++tap) {
                for (std::int64_t position = 0; position < positions(); ++position) {
                    const DeformedTap at = tap_at(arguments, image, channel / deform_width(), tap, position);
                    if (!at.inside) continue;
                    const double value = at.modulation * by_patch(arguments, image, channel, tap, position);
                    const std::int64_t top = std::int64_t(std::floor(at.y)), left = std::int64_t(std::floor(at.x));
                    for (std::int64_t y = std::max<std::int64_t>(top, 0); y <= std::min(top + 1, height() - 1); ++y) {
                        for (std::int64_t x = std::max<std::int64_t>(left, 0); x <= std::min(left + 1, width() - 1); ++x) {
                            sums[y * width() + x] += value * (1 - std::abs(at.y - double(y))) * (1 - std::abs(at.x - double(x)));
                        }
                    }
                }
            }
            std::transform(sums, sums + height() * width(), arguments.input_gradients[0] + plane * height() * width(), [](double sum) { return float(sum); });
        });
    }

    void to_offsets(const Arguments& arguments) const {
        parallel_for(threads_, in_[0][0] * op_.deform_groups * taps(), [&](int, std::int64_t task) {
            const int tap = int(task % taps());
            const std::int64_t group = task / taps() % op_.deform_groups, image = task / taps() / op_.deform_groups;
            float* const to_image = arguments.input_gradients[1] + image * offset_channels() * positions();
            float* const to_move = to_image + 2 * (group * taps() + tap) * positions();
            for (std::int64_t position = 0; position < positions(); ++position) {
                const DeformedTap at = tap_at(arguments, image, group, tap, position);
                BilinearValue sum;
                for (std::int64_t channel = group * deform_width(); at.inside && channel < (group + 1) * deform_width(); ++channel) {
                    const BilinearValue here = read(plane_of(arguments, image, channel), at);
                    const double value = by_patch(arguments, image, channel, tap, position);
                    sum.value += value * here.value;
                    sum.along_y += value * here.along_y;
                    sum.along_x += value * here.along_x;
                }
                to_move[position] = float(at.modulation * sum.along_y);
                to_move[positions() + position] = float(at.modulation * sum.along_x);
                if (op_.modulated) to_image[logit_channel(group, tap) * positions() + position] = float(at.modulation * (1 - at.modulation) * sum.value);
            }
        });
    }

    void to_weight(const Arguments& arguments) const {
        parallel_for(threads_, std::int64_t(conv().in_channels) * taps(), [&](int, std::int64_t task) {
            const std::int64_t channel = task / taps(), group = channel / in_group();
            const int tap = int(task % taps());
            std::vector<double> sums(std::size_t(out_group()), 0.0);
            for (std::int64_t image = 0; image < in_[0][0]; ++image) {
                const float* gradient = arguments.output_gradients[0] + (image * conv().out_channels + group * out_group()) * positions();
                for (std::int64_t position = 0; position < positions(); ++position) {
                    const DeformedTap at = tap_at(arguments, image, channel / deform_width(), tap, position);
                    if (!at.inside) continue;
                    const double value = at.modulation * read(plane_of(arguments, image, channel), at).value;
                    for (std::int64_t o = 0; o < out_group(); ++o) sums[std::size_t(o)] += value * double(gradient[o * positions() + position]);
                }
            }
            for (std::int64_t o = 0; o < out_group(); ++o) {
                float& dst = parameter_gradient(arguments, 0)[((group * out_group() + o) * in_group() + channel % in_group()) * taps() + tap];
                dst = float(double(dst) + sums[std::size_t(o)]);
            }
        });
    }
};

}  // namespace regulus::reference
