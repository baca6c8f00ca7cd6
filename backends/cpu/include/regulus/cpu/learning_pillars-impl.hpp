#pragma once
// From points to a canvas, and from the canvas's gradient back to the parameters of the pillar net.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <regulus/cpu/learning_maps-impl.hpp>
#include <regulus/cpu/learning_matrices-impl.hpp>
#include <regulus/cpu/pillars-impl.hpp>
#include <regulus/graph/kernels/encode_pillars.hpp>
#include <regulus/graph/kernels/gather_pillars.hpp>

namespace regulus::cpu {

using train::integers;

/// Which cell a point lies in has no gradient.
class VoxelizeThatLearns final : public InferredForward {
public:
    VoxelizeThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads)
        : InferredForward(node, inputs, outputs, threads, [](const NodeContext& context) { return new_kernel<VoxelizeKernel>(context); }) {}
    void backward(const train::LearningArguments&) override {}
};

/// A pillar takes the gradient of its cell of the canvas; rows behind the last pillar are zeros.
class ScatterThatLearns final : public InferredForward {
public:
    ScatterThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads)
        : InferredForward(node, inputs, outputs, threads, make_scatter_pillars), op_(std::get<ops::ScatterPillars>(node.operation)) {}

    bool backward_reads_inputs() const override { return true; }
    std::size_t scratch_bytes() const override { return std::max(InferredForward::scratch_bytes(), std::size_t(out()[0] * area()) * sizeof(std::int32_t)); }

    void backward(const train::LearningArguments& arguments) override {
        float* const to = arguments.input_gradients[0];
        if (to == nullptr) return;
        const ThreadScope scope(threads());
        const std::int32_t *const cells = integers(arguments.inputs[1]), *const counts = integers(arguments.inputs[2]);
        std::vector<std::int64_t> first{0};  // pillar of each cloud
        for (std::int64_t cloud = 0; cloud < out()[0]; ++cloud) first.push_back(first.back() + counts[cloud]);
        parallel_for(out()[0], [&](std::int64_t cloud) {
            kernels::gather_pillars(op_, arguments.output_gradients[0] + cloud * area() * op_.channels, cells + 3 * first[std::size_t(cloud)], counts[cloud], std::int64_t(1), std::int64_t(op_.channels),
                                    reinterpret_cast<std::int32_t*>(arguments.scratch) + cloud * area(), to + first[std::size_t(cloud)] * op_.channels);
        });
        std::fill(to + first.back() * op_.channels, to + in(0).numel(), 0.f);
    }

private:
    std::int64_t area() const { return std::int64_t(op_.height) * op_.width; }
    ops::ScatterPillars op_;
};

/// Over rows that stand for `copies` equal ones each, per channel: sums of x and of its square.
REGULUS_ALWAYS_INLINE void copied_moments_body(const float* x, const float* copies, std::int64_t rows, std::int64_t channels, double* sum, double* squares) {
    for (std::int64_t c = 0; c < channels; ++c) sum[c] = squares[c] = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
        const double weight = double(copies[row]);
        for (std::int64_t c = 0; c < channels; ++c) {
            const double value = double(x[row * channels + c]);
            sum[c] += weight * value;
            squares[c] += weight * value * value;
        }
    }
}
REGULUS_SIMD_KERNEL(copied_moments, copied_moments_body, (const float* x, const float* copies, std::int64_t rows, std::int64_t channels, double* sum, double* squares), (x, copies, rows, channels, sum, squares))

/// relu(x * scale + shift) of `rows` rows into rows that are `pitch` apart.
REGULUS_ALWAYS_INLINE void normed_rows_body(const float* x, const float* scale, const float* shift, std::int64_t rows, std::int64_t channels, float* __restrict dst, std::int64_t pitch) {
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t c = 0; c < channels; ++c) {
            const float value = x[row * channels + c] * scale[c] + shift[c];
            dst[row * pitch + c] = value < 0.f ? 0.f : value;
        }
    }
}
REGULUS_SIMD_KERNEL(normed_rows, normed_rows_body, (const float* x, const float* scale, const float* shift, std::int64_t rows, std::int64_t channels, float* dst, std::int64_t pitch),
                    (x, scale, shift, rows, channels, dst, pitch))

/// Of relu(x * scale + shift) the first row with the greatest value of each channel, and that value; a NaN is greater than all.
REGULUS_ALWAYS_INLINE void greatest_rows_body(const float* x, const float* scale, const float* shift, std::int64_t rows, std::int64_t channels, float* __restrict greatest, std::int32_t* __restrict which) {
    for (std::int64_t c = 0; c < channels; ++c) greatest[c] = 0.f, which[c] = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t c = 0; c < channels; ++c) {
            const float value = x[row * channels + c] * scale[c] + shift[c];
            const bool better = value > greatest[c] || value != value;
            greatest[c] = better ? value : greatest[c];
            which[c] = better ? std::int32_t(row) : which[c];
        }
    }
}
REGULUS_SIMD_KERNEL(greatest_rows, greatest_rows_body, (const float* x, const float* scale, const float* shift, std::int64_t rows, std::int64_t channels, float* greatest, std::int32_t* which),
                    (x, scale, shift, rows, channels, greatest, which))

/// norm_back_body() through the relu for rows that stand for `copies` equal ones, whose gradients are added up; in place.
REGULUS_ALWAYS_INLINE void copied_norm_back_body(const float* x, const float* copies, const NormBack& lines, float* gradient, std::int64_t rows, std::int64_t channels) {
    const float *const a = lines.a, *const mean = lines.mean, *const b = lines.b, *const c = lines.c, *const shift = lines.shift;
    for (std::int64_t row = 0; row < rows; ++row) {
        const float* const line = x + row * channels;
        float* const g = gradient + row * channels;
        const float weight = copies[row];
        for (std::int64_t i = 0; i < channels; ++i) g[i] = through_relu(line[i], a[i], shift[i], g[i]) * a[i] + weight * ((line[i] - mean[i]) * b[i] + c[i]);
    }
}
REGULUS_SIMD_KERNEL(copied_norm_back, copied_norm_back_body, (const float* x, const float* copies, const NormBack& lines, float* gradient, std::int64_t rows, std::int64_t channels),
                    (x, copies, lines, gradient, rows, channels))

/// The pillar net. A pillar's rows are its points and, where slots are empty, one more for all of those: they are alike in every layer, and count as often as there are.
/// A row's gradient is the sum over what it stands for. Points have no gradient (zeros, where somebody asks); rows of the output behind the last pillar are zeros.
class PillarNetThatLearns final : public train::LearningKernel {
public:
    PillarNetThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, const train::LearningRules& rules)
        : op_(std::get<ops::EncodePillars>(node.operation)), name_(node.name), rules_(rules), point_numbers_(inputs[0].numel()), clouds_(inputs[5][0]), pillar_bound_(outputs[0][0]),
          row_bound_(std::min(inputs[0][0] + pillar_bound_, pillar_bound_ * op_.voxels.max_points)), widest_(std::max<std::int64_t>(kernels::pillar_row_width(op_), op_.units.back())) {
        const auto take = [&](std::int64_t numbers) {
            const std::size_t at = kept_bytes_;
            kept_bytes_ += (std::size_t(numbers) * sizeof(float) + 63) / 64 * 64;
            return at;
        };
        row_end_ = take(pillar_bound_ + 1);
        points_ = take(pillar_bound_);
        copies_ = take(row_bound_);
        inputs_ = take(row_bound_ * op_.decorated());
        std::int64_t in = op_.decorated();
        for (const int unit : op_.units) {
            layers_.push_back({layers_.size(), in, unit, take(row_bound_ * unit), take(pillar_bound_ * unit), take(4 * std::int64_t(unit))});
            in = 2 * std::int64_t(unit);
        }
    }

    std::size_t kept_bytes() const override { return kept_bytes_; }
    std::size_t scratch_bytes() const override {
        return std::size_t((slices_of(row_bound_) + 1) * 2 * widest_) * sizeof(double) + std::size_t((2 * row_bound_ + chunk_bound() + 2) * widest_) * sizeof(float);
    }

    void forward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(rules_.threads);
        const Rows rows = sort_rows(arguments);
        train::need_pillar_variance("cpu", name_, rows.pillars * op_.voxels.max_points, op_.units.size(), rules_);
        const std::int64_t out = op_.units.back();
        std::fill_n(arguments.outputs[0] + rows.pillars * out, (pillar_bound_ - rows.pillars) * out, 0.f);
        if (rows.pillars == 0) return;
        const Scratch scratch = scratch_of(arguments);
        for (const Layer& layer : layers_) {
            each_chunk(rows, [&](const Chunk& chunk) {
                const float* const in = layer_inputs(arguments, rows, layer, chunk, scratch.chunk);
                PlainProduct{false, true, chunk.rows, layer.unit, layer.in, in, layer.in, arguments.parameters[5 * layer.number], layer.in, 0.f, sums(arguments, layer) + chunk.first_row * layer.unit, layer.unit}.run();
            });
            find_statistics(arguments, rows, layer, scratch);
            if (!op_.average) find_greatest(arguments, rows, layer, scratch);
        }
        parallel_for(rows.pillars, [&](std::int64_t pillar) { pool(arguments, rows, layers_.back(), pillar, arguments.outputs[0] + pillar * out); });
    }

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(rules_.threads);
        if (arguments.input_gradients[0] != nullptr) std::fill_n(arguments.input_gradients[0], point_numbers_, 0.f);
        const Rows rows = sorted_rows(arguments);
        if (rows.pillars == 0) return;
        const Scratch scratch = scratch_of(arguments);
        float *gradient = scratch.gradient, *before = scratch.gradient + row_bound_ * widest_;  // [rows, unit] by a layer's values, then by its sums; and of the layer before
        const std::int64_t out = op_.units.back();
        parallel_for(rows.pillars, [&](std::int64_t pillar) {
            std::fill(gradient + rows.begin(pillar) * out, gradient + rows.end(pillar) * out, 0.f);
            spread(arguments, rows, layers_.back(), pillar, arguments.output_gradients[0] + pillar * out, gradient);
        });
        for (std::size_t which = layers_.size(); which-- > 0; std::swap(gradient, before)) {
            const Layer& layer = layers_[which];
            through_norm(arguments, rows, layer, scratch, gradient);
            each_chunk(rows, [&](const Chunk& chunk) {
                const float* const own = gradient + chunk.first_row * layer.unit;
                if (float* const by_weight = arguments.parameter_gradients[5 * which]; by_weight != nullptr) {
                    const float* const in = layer_inputs(arguments, rows, layer, chunk, scratch.chunk);
                    PlainProduct{true, false, layer.unit, layer.in, chunk.rows, own, layer.unit, in, layer.in, 1.f, by_weight, layer.in}.run();
                }
                if (which == 0) return;
                PlainProduct{false, false, chunk.rows, layer.in, layer.unit, own, layer.unit, arguments.parameters[5 * which], layer.in, 0.f, scratch.chunk, layer.in}.run();
                to_layer_before(arguments, rows, layers_[which - 1], chunk, scratch.chunk, before);
            });
        }
    }

private:
    struct Layer {
        std::size_t number;
        std::int64_t in, unit;
        std::size_t sums;        // in what is kept: [rows, unit], inputs . weight^T
        std::size_t greatest;    // [pillars, unit] int32: which of a pillar's rows is the maximum's
        std::size_t statistics;  // mean, scale, shift, 1 / sqrt(variance + eps) [4, unit]
    };
    struct Rows {
        std::int64_t pillars;
        const std::int32_t* row_end;  // [pillars]
        const std::int32_t* points;   // [pillars]
        const float* copies;          // [rows]; a pillar's last row may stand for several slots
        std::int64_t begin(std::int64_t pillar) const { return pillar == 0 ? 0 : row_end[pillar - 1]; }
        std::int64_t end(std::int64_t pillar) const { return row_end[pillar]; }
        std::int64_t count() const { return pillars == 0 ? 0 : row_end[pillars - 1]; }
    };
    /// Pillars [first, last), whose rows begin at first_row.
    struct Chunk {
        std::int64_t first, last, first_row, rows;
    };
    struct Statistics {
        float *mean, *scale, *shift, *inverse;
    };
    struct Scratch {
        double* slices;                     // see sum_slices()
        float *gradient, *chunk, *b, *c;    // [rows, widest] twice, [rows of a chunk, widest], [widest] each
    };

    static constexpr std::int64_t chunk_rows = 8192;
    std::int64_t chunk_bound() const { return std::min(row_bound_, std::max<std::int64_t>(chunk_rows, op_.voxels.max_points)); }

    Scratch scratch_of(const train::LearningArguments& arguments) const {
        Scratch scratch;
        scratch.slices = reinterpret_cast<double*>(arguments.scratch);
        scratch.gradient = reinterpret_cast<float*>(scratch.slices + (slices_of(row_bound_) + 1) * 2 * widest_);
        scratch.chunk = scratch.gradient + 2 * row_bound_ * widest_;
        scratch.b = scratch.chunk + chunk_bound() * widest_;
        scratch.c = scratch.b + widest_;
        return scratch;
    }
    float* kept(const train::LearningArguments& arguments, std::size_t at) const { return reinterpret_cast<float*>(arguments.kept + at); }
    std::int32_t* kept_integers(const train::LearningArguments& arguments, std::size_t at) const { return reinterpret_cast<std::int32_t*>(arguments.kept + at); }
    float* sums(const train::LearningArguments& arguments, const Layer& layer) const { return kept(arguments, layer.sums); }
    std::int32_t* greatest(const train::LearningArguments& arguments, const Layer& layer) const { return kept_integers(arguments, layer.greatest); }
    Statistics statistics(const train::LearningArguments& arguments, const Layer& layer) const {
        float* const first = kept(arguments, layer.statistics);
        return {first, first + layer.unit, first + 2 * layer.unit, first + 3 * layer.unit};
    }
    Rows sorted_rows(const train::LearningArguments& arguments) const {
        const std::int32_t* const row_end = kept_integers(arguments, row_end_);
        return {row_end[pillar_bound_], row_end, kept_integers(arguments, points_), kept(arguments, copies_)};
    }

    template <class Body>
    void each_chunk(const Rows& rows, const Body& body) const {
        for (std::int64_t first = 0; first < rows.pillars;) {
            std::int64_t last = first + 1;
            while (last < rows.pillars && rows.end(last) - rows.begin(first) <= chunk_bound()) ++last;
            body(Chunk{first, last, rows.begin(first), rows.end(last - 1) - rows.begin(first)});
            first = last;
        }
    }

    /// The rows of all pillars, and what the first layer reads.
    Rows sort_rows(const train::LearningArguments& arguments) const {
        const std::int32_t *const order = integers(arguments.inputs[1]), *const first = integers(arguments.inputs[2]), *const number = integers(arguments.inputs[3]), *const cells = integers(arguments.inputs[4]),
                           *const counts = integers(arguments.inputs[5]);
        std::int32_t* const row_end = kept_integers(arguments, row_end_);
        std::int32_t pillars = 0, rows = 0;
        for (std::int64_t cloud = 0; cloud < clouds_; ++cloud) pillars += counts[cloud];
        for (std::int32_t pillar = 0; pillar < pillars; ++pillar) row_end[pillar] = rows += std::int32_t(kernels::pillar_rows(op_, number[pillar]));
        row_end[pillar_bound_] = pillars;
        std::copy_n(number, pillars, kept_integers(arguments, points_));
        const Rows sorted = sorted_rows(arguments);
        const std::int64_t width = op_.decorated();
        parallel_for(pillars, [&](std::int64_t pillar) {
            float* const copies = kept(arguments, copies_);
            float* const to = kept(arguments, inputs_) + sorted.begin(pillar) * width;
            std::fill(copies + sorted.begin(pillar), copies + sorted.end(pillar), 1.f);
            kernels::decorate_pillar(op_, arguments.inputs[0], order + first[pillar], number[pillar], cells + 3 * pillar, to, width, std::int64_t(1));
            if (number[pillar] == op_.voxels.max_points) return;
            copies[sorted.end(pillar) - 1] = float(op_.voxels.max_points - number[pillar]);
            std::fill_n(to + number[pillar] * width, width, 0.f);
        });
        return sorted;
    }

    /// What a layer reads of the chunk's rows [rows, in]; made in `to` unless it is kept.
    const float* layer_inputs(const train::LearningArguments& arguments, const Rows& rows, const Layer& layer, const Chunk& chunk, float* to) const {
        if (layer.number == 0) return kept(arguments, inputs_) + chunk.first_row * layer.in;
        const Layer& before = layers_[layer.number - 1];
        const Statistics norm = statistics(arguments, before);
        parallel_for(chunk.last - chunk.first, [&](std::int64_t i) {
            const std::int64_t begin = rows.begin(chunk.first + i), count = rows.end(chunk.first + i) - begin;
            float* const first = to + (begin - chunk.first_row) * layer.in;
            normed_rows(sums(arguments, before) + begin * before.unit, norm.scale, norm.shift, count, before.unit, first, layer.in);
            pool(arguments, rows, before, chunk.first + i, first + before.unit);
            for (std::int64_t row = 1; row < count; ++row) std::copy_n(first + before.unit, before.unit, first + row * layer.in + before.unit);
        });
        return to;
    }

    void find_statistics(const train::LearningArguments& arguments, const Rows& rows, const Layer& layer, const Scratch& scratch) const {
        const Statistics norm = statistics(arguments, layer);
        float* const* const own = arguments.parameters.data() + 5 * layer.number;
        const auto keep = [&](std::int64_t c, double mean, double variance) {
            const double inverse = 1 / std::sqrt(variance + op_.norm_eps);
            norm.mean[c] = float(mean);
            norm.inverse[c] = float(inverse);
            norm.scale[c] = float(double(own[1][c]) * inverse);
            norm.shift[c] = float(double(own[2][c]) - mean * double(own[1][c]) * inverse);
        };
        if (rules_.stored(layer.number)) {
            for (std::int64_t c = 0; c < layer.unit; ++c) keep(c, double(own[3][c]), double(own[4][c]));
            return;
        }
        double* const total = scratch.slices;
        const float* const x = sums(arguments, layer);
        sum_slices(rows.count(), layer.unit, total + 2 * layer.unit, total, [&](std::int64_t first, std::int64_t count, double* sum, double* squares) {
            copied_moments(x + first * layer.unit, rows.copies + first, count, layer.unit, sum, squares);
        });
        const double count = double(rows.pillars * op_.voxels.max_points), momentum = arguments.norm_momentum;
        for (std::int64_t c = 0; c < layer.unit; ++c) {
            const double mean = total[c] / count, variance = std::max(0.0, total[layer.unit + c] / count - mean * mean);
            keep(c, mean, variance);
            own[3][c] = float((1 - momentum) * double(own[3][c]) + momentum * mean);
            own[4][c] = float((1 - momentum) * double(own[4][c]) + momentum * variance * count / (count - 1));
        }
    }

    void find_greatest(const train::LearningArguments& arguments, const Rows& rows, const Layer& layer, const Scratch& scratch) const {
        const Statistics norm = statistics(arguments, layer);
        parallel_for(rows.pillars, [&](std::int64_t pillar) {
            greatest_rows(sums(arguments, layer) + rows.begin(pillar) * layer.unit, norm.scale, norm.shift, rows.end(pillar) - rows.begin(pillar), layer.unit, scratch.gradient + pillar * layer.unit,
                          greatest(arguments, layer) + pillar * layer.unit);
        });
    }

    /// What the slots of a pillar have in common: their maximum, or their mean. [unit]
    void pool(const train::LearningArguments& arguments, const Rows& rows, const Layer& layer, std::int64_t pillar, float* to) const {
        const Statistics norm = statistics(arguments, layer);
        const float* const x = sums(arguments, layer);
        const auto value = [&](std::int64_t row, std::int64_t c) {
            const float shifted = x[row * layer.unit + c] * norm.scale[c] + norm.shift[c];
            return shifted < 0.f ? 0.f : shifted;
        };
        const std::int32_t* const which = greatest(arguments, layer) + pillar * layer.unit;
        for (std::int64_t c = 0; c < layer.unit; ++c) {
            if (!op_.average) {
                to[c] = value(rows.begin(pillar) + which[c], c);
                continue;
            }
            float sum = 0;
            for (std::int64_t row = rows.begin(pillar); row < rows.end(pillar); ++row) sum += rows.copies[row] * value(row, c);
            to[c] = sum / float(std::max(rows.points[pillar], 1));
        }
    }

    /// The way back of pool(): adds to gradient [rows, unit].
    void spread(const train::LearningArguments& arguments, const Rows& rows, const Layer& layer, std::int64_t pillar, const float* of_all, float* gradient) const {
        const std::int32_t* const which = greatest(arguments, layer) + pillar * layer.unit;
        if (!op_.average) {
            for (std::int64_t c = 0; c < layer.unit; ++c) gradient[(rows.begin(pillar) + which[c]) * layer.unit + c] += of_all[c];
            return;
        }
        for (std::int64_t row = rows.begin(pillar); row < rows.end(pillar); ++row) {
            const float share = rows.copies[row] / float(std::max(rows.points[pillar], 1));
            for (std::int64_t c = 0; c < layer.unit; ++c) gradient[row * layer.unit + c] += share * of_all[c];
        }
    }

    /// From the gradient by a layer's values to the one by its sums, in place; what the norm learns is added.
    void through_norm(const train::LearningArguments& arguments, const Rows& rows, const Layer& layer, const Scratch& scratch, float* gradient) const {
        const Statistics norm = statistics(arguments, layer);
        const float* const x = sums(arguments, layer);
        double* const total = scratch.slices;
        sum_slices(rows.count(), layer.unit, total + 2 * layer.unit, total, [&](std::int64_t first, std::int64_t count, double* sum, double* product) {
            norm_sums(x + first * layer.unit, gradient + first * layer.unit, norm.scale, norm.shift, norm.mean, true, count, layer.unit, sum, product);
        });
        float *const by_weight = arguments.parameter_gradients[5 * layer.number + 1], *const by_bias = arguments.parameter_gradients[5 * layer.number + 2];
        const double share = rules_.stored(layer.number) ? 0 : 1.0 / double(rows.pillars * op_.voxels.max_points);
        for (std::int64_t c = 0; c < layer.unit; ++c) {
            const double sum = total[c], product = total[layer.unit + c], scale = double(norm.scale[c]), inverse = double(norm.inverse[c]);
            if (by_weight != nullptr) by_weight[c] += float(product * inverse);
            if (by_bias != nullptr) by_bias[c] += float(sum);
            scratch.b[c] = float(-scale * inverse * inverse * product * share);
            scratch.c[c] = float(-scale * sum * share);
        }
        const NormBack lines{norm.scale, norm.mean, scratch.b, scratch.c, norm.shift};
        parallel_for(slices_of(rows.count()), [&](std::int64_t slice) {
            const std::int64_t first = slice * slice_pixels;
            copied_norm_back(x + first * layer.unit, rows.copies + first, lines, gradient + first * layer.unit, std::min(slice_pixels, rows.count() - first), layer.unit);
        });
    }

    /// From the gradient by what a layer reads of a chunk [rows, in], which is used up, to the one by the values of the layer before it.
    void to_layer_before(const train::LearningArguments& arguments, const Rows& rows, const Layer& before, const Chunk& chunk, float* by_inputs, float* gradient) const {
        const std::int64_t unit = before.unit, in = 2 * unit;
        parallel_for(chunk.last - chunk.first, [&](std::int64_t i) {
            const std::int64_t begin = rows.begin(chunk.first + i), count = rows.end(chunk.first + i) - begin;
            float* const from = by_inputs + (begin - chunk.first_row) * in;
            for (std::int64_t row = 0; row < count; ++row) std::copy_n(from + row * in, unit, gradient + (begin + row) * unit);
            for (std::int64_t row = 1; row < count; ++row) accumulate(from + row * in + unit, from + unit, unit);  // what stands beside every row
            spread(arguments, rows, before, chunk.first + i, from + unit, gradient);
        });
    }

    ops::EncodePillars op_;
    std::string name_;
    train::LearningRules rules_;
    std::int64_t point_numbers_, clouds_, pillar_bound_, row_bound_, widest_;
    std::size_t kept_bytes_ = 0, row_end_, points_, copies_, inputs_;
    std::vector<Layer> layers_;
};

}  // namespace regulus::cpu
