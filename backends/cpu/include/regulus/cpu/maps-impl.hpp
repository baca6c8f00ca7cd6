#pragma once
// Own kernels over NHWC maps: layout changes, elementwise steps, pooling, resizing.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/simd.hpp>
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

/// The transpose of a block of at most 16 x 16: dst[j, i] = src[i, j]. Whole cache lines are read and written at once, as lines a power of two apart would
/// throw each other out of the cache.
inline void transpose_block(const float* src, std::int64_t src_pitch, float* dst, std::int64_t dst_pitch, std::int64_t rows, std::int64_t columns) {
    float block[16][16];
    for (std::int64_t i = 0; i < rows; ++i) std::memcpy(block[i], src + i * src_pitch, std::size_t(columns) * sizeof(float));
    for (std::int64_t j = 0; j < columns; ++j) {
        for (std::int64_t i = 0; i < rows; ++i) dst[j * dst_pitch + i] = block[i][j];
    }
}

/// NCHW -> NHWC or back, tile by tile: src [outer, a, b] -> dst [outer, b, a].
inline void transpose(const float* src, float* dst, std::int64_t outer, std::int64_t a, std::int64_t b) {
    constexpr std::int64_t tile = 64, side = 16;
    const std::int64_t tiles_a = (a + tile - 1) / tile, tiles_b = (b + tile - 1) / tile;
    parallel_for(outer * tiles_a * tiles_b, [&](std::int64_t index) {
        const std::int64_t o = index / (tiles_a * tiles_b), first_a = index / tiles_b % tiles_a * tile, first_b = index % tiles_b * tile;
        const std::int64_t last_a = std::min(a, first_a + tile), last_b = std::min(b, first_b + tile);
        if (a < side) {  // pictures
            for (std::int64_t i = 0; i < a; ++i) {
                for (std::int64_t j = first_b; j < last_b; ++j) dst[(o * b + j) * a + i] = src[(o * a + i) * b + j];
            }
            return;
        }
        for (std::int64_t j = first_b; j < last_b; j += side) {
            for (std::int64_t i = first_a; i < last_a; i += side) {
                transpose_block(src + (o * a + i) * b + j, b, dst + (o * b + j) * a + i, a, std::min(side, last_a - i), std::min(side, last_b - j));
            }
        }
    });
}

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

REGULUS_ALWAYS_INLINE void maximum_body(const float* src, float* dst, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] > dst[i] || src[i] != src[i] ? src[i] : dst[i];
}
REGULUS_SIMD_KERNEL(maximum, maximum_body, (const float* src, float* dst, std::int64_t count), (src, dst, count))

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

inline std::unique_ptr<Kernel> make_pool(const NodeContext& context) {
    const auto& op = std::get<ops::Pool2d>(context.node.operation);
    const Shape in = context.shape(context.in(0)), out = context.shape(context.out(0));
    return std::make_unique<FunctionKernel>("pool", [=, rows = context.rows_of(context.out(0)), src = context.place(context.in(0)), dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1];
        parallel_for(rows(run) * out[2], [&](std::int64_t line) {
            const std::int64_t row = line / out[2], oy = line % out[2];
            const float* map = run.floats(src) + row * in[2] * in[3] * channels;
            const std::int64_t y0 = std::max<std::int64_t>(0, oy * op.stride - op.padding), y1 = std::min(in[2], oy * op.stride - op.padding + op.kernel);
            for (std::int64_t ox = 0; ox < out[3]; ++ox) {
                float* pixel = run.floats(dst) + (line * out[3] + ox) * channels;
                const std::int64_t x0 = std::max<std::int64_t>(0, ox * op.stride - op.padding), x1 = std::min(in[3], ox * op.stride - op.padding + op.kernel);
                const bool takes_maximum = op.kind == ops::Pool2d::Kind::maximum;
                std::fill(pixel, pixel + channels, takes_maximum ? -std::numeric_limits<float>::infinity() : 0.f);
                for (std::int64_t y = y0; y < y1; ++y) {
                    for (std::int64_t x = x0; x < x1; ++x) (takes_maximum ? maximum : accumulate)(map + (y * in[3] + x) * channels, pixel, channels);
                }
                if (takes_maximum) continue;
                const float count = float(std::max<std::int64_t>(1, (y1 - y0) * (x1 - x0)));
                for (std::int64_t c = 0; c < channels; ++c) pixel[c] /= count;
            }
        });
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

/// To the size of the second input, or so many times the own; with `adds`, plus that input.
inline std::unique_ptr<Kernel> make_resize(const NodeContext& context) {
    const auto& op = std::get<ops::Resize>(context.node.operation);
    if (op.mode == ops::Resize::Mode::bilinear) return make_bilinear(context);
    const Shape in = context.shape(context.in(0)), out = context.shape(context.out(0));
    return std::make_unique<FunctionKernel>(op.adds ? "nearest + add" : "nearest", [=, adds = op.adds, rows = context.rows_of(context.out(0)), src = context.place(context.in(0)),
                                                                                   like = context.place(context.in(op.adds ? 1 : 0)), dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1];
        parallel_for(rows(run) * out[2], [&](std::int64_t line) {
            const std::int64_t row = line / out[2], y = line % out[2] * in[2] / out[2];
            const float* from = run.floats(src) + (row * in[2] + y) * in[3] * channels;
            const float* other = run.floats(like) + line * out[3] * channels;
            float* to = run.floats(dst) + line * out[3] * channels;
            for (std::int64_t x = 0; x < out[3]; ++x) {
                const float* pixel = from + x * in[3] / out[3] * channels;
                if (adds) add_lines(pixel, other + x * channels, to + x * channels, channels, Activation::none);
                else std::memcpy(to + x * channels, pixel, std::size_t(channels) * sizeof(float));
            }
        });
    });
}

/// Pixel by pixel: the channels of each input after those of the one before.
inline std::unique_ptr<Kernel> make_concat(const NodeContext& context) {
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
            float* to = run.floats(dst) + line * width * channels;
            for (const Source& source : sources) {
                const float* from = run.floats(source.place) + line * width * source.channels;
                for (std::int64_t x = 0; x < width; ++x) std::memcpy(to + x * channels, from + x * source.channels, std::size_t(source.channels) * sizeof(float));
                to += source.channels;
            }
        });
    });
}

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
