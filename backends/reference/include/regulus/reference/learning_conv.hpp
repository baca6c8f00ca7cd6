#pragma once
// Convolutions that learn.
#include <regulus/reference/conv.hpp>
#include <regulus/reference/learning_kernel.hpp>

namespace regulus::reference {

/// The indices i of [0, count) whose place i * stride + shift lies in [0, length): [first, last), empty when last <= first.
struct Reach {
    std::int64_t first, last;

    Reach(std::int64_t count, std::int64_t stride, std::int64_t shift, std::int64_t length)
        : first(shift < 0 ? (stride - 1 - shift) / stride : 0), last(shift < length ? std::min(count, (length - 1 - shift) / stride + 1) : 0) {}
};

/// Calls body(y * width + x, line * pitch + column) for all (y, x) of a map [height, width] whose tap (ky, kx) reads or writes the pixel (line, column) of another one.
template <class Body>
void for_each_tap(std::int64_t height, std::int64_t width, std::int64_t stride, std::int64_t shift_y, std::int64_t shift_x, std::int64_t lines, std::int64_t pitch, const Body& body) {
    const Reach rows(height, stride, shift_y, lines), columns(width, stride, shift_x, pitch);
    for (std::int64_t y = rows.first; y < rows.last; ++y) {
        const std::int64_t line = (y * stride + shift_y) * pitch + shift_x;
        for (std::int64_t x = columns.first; x < columns.last; ++x) body(y * width + x, line + x * stride);
    }
}

/// What convolutions and transposed ones share: which way gradients go back.
template <class Op>
class WindowLearning : public NodeKernel<Op> {
protected:
    using typename NodeKernel<Op>::Arguments;
    using NodeKernel<Op>::op_;
    using NodeKernel<Op>::rules_;
    using NodeKernel<Op>::threads_;

public:
    using NodeKernel<Op>::NodeKernel;

    bool backward_reads_inputs() const final { return rules_.learns; }
    bool backward_reads_outputs() const final { return op_.activation != Activation::none; }

    void backward(const Arguments& arguments) final {
        const View<float> gradient = this->out_gradient(arguments);
        through_activation(op_.activation, this->out(arguments), gradient.data, threads_);
        if (this->in_gradient(arguments).data != nullptr) to_input(arguments, gradient);
        if (this->parameter_gradient(arguments, 0) != nullptr) to_weight(arguments, gradient);
        if (op_.bias && this->parameter_gradient(arguments, 1) != nullptr) add_channel_sums(gradient, this->parameter_gradient(arguments, 1), threads_);
    }

protected:
    virtual void to_input(const Arguments& arguments, const View<float>& gradient) const = 0;
    virtual void to_weight(const Arguments& arguments, const View<float>& gradient) const = 0;
};

class Conv2dLearning final : public WindowLearning<ops::Conv2d> {
public:
    using WindowLearning::WindowLearning;

    std::size_t scratch_bytes() const override {
        return std::max(std::size_t(threads_) * std::size_t(conv_scratch(op_, out_[0][2] * out_[0][3])) * sizeof(float), zeros_bytes(in_[0][2] * in_[0][3]));
    }

    void forward(const Arguments& arguments) override {
        conv2d<float>(op_, in(arguments), arguments.parameters[0], op_.bias ? arguments.parameters[1] : nullptr, {}, nullptr, out(arguments), reinterpret_cast<float*>(arguments.scratch), threads_);
    }

private:
    std::int64_t in_group() const { return op_.in_channels / op_.groups; }
    std::int64_t out_group() const { return op_.out_channels / op_.groups; }
    std::int64_t shift(int tap) const { return std::int64_t(tap) * op_.dilation - op_.padding; }

    /// Each input pixel collects from the windows that read it.
    void to_input(const Arguments& arguments, const View<float>& gradient) const override {
        const View<float> dst = in_gradient(arguments);
        const std::int64_t area = dst[2] * dst[3], out_area = gradient[2] * gradient[3];
        const std::int64_t taps = std::int64_t(op_.kernel) * op_.kernel;
        parallel_for(threads_, dst[0] * op_.in_channels, [&](int thread, std::int64_t plane) {
            const std::int64_t image = plane / op_.in_channels, channel = plane % op_.in_channels, group = channel / in_group();
            double* sums = zeros(arguments, thread, area);
            for (std::int64_t o = group * out_group(); o < (group + 1) * out_group(); ++o) {
                const float* from = gradient.data + (image * op_.out_channels + o) * out_area;
                const float* weight = arguments.parameters[0] + (o * in_group() + channel % in_group()) * taps;
                for (int ky = 0; ky < op_.kernel; ++ky) {
                    for (int kx = 0; kx < op_.kernel; ++kx) {
                        const double factor = double(*weight++);
                        for_each_tap(gradient[2], gradient[3], op_.stride, shift(ky), shift(kx), dst[2], dst[3], [&](std::int64_t at, std::int64_t read) { sums[read] += factor * double(from[at]); });
                    }
                }
            }
            std::transform(sums, sums + area, dst.data + plane * area, [](double sum) { return float(sum); });
        });
    }

    void to_weight(const Arguments& arguments, const View<float>& gradient) const override {
        const View<const float> src = in(arguments);
        const std::int64_t area = src[2] * src[3], out_area = gradient[2] * gradient[3];
        const std::int64_t taps = std::int64_t(op_.kernel) * op_.kernel;
        parallel_for(threads_, op_.out_channels * in_group(), [&](int, std::int64_t pair) {
            const std::int64_t o = pair / in_group(), channel = o / out_group() * in_group() + pair % in_group();
            float* dst = parameter_gradient(arguments, 0) + pair * taps;
            for (int ky = 0; ky < op_.kernel; ++ky) {
                for (int kx = 0; kx < op_.kernel; ++kx, ++dst) {
                    double sum = 0;
                    for (std::int64_t image = 0; image < src[0]; ++image) {
                        const float* from = gradient.data + (image * op_.out_channels + o) * out_area;
                        const float* pixels = src.data + (image * op_.in_channels + channel) * area;
                        for_each_tap(gradient[2], gradient[3], op_.stride, shift(ky), shift(kx), src[2], src[3],
                                     [&](std::int64_t at, std::int64_t read) { sum += double(from[at]) * double(pixels[read]); });
                    }
                    *dst = float(double(*dst) + sum);
                }
            }
        });
    }
};

class ConvTranspose2dLearning final : public WindowLearning<ops::ConvTranspose2d> {
public:
    using WindowLearning::WindowLearning;

    std::size_t scratch_bytes() const override {
        const std::int64_t area = in_[0][2] * in_[0][3];
        return std::max(std::size_t(threads_) * std::size_t(deconv_channels * area) * sizeof(float), zeros_bytes(area));
    }

    void forward(const Arguments& arguments) override {
        const std::vector<float> weight = taps_first(op_, arguments.parameters[0]);
        conv_transpose2d<float>(op_, in(arguments), weight.data(), op_.bias ? arguments.parameters[1] : nullptr, {}, out(arguments), reinterpret_cast<float*>(arguments.scratch), threads_);
    }

private:
    /// Each input pixel collects from the window that it wrote.
    void to_input(const Arguments& arguments, const View<float>& gradient) const override {
        const View<float> dst = in_gradient(arguments);
        const std::int64_t area = dst[2] * dst[3], out_area = gradient[2] * gradient[3];
        parallel_for(threads_, dst[0] * op_.in_channels, [&](int thread, std::int64_t plane) {
            const std::int64_t image = plane / op_.in_channels, channel = plane % op_.in_channels;
            const float* weight = arguments.parameters[0] + channel * op_.out_channels * op_.kernel * op_.kernel;
            double* sums = zeros(arguments, thread, area);
            for (std::int64_t o = 0; o < op_.out_channels; ++o) {
                const float* from = gradient.data + (image * op_.out_channels + o) * out_area;
                for (int ky = 0; ky < op_.kernel; ++ky) {
                    for (int kx = 0; kx < op_.kernel; ++kx) {
                        const double factor = double(*weight++);
                        for_each_tap(dst[2], dst[3], op_.stride, ky - op_.padding, kx - op_.padding, gradient[2], gradient[3],
                                     [&](std::int64_t at, std::int64_t written) { sums[at] += factor * double(from[written]); });
                    }
                }
            }
            std::transform(sums, sums + area, dst.data + plane * area, [](double sum) { return float(sum); });
        });
    }

    void to_weight(const Arguments& arguments, const View<float>& gradient) const override {
        const View<const float> src = in(arguments);
        const std::int64_t area = src[2] * src[3], out_area = gradient[2] * gradient[3];
        parallel_for(threads_, std::int64_t(op_.in_channels) * op_.out_channels, [&](int, std::int64_t pair) {
            const std::int64_t channel = pair / op_.out_channels, o = pair % op_.out_channels;
            float* dst = parameter_gradient(arguments, 0) + pair * op_.kernel * op_.kernel;
            for (int ky = 0; ky < op_.kernel; ++ky) {
                for (int kx = 0; kx < op_.kernel; ++kx, ++dst) {
                    double sum = 0;
                    for (std::int64_t image = 0; image < src[0]; ++image) {
                        const float* from = gradient.data + (image * op_.out_channels + o) * out_area;
                        const float* pixels = src.data + (image * op_.in_channels + channel) * area;
                        for_each_tap(src[2], src[3], op_.stride, ky - op_.padding, kx - op_.padding, gradient[2], gradient[3],
                                     [&](std::int64_t at, std::int64_t written) { sum += double(pixels[at]) * double(from[written]); });
                    }
                    *dst = float(double(*dst) + sum);
                }
            }
        });
    }
};

}  // namespace regulus::reference
