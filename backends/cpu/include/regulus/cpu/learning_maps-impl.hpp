#pragma once
// Learning kernels of what has no parameters: forward as inference does it, and back.
#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include <regulus/cpu/learning_lines-impl.hpp>
#include <regulus/train/learning_backend.hpp>

namespace regulus::cpu {

/// Goes forward by the kernel that inference has for the node.
class InferredForward : public train::LearningKernel {
public:
    using Maker = std::unique_ptr<Kernel> (*)(const NodeContext&);

    InferredForward(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads, Maker make) : in_(inputs), out_(outputs), threads_(threads) {
        Graph alone;  // the node by itself: its inputs are the first values
        Node copy = node;
        std::vector<Shape> shapes = inputs;
        shapes.insert(shapes.end(), outputs.begin(), outputs.end());
        alone.values.resize(shapes.size());
        copy.inputs.clear();
        copy.outputs.clear();
        for (std::size_t i = 0; i < shapes.size(); ++i) (i < inputs.size() ? copy.inputs : copy.outputs).push_back(ValueId(i));
        inferred_ = make(NodeContext{alone, copy, shapes, {}});
        inferred_->scratch = Place{int(shapes.size())};
    }

    std::size_t scratch_bytes() const override { return inferred_->scratch_bytes(); }

    void forward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads_);
        std::vector<std::byte*> slots;
        for (const float* input : arguments.inputs) slots.push_back(reinterpret_cast<std::byte*>(const_cast<float*>(input)));
        for (float* output : arguments.outputs) slots.push_back(reinterpret_cast<std::byte*>(output));
        slots.push_back(arguments.scratch);
        inferred_->run(Run{slots.data()});
    }

protected:
    /// The shapes of inputs and outputs.
    const Shape& in(std::size_t i) const { return in_[i]; }
    const Shape& out() const { return out_[0]; }
    int threads() const { return threads_; }

private:
    std::vector<Shape> in_, out_;
    int threads_;
    std::unique_ptr<Kernel> inferred_;
};

class ActivateThatLearns final : public InferredForward {
public:
    ActivateThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads)
        : InferredForward(node, inputs, outputs, threads, make_activate), activation_(std::get<ops::Activate>(node.operation).activation) {}
    bool backward_reads_outputs() const override { return true; }
    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads());
        if (arguments.input_gradients[0] == nullptr) return;
        through_activation(activation_, arguments.outputs[0], arguments.output_gradients[0], out().numel());
        std::memcpy(arguments.input_gradients[0], arguments.output_gradients[0], std::size_t(out().numel()) * sizeof(float));
    }

private:
    Activation activation_;
};

/// to = weight * gradient, where the relu's `output` is positive if there is one.
REGULUS_ALWAYS_INLINE void share_body(const float* gradient, const float* output, float weight, float* to, std::int64_t count) {
    if (output != nullptr) {
        for (std::int64_t i = 0; i < count; ++i) to[i] = output[i] > 0.f ? gradient[i] * weight : 0.f;
    } else {
        for (std::int64_t i = 0; i < count; ++i) to[i] = gradient[i] * weight;
    }
}
REGULUS_SIMD_KERNEL(share_lines, share_body, (const float* gradient, const float* output, float weight, float* to, std::int64_t count), (gradient, output, weight, to, count))

/// A weighted sum of its inputs: Add, Average.
class SumThatLearns final : public InferredForward {
public:
    SumThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads, Maker make, Activation activation, float weight)
        : InferredForward(node, inputs, outputs, threads, make), activation_(activation), weight_(weight) {}
    bool backward_reads_outputs() const override { return activation_ != Activation::none; }
    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads());
        const bool relu = activation_ == Activation::relu;
        if (!relu) through_activation(activation_, arguments.outputs[0], arguments.output_gradients[0], out().numel());
        const float *const from = arguments.output_gradients[0], *const output = arguments.outputs[0];
        parallel_slices(out().numel(), [&](std::int64_t first, std::int64_t count) {
            constexpr std::int64_t part = 1024;  // stays in the cache while all inputs get it
            for (std::int64_t begin = first; begin < first + count; begin += part) {
                const std::int64_t size = std::min(part, first + count - begin);
                for (float* const to : arguments.input_gradients) {
                    if (to != nullptr) share_lines(from + begin, relu ? output + begin : nullptr, weight_, to + begin, size);
                }
            }
        });
    }

private:
    Activation activation_;
    float weight_;
};

class SoftmaxThatLearns final : public InferredForward {
public:
    SoftmaxThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads) : InferredForward(node, inputs, outputs, threads, make_softmax) {}
    bool backward_reads_outputs() const override { return true; }
    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads());
        float* const to = arguments.input_gradients[0];
        if (to == nullptr) return;
        const std::int64_t width = out().rank() == 4 ? out()[1] : out()[out().rank() - 1];
        parallel_for(width == 0 ? 0 : out().numel() / width, [&](std::int64_t row) {
            const float *const y = arguments.outputs[0] + row * width, *const gradient = arguments.output_gradients[0] + row * width;
            double mean = 0;  // of the gradient, weighted by the probabilities
            for (std::int64_t i = 0; i < width; ++i) mean += double(y[i]) * double(gradient[i]);
            for (std::int64_t i = 0; i < width; ++i) to[row * width + i] = float(double(y[i]) * (double(gradient[i]) - mean));
        });
    }
};

/// Where the pixel is the window's greatest value, it gets what is left of the window's gradient.
REGULUS_ALWAYS_INLINE void give_to_greatest_body(const float* pixel, const float* best, float* left, float* to, std::int64_t count) {
    for (std::int64_t c = 0; c < count; ++c) {
        const bool found = pixel[c] == best[c];
        to[c] += found ? left[c] : 0.f;
        left[c] = found ? 0.f : left[c];
    }
}
REGULUS_SIMD_KERNEL(give_to_greatest, give_to_greatest_body, (const float* pixel, const float* best, float* left, float* to, std::int64_t count), (pixel, best, left, to, count))

/// Each window's gradient goes to its greatest pixel, the first one where several are equal, or equally to all of them.
class PoolThatLearns final : public InferredForward {
public:
    PoolThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads)
        : InferredForward(node, inputs, outputs, threads, make_pool), op_(std::get<ops::Pool2d>(node.operation)) {}
    bool backward_reads_inputs() const override { return op_.kind == ops::Pool2d::Kind::maximum; }
    bool backward_reads_outputs() const override { return backward_reads_inputs(); }

    void backward(const train::LearningArguments& arguments) override {
        if (arguments.input_gradients[0] == nullptr) return;
        const ThreadScope scope(threads());
        const std::int64_t channels = in(0)[1], runs = (channels + run - 1) / run, height = in(0)[2], width = in(0)[3];
        parallel_for(in(0)[0] * runs, [&](std::int64_t task) {
            const std::int64_t image = task / runs, first = task % runs * run, last = std::min(channels, first + run);
            float* const to = arguments.input_gradients[0] + image * height * width * channels;
            for (std::int64_t pixel = 0; pixel < height * width; ++pixel) std::fill(to + pixel * channels + first, to + pixel * channels + last, 0.f);
            for (std::int64_t y = 0; y < out()[2]; ++y) {
                for (std::int64_t x = 0; x < out()[3]; ++x) window(arguments, image, y, x, first, last, to);
            }
        });
    }

private:
    static constexpr std::int64_t run = 32;  // channels that a task takes: windows overlap, so pixels are not dealt out

    void window(const train::LearningArguments& arguments, std::int64_t image, std::int64_t y, std::int64_t x, std::int64_t first, std::int64_t last, float* to) const {
        const std::int64_t channels = in(0)[1], height = in(0)[2], width = in(0)[3], place = ((image * out()[2] + y) * out()[3] + x) * channels;
        const std::int64_t top = std::max<std::int64_t>(0, y * op_.stride - op_.padding), bottom = std::min(height, y * op_.stride - op_.padding + op_.kernel);
        const std::int64_t left = std::max<std::int64_t>(0, x * op_.stride - op_.padding), right = std::min(width, x * op_.stride - op_.padding + op_.kernel);
        const float* const gradient = arguments.output_gradients[0] + place;
        if (op_.kind == ops::Pool2d::Kind::average) {
            const float count = float(std::max<std::int64_t>(1, (bottom - top) * (right - left)));
            for (std::int64_t row = top; row < bottom; ++row) {
                for (std::int64_t column = left; column < right; ++column) {
                    for (std::int64_t c = first; c < last; ++c) to[(row * width + column) * channels + c] += gradient[c] / count;
                }
            }
            return;
        }
        const float* const map = arguments.inputs[0] + image * height * width * channels;
        const float* const best = arguments.outputs[0] + place;
        float left_over[run];  // what still looks for its pixel
        std::copy(gradient + first, gradient + last, left_over);
        for (std::int64_t row = top; row < bottom; ++row) {
            for (std::int64_t column = left; column < right; ++column) {
                const std::int64_t at = (row * width + column) * channels + first;
                give_to_greatest(map + at, best + first, left_over, to + at, last - first);
            }
        }
    }

    ops::Pool2d op_;
};

class MeanThatLearns final : public InferredForward {
public:
    MeanThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads) : InferredForward(node, inputs, outputs, threads, make_global_average) {}
    void backward(const train::LearningArguments& arguments) override {
        if (arguments.input_gradients[0] == nullptr) return;
        const ThreadScope scope(threads());
        const std::int64_t channels = in(0)[1], area = in(0)[2] * in(0)[3];
        parallel_for(in(0)[0] * area, [&](std::int64_t pixel) {
            const float* const from = arguments.output_gradients[0] + pixel / area * channels;
            float* const to = arguments.input_gradients[0] + pixel * channels;
            for (std::int64_t c = 0; c < channels; ++c) to[c] = from[c] / float(area);
        });
    }
};

class ScaleThatLearns final : public InferredForward {
public:
    ScaleThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads) : InferredForward(node, inputs, outputs, threads, make_scale_channels) {}
    std::size_t scratch_bytes() const override { return std::size_t(in(0)[0] * in(0)[1]) * sizeof(double); }
    bool backward_reads_inputs() const override { return true; }
    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads());
        const std::int64_t images = in(0)[0], channels = in(0)[1], area = in(0)[2] * in(0)[3];
        const float *src = arguments.inputs[0], *gate = arguments.inputs[1], *gradient = arguments.output_gradients[0];
        if (float* const to = arguments.input_gradients[0]; to != nullptr) {
            parallel_for(images * area, [&](std::int64_t pixel) { multiply_lines(gradient + pixel * channels, gate + pixel / area * channels, to + pixel * channels, channels); });
        }
        float* const to = arguments.input_gradients[1];
        if (to == nullptr) return;
        double* const sums = reinterpret_cast<double*>(arguments.scratch);
        parallel_for(images, [&](std::int64_t image) {
            double* const sum = sums + image * channels;
            std::fill(sum, sum + channels, 0.0);
            for (std::int64_t i = image * area * channels; i < (image + 1) * area * channels; i += channels) {
                for (std::int64_t c = 0; c < channels; ++c) sum[c] += double(src[i + c]) * double(gradient[i + c]);
            }
            for (std::int64_t c = 0; c < channels; ++c) to[image * channels + c] = float(sum[c]);
        });
    }
};

/// Each pixel's gradient goes to those it was made of; with `adds`, to the second input too.
class ResizeThatLearns final : public InferredForward {
public:
    ResizeThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads)
        : InferredForward(node, inputs, outputs, threads, make_resize), op_(std::get<ops::Resize>(node.operation)) {}

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads());
        const float* const gradient = arguments.output_gradients[0];
        if (op_.factor == 0 && arguments.input_gradients[1] != nullptr) {
            const std::size_t bytes = std::size_t(out().numel()) * sizeof(float);
            if (op_.adds) std::memcpy(arguments.input_gradients[1], gradient, bytes);
            else std::memset(arguments.input_gradients[1], 0, bytes_of(in(1)));  // only its size was asked for
        }
        float* const to = arguments.input_gradients[0];
        if (to == nullptr) return;
        std::memset(to, 0, bytes_of(in(0)));
        const std::int64_t channels = in(0)[1], height = in(0)[2], width = in(0)[3], runs = (channels + run - 1) / run;
        parallel_for(in(0)[0] * runs, [&](std::int64_t task) {
            const std::int64_t image = task / runs, first = task % runs * run, last = std::min(channels, first + run);
            float* const map = to + image * height * width * channels;
            for (std::int64_t y = 0; y < out()[2]; ++y) {
                const auto rows = tap(y, height, out()[2]);
                for (std::int64_t x = 0; x < out()[3]; ++x) {
                    const auto columns = tap(x, width, out()[3]);
                    const float* const g = gradient + ((image * out()[2] + y) * out()[3] + x) * channels;
                    const auto give = [&](std::int64_t row, std::int64_t column, float weight) {
                        if (weight == 0.f) return;
                        float* const pixel = map + (row * width + column) * channels;
                        for (std::int64_t c = first; c < last; ++c) pixel[c] += g[c] * weight;
                    };
                    give(rows.first, columns.first, (1.f - rows.weight) * (1.f - columns.weight));
                    give(rows.first, columns.second, (1.f - rows.weight) * columns.weight);
                    give(rows.second, columns.first, rows.weight * (1.f - columns.weight));
                    give(rows.second, columns.second, rows.weight * columns.weight);
                }
            }
        });
    }

private:
    static constexpr std::int64_t run = 32;  // channels that a task takes
    static std::size_t bytes_of(const Shape& shape) { return std::size_t(shape.numel()) * sizeof(float); }
    kernels::BilinearTap<float> tap(std::int64_t at, std::int64_t in, std::int64_t out) const {
        if (op_.mode == ops::Resize::Mode::bilinear) return kernels::bilinear_tap<float>(at, in, out);
        return {at * in / out, at * in / out, 0.f};
    }

    ops::Resize op_;
};

class ConcatThatLearns final : public InferredForward {
public:
    ConcatThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads) : InferredForward(node, inputs, outputs, threads, make_concat) {}
    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads());
        const std::int64_t channels = out()[1], pixels = out()[0] * out()[2] * out()[3];
        std::int64_t first = 0;
        for (std::size_t i = 0; i < arguments.input_gradients.size(); ++i) {
            const std::int64_t own = in(i)[1];
            if (float* const to = arguments.input_gradients[i]; to != nullptr) {
                parallel_for(pixels, [&](std::int64_t pixel) { std::memcpy(to + pixel * own, arguments.output_gradients[0] + pixel * channels + first, std::size_t(own) * sizeof(float)); });
            }
            first += own;
        }
    }
};

}  // namespace regulus::cpu
