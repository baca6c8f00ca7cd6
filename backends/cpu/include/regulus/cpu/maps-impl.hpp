#pragma once
// Own kernels over NHWC maps: layout changes, elementwise steps, pooling, resizing.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include <regulus/cpu/bf16-impl.hpp>
#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/simd.hpp>
#include <regulus/cpu/transpose-impl.hpp>
#include <regulus/core/bilinear_tap.hpp>

namespace regulus::cpu {

/// A kernel that is a function over the run; for what needs no state of its own.
class FunctionKernel final : public Kernel {
public:
    explicit FunctionKernel(std::string kernel_name, std::function<void(const Run&)> function) : function_(std::move(function)) { name = std::move(kernel_name); }
    void run(const Run& run) const override { function_(run); }

private:
    std::function<void(const Run&)> function_;
};

REGULUS_ALWAYS_INLINE float activate(Activation activation, float x) {
    if (activation == Activation::relu) return x > 0.f || x != x ? x : 0.f;
    if (activation == Activation::sigmoid) return 1.f / (1.f + std::exp(-x));
    return x;
}

REGULUS_ALWAYS_INLINE void add_body(const float* a, const float* b, float* dst, std::int64_t count, Activation activation) {
    if (activation == Activation::relu) {
        for (std::int64_t i = 0; i < count; ++i) dst[i] = a[i] + b[i] < 0.f ? 0.f : a[i] + b[i];
    } else {
        for (std::int64_t i = 0; i < count; ++i) dst[i] = activate(activation, a[i] + b[i]);
    }
}
REGULUS_SIMD_KERNEL(add_lines, add_body, (const float* a, const float* b, float* dst, std::int64_t count, Activation activation), (a, b, dst, count, activation))

REGULUS_ALWAYS_INLINE void scale_shift_body(const float* src, const float* scale, const float* shift, float* dst, std::int64_t count, Activation activation) {
    if (activation == Activation::relu) {
        for (std::int64_t i = 0; i < count; ++i) {
            const float value = src[i] * scale[i] + shift[i];
            dst[i] = value < 0.f ? 0.f : value;
        }
    } else {
        for (std::int64_t i = 0; i < count; ++i) dst[i] = activate(activation, src[i] * scale[i] + shift[i]);
    }
}
REGULUS_SIMD_KERNEL(scale_shift, scale_shift_body, (const float* src, const float* scale, const float* shift, float* dst, std::int64_t count, Activation activation),
                    (src, scale, shift, dst, count, activation))

REGULUS_ALWAYS_INLINE void multiply_body(const float* a, const float* b, float* dst, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] = a[i] * b[i];
}
REGULUS_SIMD_KERNEL(multiply_lines, multiply_body, (const float* a, const float* b, float* dst, std::int64_t count), (a, b, dst, count))

REGULUS_ALWAYS_INLINE void accumulate_body(const float* src, float* dst, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] += src[i];
}
REGULUS_SIMD_KERNEL(accumulate, accumulate_body, (const float* src, float* dst, std::int64_t count), (src, dst, count))

template <class Element>
REGULUS_ALWAYS_INLINE void maximum_body(const Element* src, Element* dst, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] = as_float(src[i]) > as_float(dst[i]) || as_float(src[i]) != as_float(src[i]) ? src[i] : dst[i];
}
REGULUS_SIMD_KERNEL(maximum, maximum_body, (const float* src, float* dst, std::int64_t count), (src, dst, count))
REGULUS_SIMD_KERNEL(maximum_bf16, maximum_body, (const Bf16* src, Bf16* dst, std::int64_t count), (src, dst, count))

/// Sums in bfloat16 are rounded once.
REGULUS_ALWAYS_INLINE void add_bf16_body(const Bf16* a, const Bf16* b, Bf16* dst, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] = bf16_of(float_of(a[i]) + float_of(b[i]));
}
REGULUS_SIMD_KERNEL(add_bf16, add_bf16_body, (const Bf16* a, const Bf16* b, Bf16* dst, std::int64_t count), (a, b, dst, count))

/// Elements of a map or of rows, and how many of them are valid.
struct Extent {
    RowCount rows;
    std::int64_t row_elements = 1;

    static Extent of(const NodeContext& context, ValueId id) {
        const Shape& shape = context.shape(id);
        Extent extent{context.rows_of(id), 1};
        for (int axis = 1; axis < shape.rank(); ++axis) extent.row_elements *= shape[axis];
        return extent;
    }
    std::int64_t operator()(const Run& run) const { return rows(run) * row_elements; }
};

/// body(first, count) over slices of [0, total) that are small enough to spread and large enough to be worth a call.
template <class Body>
void parallel_slices(std::int64_t total, const Body& body) {
    constexpr std::int64_t slice = 1 << 14;
    parallel_for((total + slice - 1) / slice, [&](std::int64_t i) { body(i * slice, std::min(slice, total - i * slice)); });
}

inline std::unique_ptr<Kernel> make_add(const NodeContext& context) {
    const Activation activation = std::get<ops::Add>(context.node.operation).activation;
    return std::make_unique<FunctionKernel>("add", [=, extent = Extent::of(context, context.out(0)), a = context.place(context.in(0)), b = context.place(context.in(1)),
                                                    dst = context.place(context.out(0))](const Run& run) {
        parallel_slices(extent(run), [&](std::int64_t first, std::int64_t count) { add_lines(run.floats(a) + first, run.floats(b) + first, run.floats(dst) + first, count, activation); });
    });
}

inline std::unique_ptr<Kernel> make_activate(const NodeContext& context) {
    const Activation activation = std::get<ops::Activate>(context.node.operation).activation;
    return std::make_unique<FunctionKernel>("activate", [=, extent = Extent::of(context, context.out(0)), src = context.place(context.in(0)), dst = context.place(context.out(0))](const Run& run) {
        const float* from = run.floats(src);
        float* to = run.floats(dst);
        parallel_slices(extent(run), [&](std::int64_t first, std::int64_t count) {
            for (std::int64_t i = first; i < first + count; ++i) to[i] = activate(activation, from[i]);
        });
    });
}

/// A batch norm that could not be folded, as one multiply-add per element.
inline std::unique_ptr<Kernel> make_batch_norm(const NodeContext& context) {
    const auto& op = std::get<ops::BatchNorm>(context.node.operation);
    auto scale = std::make_shared<std::vector<float>>(std::size_t(op.channels)), shift = std::make_shared<std::vector<float>>(std::size_t(op.channels));
    for (std::size_t c = 0; c < scale->size(); ++c) {
        const double factor = double(context.bound[0].data<float>()[c]) / std::sqrt(double(context.bound[3].data<float>()[c]) + op.eps);
        (*scale)[c] = float(factor);
        (*shift)[c] = float(double(context.bound[1].data<float>()[c]) - double(context.bound[2].data<float>()[c]) * factor);
    }
    return std::make_unique<FunctionKernel>("scale and shift", [=, extent = Extent::of(context, context.out(0)), channels = std::int64_t(op.channels), activation = op.activation,
                                                                src = context.place(context.in(0)), dst = context.place(context.out(0))](const Run& run) {
        parallel_for(extent(run) / channels, [&](std::int64_t pixel) {
            scale_shift(run.floats(src) + pixel * channels, scale->data(), shift->data(), run.floats(dst) + pixel * channels, channels, activation);
        });
    });
}

/// dst pixel = take(pixel, src pixel) over each window, begun with `first`; then finish(pixel, how many pixels the window has).
template <class Element, class Take, class Finish>
std::unique_ptr<Kernel> make_pool_of(const NodeContext& context, Element first, Take take, Finish finish) {
    const auto& op = std::get<ops::Pool2d>(context.node.operation);
    const Shape in = context.shape(context.in(0)), out = context.shape(context.out(0));
    return std::make_unique<FunctionKernel>("pool", [=, rows = context.rows_of(context.out(0)), src = context.place(context.in(0)), dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1];
        parallel_for(rows(run) * out[2], [&](std::int64_t line) {
            const std::int64_t row = line / out[2], top = line % out[2] * op.stride - op.padding;
            const Element* map = static_cast<const Element*>(run.at(src)) + row * in[2] * in[3] * channels;
            const std::int64_t y0 = std::max<std::int64_t>(0, top), y1 = std::min(in[2], top + op.kernel);
            for (std::int64_t ox = 0; ox < out[3]; ++ox) {
                Element* pixel = static_cast<Element*>(run.at(dst)) + (line * out[3] + ox) * channels;
                const std::int64_t left = ox * op.stride - op.padding, x0 = std::max<std::int64_t>(0, left), x1 = std::min(in[3], left + op.kernel);
                std::fill(pixel, pixel + channels, first);
                for (std::int64_t y = y0; y < y1; ++y) {
                    for (std::int64_t x = x0; x < x1; ++x) take(map + (y * in[3] + x) * channels, pixel, channels);
                }
                finish(pixel, channels, (y1 - y0) * (x1 - x0));
            }
        });
    });
}

inline std::unique_ptr<Kernel> make_pool(const NodeContext& context) {
    const auto leave = [](const void*, std::int64_t, std::int64_t) {};
    constexpr float lowest = -std::numeric_limits<float>::infinity();
    if (context.is_bf16(context.out(0))) return make_pool_of<Bf16>(context, bf16_of(lowest), maximum_bf16, leave);
    if (std::get<ops::Pool2d>(context.node.operation).kind == ops::Pool2d::Kind::maximum) return make_pool_of<float>(context, lowest, maximum, leave);
    return make_pool_of<float>(context, 0.f, accumulate, [](float* pixel, std::int64_t channels, std::int64_t pixels) {
        const float count = float(std::max<std::int64_t>(1, pixels));
        for (std::int64_t c = 0; c < channels; ++c) pixel[c] /= count;
    });
}

inline std::unique_ptr<Kernel> make_global_average(const NodeContext& context) {
    const Shape in = context.shape(context.in(0));
    return std::make_unique<FunctionKernel>("mean", [=, rows = context.rows_of(context.out(0)), src = context.place(context.in(0)), dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1], area = in[2] * in[3];
        parallel_for(rows(run), [&](std::int64_t row) {
            float* sum = run.floats(dst) + row * channels;
            std::fill(sum, sum + channels, 0.f);
            for (std::int64_t i = 0; i < area; ++i) accumulate(run.floats(src) + (row * area + i) * channels, sum, channels);
            for (std::int64_t c = 0; c < channels; ++c) sum[c] /= float(area);
        });
    });
}

inline std::unique_ptr<Kernel> make_scale_channels(const NodeContext& context) {
    const Shape in = context.shape(context.in(0));
    return std::make_unique<FunctionKernel>("scale", [=, rows = context.rows_of(context.out(0)), src = context.place(context.in(0)), gate = context.place(context.in(1)),
                                                      dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1], area = in[2] * in[3];
        parallel_for(rows(run) * area, [&](std::int64_t pixel) {
            multiply_lines(run.floats(src) + pixel * channels, run.floats(gate) + pixel / area * channels, run.floats(dst) + pixel * channels, channels);
        });
    });
}

/// Lines of pixels of which four neighbours make one: dst = their mean with the weights (1 - x, x) and (1 - y, y) [+ other].
struct BilinearLine {
    const float* above;
    const float* below;
    const float* other;  // null: nothing is added
    float weight;        // of `below`
    const kernels::BilinearTap<float>* columns;
    std::int64_t width, channels;
};
REGULUS_ALWAYS_INLINE void bilinear_line_body(const BilinearLine& line, float* dst) {
    const float lower = line.weight, upper = 1.f - lower;
    for (std::int64_t x = 0; x < line.width; ++x) {
        const kernels::BilinearTap<float>& tap = line.columns[x];
        const float right = tap.weight, left = 1.f - right;
        const float *a = line.above + tap.first * line.channels, *b = line.above + tap.second * line.channels, *c = line.below + tap.first * line.channels, *d = line.below + tap.second * line.channels;
        float* to = dst + x * line.channels;
        const auto mixed = [=](std::int64_t i) { return (a[i] * left + b[i] * right) * upper + (c[i] * left + d[i] * right) * lower; };
        if (const float* const other = line.other; other != nullptr) {
            for (std::int64_t i = 0; i < line.channels; ++i) to[i] = mixed(i) + other[x * line.channels + i];
        } else {
            for (std::int64_t i = 0; i < line.channels; ++i) to[i] = mixed(i);
        }
    }
}
REGULUS_SIMD_KERNEL(bilinear_line, bilinear_line_body, (const BilinearLine& line, float* dst), (line, dst))

inline std::unique_ptr<Kernel> make_bilinear(const NodeContext& context) {
    const auto& op = std::get<ops::Resize>(context.node.operation);
    const Shape in = context.shape(context.in(0)), out = context.shape(context.out(0));
    std::vector<kernels::BilinearTap<float>> columns;
    for (std::int64_t x = 0; x < out[3]; ++x) columns.push_back(kernels::bilinear_tap<float>(x, in[3], out[3]));
    return std::make_unique<FunctionKernel>(op.adds ? "bilinear + add" : "bilinear", [=, adds = op.adds, columns = std::move(columns), rows = context.rows_of(context.out(0)), src = context.place(context.in(0)),
                                                                                     like = context.place(context.in(op.adds ? 1 : 0)), dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1];
        parallel_for(rows(run) * out[2], [&](std::int64_t line) {
            const kernels::BilinearTap<float> tap = kernels::bilinear_tap<float>(line % out[2], in[2], out[2]);
            const float* const map = run.floats(src) + line / out[2] * in[2] * in[3] * channels;
            const std::int64_t pitch = in[3] * channels, place = line * out[3] * channels;
            bilinear_line({map + tap.first * pitch, map + tap.second * pitch, adds ? run.floats(like) + place : nullptr, tap.weight, columns.data(), out[3], channels}, run.floats(dst) + place);
        });
    });
}

inline void add_pixel(const float* a, const float* b, float* dst, std::int64_t channels) { add_lines(a, b, dst, channels, Activation::none); }
inline void add_pixel(const Bf16* a, const Bf16* b, Bf16* dst, std::int64_t channels) { add_bf16(a, b, dst, channels); }

/// By the nearest pixel, of maps of float or Bf16.
template <class Element>
std::unique_ptr<Kernel> make_nearest(const NodeContext& context) {
    const bool adds = std::get<ops::Resize>(context.node.operation).adds;
    const Shape in = context.shape(context.in(0)), out = context.shape(context.out(0));
    return std::make_unique<FunctionKernel>(adds ? "nearest + add" : "nearest", [=, rows = context.rows_of(context.out(0)), src = context.place(context.in(0)), like = context.place(context.in(adds ? 1 : 0)),
                                                                                dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1];
        parallel_for(rows(run) * out[2], [&](std::int64_t line) {
            const std::int64_t row = line / out[2], y = line % out[2] * in[2] / out[2];
            const Element* from = static_cast<const Element*>(run.at(src)) + (row * in[2] + y) * in[3] * channels;
            const Element* other = static_cast<const Element*>(run.at(like)) + line * out[3] * channels;
            Element* to = static_cast<Element*>(run.at(dst)) + line * out[3] * channels;
            for (std::int64_t x = 0; x < out[3]; ++x) {
                const Element* pixel = from + x * in[3] / out[3] * channels;
                if (adds) add_pixel(pixel, other + x * channels, to + x * channels, channels);
                else std::memcpy(to + x * channels, pixel, std::size_t(channels) * sizeof(Element));
            }
        });
    });
}

/// To the size of the second input, or so many times the own; with `adds`, plus that input.
inline std::unique_ptr<Kernel> make_resize(const NodeContext& context) {
    if (std::get<ops::Resize>(context.node.operation).mode == ops::Resize::Mode::bilinear) return make_bilinear(context);
    return context.is_bf16(context.out(0)) ? make_nearest<Bf16>(context) : make_nearest<float>(context);
}

/// Pixel by pixel: the channels of each input after those of the one before.
template <class Element>
std::unique_ptr<Kernel> make_concat_of(const NodeContext& context) {
    struct Source {
        Place place;
        std::int64_t channels;
    };
    std::vector<Source> sources;
    for (std::size_t i = 0; i < context.node.inputs.size(); ++i) sources.push_back({context.place(context.in(i)), context.shape(context.in(i))[1]});
    const Shape out = context.shape(context.out(0));
    return std::make_unique<FunctionKernel>("concat", [=, rows = context.rows_of(context.out(0)), dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = out[1], width = out[3];
        parallel_for(rows(run) * out[2], [&](std::int64_t line) {
            Element* to = static_cast<Element*>(run.at(dst)) + line * width * channels;
            for (const Source& source : sources) {
                const Element* from = static_cast<const Element*>(run.at(source.place)) + line * width * source.channels;
                for (std::int64_t x = 0; x < width; ++x) std::memcpy(to + x * channels, from + x * source.channels, std::size_t(source.channels) * sizeof(Element));
                to += source.channels;
            }
        });
    });
}

inline std::unique_ptr<Kernel> make_concat(const NodeContext& context) { return context.is_bf16(context.out(0)) ? make_concat_of<Bf16>(context) : make_concat_of<float>(context); }

inline std::unique_ptr<Kernel> make_softmax(const NodeContext& context) {
    const Shape& in = context.shape(context.in(0));
    if (in.rank() == 4 && in[2] * in[3] != 1) throw BackendError("cpu: \"" + context.node.name + "\": softmax over maps is not supported");
    const std::int64_t size = in.rank() == 4 ? in[1] : in[in.rank() - 1];
    return std::make_unique<FunctionKernel>("softmax", [=, extent = Extent::of(context, context.out(0)), src = context.place(context.in(0)), dst = context.place(context.out(0))](const Run& run) {
        parallel_for(extent(run) / size, [&](std::int64_t row) {
            const float* from = run.floats(src) + row * size;
            float* to = run.floats(dst) + row * size;
            const float greatest = *std::max_element(from, from + size);
            float sum = 0.f;
            for (std::int64_t i = 0; i < size; ++i) sum += to[i] = std::exp(from[i] - greatest);
            for (std::int64_t i = 0; i < size; ++i) to[i] /= sum;
        });
    });
}

/// The pictures come as NCHW.
inline std::unique_ptr<Kernel> make_image_layout(const Shape& shape, Place src, Place dst) {
    return std::make_unique<FunctionKernel>("nchw -> nhwc", [=](const Run& run) { transpose(run.floats(src), run.floats(dst), shape[0], shape[1], shape[2] * shape[3]); });
}

}  // namespace regulus::cpu
