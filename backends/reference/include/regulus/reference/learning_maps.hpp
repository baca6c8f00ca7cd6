#pragma once
// What works pixel by pixel, pooling and resizing, that learn.
#include <regulus/reference/learning_kernel.hpp>
#include <regulus/reference/refine.hpp>

namespace regulus::reference {

/// What a graph is fed has nothing to learn.
class InputLearning final : public train::LearningKernel {
public:
    void forward(const train::LearningArguments&) override {}
    void backward(const train::LearningArguments&) override {}
};

/// A kernel whose output is the sum of some of its inputs, or one of them, then an activation: the gradient goes to each as it is.
template <class Op>
class SumLearning : public NodeKernel<Op> {
public:
    using typename NodeKernel<Op>::Arguments;
    using NodeKernel<Op>::NodeKernel;

    bool backward_reads_outputs() const override { return this->op_.activation != Activation::none; }

    void backward(const Arguments& arguments) override {
        const View<float> gradient = this->out_gradient(arguments);
        through_activation(this->op_.activation, this->out(arguments), gradient.data, this->threads_);
        for (float* const to_input : arguments.input_gradients) {
            if (to_input != nullptr) std::copy_n(gradient.data, gradient.shape.numel(), to_input);
        }
    }
};

class ActivateLearning final : public SumLearning<ops::Activate> {
public:
    using SumLearning::SumLearning;
    void forward(const Arguments& arguments) override { activate(op_, in(arguments), out(arguments), threads_); }
};

class AddLearning final : public SumLearning<ops::Add> {
public:
    using SumLearning::SumLearning;
    void forward(const Arguments& arguments) override { add(op_, in(arguments), arguments.inputs[1], out(arguments), threads_); }
};

class AverageLearning final : public NodeKernel<ops::Average> {
public:
    using NodeKernel::NodeKernel;

    void forward(const Arguments& arguments) override { average(arguments.inputs, out(arguments)); }

    void backward(const Arguments& arguments) override {
        const float sources = float(in_.size());
        const float* gradient = arguments.output_gradients[0];
        for (float* const to_input : arguments.input_gradients) {
            if (to_input != nullptr) std::transform(gradient, gradient + out_[0].numel(), to_input, [&](float value) { return value / sources; });
        }
    }
};

class ConcatLearning final : public NodeKernel<ops::Concat> {
public:
    using NodeKernel::NodeKernel;

    void forward(const Arguments& arguments) override {
        std::vector<View<const float>> sources;
        for (std::size_t i = 0; i < in_.size(); ++i) sources.push_back(in(arguments, i));
        concat(sources, out(arguments), threads_);
    }

    void backward(const Arguments& arguments) override {
        const float* from = arguments.output_gradients[0];
        for (std::int64_t image = 0; image < out_[0][0]; ++image) {
            for (std::size_t i = 0; i < in_.size(); ++i) {
                const std::int64_t count = in_[i][1] * in_[i][2] * in_[i][3];
                if (arguments.input_gradients[i] != nullptr) std::copy_n(from, count, arguments.input_gradients[i] + image * count);
                from += count;
            }
        }
    }
};

/// The gradient of a maximum goes to the first greatest value of the window in row-major order (a NaN counts as greater than what stands before it).
class Pool2dLearning final : public NodeKernel<ops::Pool2d> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_inputs() const override { return op_.kind == ops::Pool2d::Kind::maximum; }
    std::size_t scratch_bytes() const override { return zeros_bytes(in_[0][2] * in_[0][3]); }

    void forward(const Arguments& arguments) override { pool2d(op_, in(arguments), out(arguments), threads_); }

    void backward(const Arguments& arguments) override {
        const View<float> gradient = out_gradient(arguments), dst = in_gradient(arguments);
        if (dst.data == nullptr) return;
        const std::int64_t height = dst[2], width = dst[3], area = height * width;
        parallel_for(threads_, dst[0] * dst[1], [&](int thread, std::int64_t plane) {
            double* sums = zeros(arguments, thread, area);
            const float* from = gradient.data + plane * gradient[2] * gradient[3];
            for (std::int64_t y = 0; y < gradient[2]; ++y) {
                for (std::int64_t x = 0; x < gradient[3]; ++x, ++from) {
                    const std::int64_t top = std::max<std::int64_t>(0, y * op_.stride - op_.padding), bottom = std::min(height, y * op_.stride - op_.padding + op_.kernel);
                    const std::int64_t left = std::max<std::int64_t>(0, x * op_.stride - op_.padding), right = std::min(width, x * op_.stride - op_.padding + op_.kernel);
                    if (bottom <= top || right <= left) continue;  // nothing but padding
                    if (op_.kind == ops::Pool2d::Kind::maximum) {
                        sums[greatest(arguments.inputs[0] + plane * area, width, top, bottom, left, right)] += double(*from);
                        continue;
                    }
                    const double share = double(*from) / double((bottom - top) * (right - left));
                    for (std::int64_t sy = top; sy < bottom; ++sy) {
                        for (std::int64_t sx = left; sx < right; ++sx) sums[sy * width + sx] += share;
                    }
                }
            }
            std::transform(sums, sums + area, dst.data + plane * area, [](double sum) { return float(sum); });
        });
    }

private:
    static std::int64_t greatest(const float* plane, std::int64_t width, std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right) {
        std::int64_t best = top * width + left;
        for (std::int64_t y = top; y < bottom; ++y) {
            for (std::int64_t at = y * width + left; at < y * width + right; ++at) {
                if (plane[at] > plane[best] || plane[at] != plane[at]) best = at;
            }
        }
        return best;
    }
};

class GlobalAveragePoolLearning final : public NodeKernel<ops::GlobalAveragePool> {
public:
    using NodeKernel::NodeKernel;

    void forward(const Arguments& arguments) override { global_average_pool(in(arguments), out(arguments), threads_); }

    void backward(const Arguments& arguments) override {
        const View<float> dst = in_gradient(arguments);
        if (dst.data == nullptr) return;
        const std::int64_t area = dst[2] * dst[3];
        for (std::int64_t plane = 0; plane < dst[0] * dst[1]; ++plane) std::fill_n(dst.data + plane * area, area, float(double(arguments.output_gradients[0][plane]) / double(area)));
    }
};

class ScaleChannelsLearning final : public NodeKernel<ops::ScaleChannels> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_inputs() const override { return true; }

    void forward(const Arguments& arguments) override { scale_channels<float>(in(arguments), arguments.inputs[1], out(arguments), threads_); }

    void backward(const Arguments& arguments) override {
        const std::int64_t area = out_[0][2] * out_[0][3];
        const float* gradient = arguments.output_gradients[0];
        float* const to_map = arguments.input_gradients[0];
        float* const to_gate = arguments.input_gradients[1];
        parallel_for(threads_, out_[0][0] * out_[0][1], [&](int, std::int64_t plane) {
            double sum = 0;
            for (std::int64_t i = plane * area; i < (plane + 1) * area; ++i) {
                if (to_gate != nullptr) sum += double(gradient[i]) * double(arguments.inputs[0][i]);
                if (to_map != nullptr) to_map[i] = gradient[i] * arguments.inputs[1][plane];
            }
            if (to_gate != nullptr) to_gate[plane] = float(sum);
        });
    }
};

class ResizeLearning final : public NodeKernel<ops::Resize> {
public:
    using NodeKernel::NodeKernel;

    std::size_t scratch_bytes() const override { return zeros_bytes(in_[0][2] * in_[0][3]); }

    void forward(const Arguments& arguments) override { resize<float>(op_, in(arguments), op_.adds ? arguments.inputs[1] : nullptr, out(arguments), threads_); }

    void backward(const Arguments& arguments) override {
        const View<float> gradient = out_gradient(arguments), dst = in_gradient(arguments);
        if (in_.size() > 1 && arguments.input_gradients[1] != nullptr) {  // a map that gives its size only has no part in the result
            float* const to_like = arguments.input_gradients[1];
            if (op_.adds) std::copy_n(gradient.data, gradient.shape.numel(), to_like);
            else std::fill_n(to_like, in_[1].numel(), 0.f);
        }
        if (dst.data == nullptr) return;
        const std::int64_t area = dst[2] * dst[3];
        parallel_for(threads_, dst[0] * dst[1], [&](int thread, std::int64_t plane) {
            double* sums = zeros(arguments, thread, area);
            const float* from = gradient.data + plane * gradient[2] * gradient[3];
            for (std::int64_t y = 0; y < gradient[2]; ++y) {
                const kernels::BilinearTap<float> row = tap(y, dst[2], gradient[2]);
                for (std::int64_t x = 0; x < gradient[3]; ++x) {
                    const kernels::BilinearTap<float> column = tap(x, dst[3], gradient[3]);
                    const double value = double(*from++), below = double(row.weight), right = double(column.weight);
                    sums[row.first * dst[3] + column.first] += value * (1 - below) * (1 - right);
                    sums[row.first * dst[3] + column.second] += value * (1 - below) * right;
                    sums[row.second * dst[3] + column.first] += value * below * (1 - right);
                    sums[row.second * dst[3] + column.second] += value * below * right;
                }
            }
            std::transform(sums, sums + area, dst.data + plane * area, [](double sum) { return float(sum); });
        });
    }

private:
    kernels::BilinearTap<float> tap(std::int64_t at, std::int64_t in, std::int64_t out) const {
        if (op_.mode == ops::Resize::Mode::bilinear) return kernels::bilinear_tap<float>(at, in, out);
        return {at * in / out, at * in / out, 0.f};
    }
};

}  // namespace regulus::reference
