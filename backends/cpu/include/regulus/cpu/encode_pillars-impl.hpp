#pragma once
// The pillar net over the stored points of all pillars, a few pillars at a time, so that everything between the points and the result stays in the cache.
//
// What a layer computes for a row is split into what the row alone decides and what its pillar decides, once for all of its rows:
//   first layer    a point's row is its offset u from the pillar's centre c and the other features; x = u + c, and its offset from the mean m of the u is
//                  u - m, so the columns of x, mean and centre act on u as one, and on (c, m) once a pillar
//   other layers   the second half of a row is the pillar's maximum
// Slots without a point are one row a pillar; after the first layer it is the same for all pillars. Batch norms are folded into the matrices.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/graph/kernels/encode_pillars.hpp>

namespace regulus::cpu {

/// A pillar's rows through the first layer: rows = relu(inputs [count, depth] . weight [depth, width] + added), best = the greatest of them and of best.
struct FirstPillarRows {
    static constexpr std::int64_t least_depth = 3, most_depth = 8;  // that the kernel takes

    const float* inputs = nullptr;
    std::int64_t count = 0, depth = 0;
    const float* weight = nullptr;
    std::int64_t width = 0;
    const float* added = nullptr;
    float* rows = nullptr;
    float* best = nullptr;
    bool is_last = false;  // nobody reads the rows
};

}  // namespace regulus::cpu

#define REGULUS_SIMD_NAME encode_pillars
#define REGULUS_SIMD_SOURCE <regulus/cpu/encode_pillars.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

/// The functions of encode_pillars.inc for one instruction set, and the matrix product of the same.
struct PillarFunctions {
    MatrixFunctions matrix;
    void (*finish_rows)(float* rows, std::int64_t count, std::int64_t width, const float* added, float* best);
    void (*finish_last)(const float* rows, std::int64_t count, std::int64_t width, const float* added, float* best);
    void (*first_rows)(const FirstPillarRows& rows);
};

inline const PillarFunctions& pillar_functions(InstructionSet set = instruction_set()) {
#if defined(__x86_64__)
    static constexpr PillarFunctions avx512{{matrix_avx512::lanes, matrix_avx512::multiply}, encode_pillars_avx512::finish_rows, encode_pillars_avx512::finish_last, encode_pillars_avx512::first_rows};
    static constexpr PillarFunctions avx2{{matrix_avx2::lanes, matrix_avx2::multiply}, encode_pillars_avx2::finish_rows, encode_pillars_avx2::finish_last, encode_pillars_avx2::first_rows};
    if (set == InstructionSet::avx512) return avx512;
    if (set == InstructionSet::avx2) return avx2;
#endif
    (void)set;
    static constexpr PillarFunctions baseline{{matrix_baseline::lanes, matrix_baseline::multiply}, encode_pillars_baseline::finish_rows, encode_pillars_baseline::finish_last, encode_pillars_baseline::first_rows};
    return baseline;
}

/// A matrix [depth, width] packed for the product; outputs beyond the layer's are zero.
struct PillarMatrix {
    std::int64_t depth = 0, width = 0;
    std::vector<float> packed;

    PillarMatrix() = default;
    PillarMatrix(std::int64_t rows, std::int64_t columns, const std::vector<double>& dense, int lanes) : depth(rows), width(columns), packed(std::size_t(rows * columns), 0.f) {
        for_packed_columns(width, depth, lanes, [&](std::int64_t column, std::int64_t at, std::int64_t step) {
            for (std::int64_t row = 0; row < depth; ++row) packed[std::size_t(at + row * step)] = float(dense[std::size_t(row * width + column)]);
        });
    }

    /// dst [rows, width] = src . this [+ bias]; rows of src are `pitch` apart.
    void multiply(const PillarFunctions& functions, const float* src, std::int64_t pitch, std::int64_t rows, const float* bias, float* dst) const {
        MatrixProduct product;
        product.a = src;
        product.a_pitch = pitch;
        product.b = packed.data();
        product.c = dst;
        product.c_pitch = product.width = product.stored = width;
        product.rows = rows;
        product.depth = depth;
        product.bias = bias;
        functions.matrix.multiply(product);
    }
};

struct PillarLayer {
    std::int64_t unit = 0, width = 0;  // width: unit in whole vectors
    PillarMatrix of_row, of_pillar;
    std::vector<float> short_rows;     // of_row [depth, width] as it is, where the first layer's kernel takes it
    std::vector<float> shift;          // [width]
    std::vector<float> empty;          // [width]; first layer: what an empty slot becomes; second: its product with of_row
};

/// What encode_pillars() reads, made from a node's parameters once.
struct PillarNetWeights {
    ops::EncodePillars op;
    const PillarFunctions* functions = nullptr;
    std::vector<Tensor> plain;
    std::vector<const float*> parameters;  // plain's elements
    std::vector<PillarLayer> layers;
    bool finite = true;  // no parameter is NaN or infinite

    std::int64_t row_inputs() const { return op.voxels.features + (op.distance ? 1 : 0); }
    static constexpr std::int64_t pillar_inputs = 6;  // centre, mean of the offsets

    static PillarNetWeights make(const ops::EncodePillars& op, std::vector<Tensor> bound, const PillarFunctions& functions = pillar_functions()) {
        PillarNetWeights net;
        net.op = op;
        net.functions = &functions;
        net.plain = std::move(bound);
        for (const Tensor& tensor : net.plain) {
            net.parameters.push_back(tensor.data<float>());
            for (std::int64_t i = 0; i < tensor.numel(); ++i) net.finite = net.finite && std::isfinite(tensor.data<float>()[i]);
        }
        std::int64_t in = op.decorated();
        for (std::size_t which = 0; which < op.units.size(); ++which) {
            net.layers.push_back(net.layer(which, in));
            in = 2 * std::int64_t(op.units[which]);
        }
        return net;
    }

private:
    PillarLayer layer(std::size_t which, std::int64_t in) const {
        const float* const* const p = parameters.data() + 5 * which;
        PillarLayer layer;
        layer.unit = op.units[which];
        const int lanes = functions->matrix.lanes;
        layer.width = (layer.unit + lanes - 1) / lanes * lanes;
        const std::int64_t half = in / 2, row_depth = which == 0 ? row_inputs() : half, pillar_depth = which == 0 ? pillar_inputs : half;
        std::vector<double> of_row(std::size_t(row_depth * layer.width), 0.0), of_pillar(std::size_t(pillar_depth * layer.width), 0.0);
        layer.shift.assign(std::size_t(layer.width), 0.f);
        layer.empty = layer.shift;
        for (std::int64_t o = 0; o < layer.unit; ++o) {
            const double scale = double(p[1][o]) / std::sqrt(double(p[4][o]) + op.norm_eps), shift = double(p[2][o]) - double(p[3][o]) * scale;
            const float* const weight = p[0] + o * in;
            const auto row = [&](std::int64_t i, double value) { of_row[std::size_t(i * layer.width + o)] = value * scale; };
            const auto pillar = [&](std::int64_t i, double value) { of_pillar[std::size_t(i * layer.width + o)] = value * scale; };
            layer.shift[std::size_t(o)] = float(shift);
            if (which > 0) {
                double empty = 0;
                for (std::int64_t i = 0; i < half; ++i) {
                    row(i, weight[i]);
                    pillar(i, weight[half + i]);
                    if (which == 1) empty += double(weight[i]) * scale * double(layers[0].empty[std::size_t(i)]);
                }
                layer.empty[std::size_t(o)] = float(empty);
                continue;
            }
            layer.empty[std::size_t(o)] = std::max(0.f, float(shift));
            const std::int64_t features = op.voxels.features, mean = features, centre = features + (op.cluster_center ? 3 : 0);
            const bool legacy = op.legacy && op.voxel_center;
            for (std::int64_t axis = 0; axis < 3; ++axis) {
                const double of_mean = op.cluster_center ? double(weight[mean + axis]) : 0.0, of_centre = op.voxel_center ? double(weight[centre + axis]) : 0.0;
                row(axis, double(weight[axis]) + of_mean + of_centre);
                pillar(axis, legacy ? 0.0 : double(weight[axis]));
                pillar(3 + axis, -of_mean);
            }
            for (std::int64_t i = 3; i < features; ++i) row(i, weight[i]);
            if (op.distance) row(features, weight[in - 1]);
        }
        if (which == 0 && row_depth >= FirstPillarRows::least_depth && row_depth <= FirstPillarRows::most_depth) layer.short_rows.assign(of_row.begin(), of_row.end());
        layer.of_row = PillarMatrix(row_depth, layer.width, of_row, lanes);
        layer.of_pillar = PillarMatrix(pillar_depth, layer.width, of_pillar, lanes);
        return layer;
    }
};

/// Rows of ops::Voxelize that the net reads.
struct PillarRows {
    const float* points;
    const std::int32_t* order;
    const std::int32_t* first;
    const std::int32_t* number;
    const std::int32_t* cells;
};

/// A thread's memory for a group of pillars.
struct PillarScratch {
    static constexpr std::int64_t group_pillars = 48;
    static constexpr std::int64_t group_rows = 126;  // nine blocks of the product's; a pillar with more is a group of its own
    static constexpr std::int64_t task_pillars = 256;

    float *inputs, *rows, *next;                                 // [rows, row inputs], [rows, width] twice
    float *pillar_inputs, *added, *best, *empty, *empty_next;    // [pillars, pillar inputs], [pillars, width]

    static std::int64_t row_bound(const ops::EncodePillars& op) { return std::max<std::int64_t>(group_rows, op.voxels.max_points); }
    static std::int64_t widest(const ops::EncodePillars& op) {
        constexpr std::int64_t most_lanes = 16;
        return (*std::max_element(op.units.begin(), op.units.end()) + most_lanes - 1) / most_lanes * most_lanes;
    }
    static std::size_t floats(const ops::EncodePillars& op) {
        return std::size_t(row_bound(op) * (op.voxels.features + 1 + 2 * widest(op)) + group_pillars * (PillarNetWeights::pillar_inputs + 4 * widest(op)) + 15) / 16 * 16;
    }
    /// Bytes for `threads` threads.
    static std::size_t bytes(const ops::EncodePillars& op, int threads) {
        return std::size_t(threads) * (floats(op) * sizeof(float) + (kernels::encode_pillar_scratch(op) * sizeof(float) + 63) / 64 * 64);
    }

    PillarScratch(const ops::EncodePillars& op, float* memory) {
        const std::int64_t bound = row_bound(op), width = widest(op);
        const auto take = [&](std::int64_t count) {
            float* const taken = memory;
            memory += count;
            return taken;
        };
        rows = take(bound * width);
        next = take(bound * width);
        added = take(group_pillars * width);
        best = take(group_pillars * width);
        empty = take(group_pillars * width);
        empty_next = take(group_pillars * width);
        inputs = take(bound * (op.voxels.features + 1));
        pillar_inputs = take(group_pillars * PillarNetWeights::pillar_inputs);
    }
};

/// A pillar's offsets from its centre and other features, row by row, and its centre and their mean. Returns whether all is of a size that no layer's
/// sums can leave float32 with.
inline bool pillar_inputs(const PillarNetWeights& net, const PillarRows& pillars, std::int64_t pillar, float* rows, float* of_pillar) {
    const ops::EncodePillars& op = net.op;
    const std::int64_t features = op.voxels.features, step = net.row_inputs(), number = pillars.number[pillar];
    const std::int32_t* const order = pillars.order + pillars.first[pillar];
    double centre[3], mean[3] = {};
    for (std::size_t axis = 0; axis < 3; ++axis) centre[axis] = kernels::pillar_centre(op.voxels, pillars.cells + 3 * pillar, axis);
    const bool centred = op.legacy && op.voxel_center;
    bool sound = true;
    for (std::int64_t i = 0; i < number; ++i, rows += step) {
        const float* const point = pillars.points + std::int64_t(order[i]) * features;
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const double offset = double(point[axis]) - centre[axis];
            rows[axis] = float(offset);
            mean[axis] += offset;
        }
        for (std::int64_t feature = 3; feature < features; ++feature) rows[feature] = point[feature];
        if (op.distance) {
            double square = 0;
            for (std::size_t axis = 0; axis < 3; ++axis) {
                const double seen = double(point[axis]) - (centred ? centre[axis] : 0.0);
                square += seen * seen;
            }
            rows[features] = float(std::sqrt(square));
        }
        for (std::int64_t k = 0; k < step; ++k) sound &= std::fabs(rows[k]) < 1e12f;  // false for NaN
    }
    for (std::size_t axis = 0; axis < 3; ++axis) {
        of_pillar[axis] = float(centre[axis]);
        of_pillar[3 + axis] = float(mean[axis] / double(std::max<std::int64_t>(number, 1)));
    }
    return sound;
}

/// Pillars [begin, end), few enough for the scratch, whose inputs are in place. The rows of pillar i end before row_end[i - begin].
inline void encode_group(const PillarNetWeights& net, const PillarRows& pillars, std::int64_t begin, std::int64_t end, const std::int64_t* row_end, PillarScratch scratch, float* dst) {
    const PillarFunctions& functions = *net.functions;
    const std::int64_t count = end - begin, rows = row_end[count - 1], out = net.op.units.back();
    for (std::size_t which = 0; which < net.layers.size(); ++which) {
        const PillarLayer& layer = net.layers[which];
        const bool last = which + 1 == net.layers.size();
        const std::int64_t width = layer.width, previous = which == 0 ? 0 : net.layers[which - 1].width;
        if (which == 0) {
            if (layer.short_rows.empty()) layer.of_row.multiply(functions, scratch.inputs, net.row_inputs(), rows, nullptr, scratch.next);
            layer.of_pillar.multiply(functions, scratch.pillar_inputs, PillarNetWeights::pillar_inputs, count, layer.shift.data(), scratch.added);
        } else {
            layer.of_row.multiply(functions, scratch.rows, previous, rows, nullptr, scratch.next);
            layer.of_pillar.multiply(functions, scratch.best, previous, count, layer.shift.data(), scratch.added);
            if (which > 1) layer.of_row.multiply(functions, scratch.empty, previous, count, nullptr, scratch.empty_next);
        }
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t first = i == 0 ? 0 : row_end[i - 1], number = row_end[i] - first;
            const float* const added = scratch.added + i * width;
            float* const best = scratch.best + i * width;
            float* const empty = (which > 1 ? scratch.empty_next : scratch.empty) + i * width;
            std::fill_n(best, width, 0.f);  // relu gives nothing less
            if (which <= 1) std::copy_n(layer.empty.data(), width, empty);
            if (pillars.number[begin + i] < net.op.voxels.max_points) {
                if (which == 0) std::copy_n(empty, width, best);
                else functions.finish_rows(empty, 1, width, added, best);
            }
            if (which == 0 && !layer.short_rows.empty()) {
                FirstPillarRows rows;
                rows.inputs = scratch.inputs + first * net.row_inputs();
                rows.count = number;
                rows.depth = net.row_inputs();
                rows.weight = layer.short_rows.data();
                rows.width = width;
                rows.added = added;
                rows.rows = scratch.next + first * width;
                rows.best = best;
                rows.is_last = last;
                functions.first_rows(rows);
            } else if (last) functions.finish_last(scratch.next + first * width, number, width, added, best);
            else functions.finish_rows(scratch.next + first * width, number, width, added, best);
            if (last) std::copy_n(best, out, dst + (begin + i) * out);
        }
        std::swap(scratch.rows, scratch.next);
        if (which > 1) std::swap(scratch.empty, scratch.empty_next);
    }
}

/// ops::EncodePillars of `count` pillars; `scratch` holds PillarScratch::bytes(op, threads). Equal bits for every number of threads. A pillar with a number
/// that is not finite, or is huge, goes through kernels::encode_pillar; all do when the net averages, which no published model does.
inline void encode_pillars(const PillarNetWeights& net, const PillarRows& pillars, std::int64_t count, float* dst, void* scratch, int threads) {
    const ops::EncodePillars& op = net.op;
    const std::int64_t step = net.row_inputs(), most_rows = PillarScratch::row_bound(op);
    const std::size_t of_thread = PillarScratch::bytes(op, 1) / sizeof(float);
    parallel_tasks(threads, (count + PillarScratch::task_pillars - 1) / PillarScratch::task_pillars, [&](int thread, std::int64_t number) {
        float* const memory = static_cast<float*>(scratch) + std::size_t(thread) * of_thread;
        const PillarScratch own(op, memory);
        std::int64_t row_end[PillarScratch::group_pillars];
        const std::int64_t last = std::min(count, (number + 1) * PillarScratch::task_pillars);
        std::int64_t begin = number * PillarScratch::task_pillars, rows = 0;
        const auto flush = [&](std::int64_t end) {
            if (end > begin) encode_group(net, pillars, begin, end, row_end, own, dst);
            begin = end;
            rows = 0;
        };
        for (std::int64_t pillar = begin; pillar < last; ++pillar) {
            if (pillar - begin == PillarScratch::group_pillars || rows + pillars.number[pillar] > most_rows) flush(pillar);
            const std::int64_t i = pillar - begin;
            if (pillar_inputs(net, pillars, pillar, own.inputs + rows * step, own.pillar_inputs + i * PillarNetWeights::pillar_inputs) && net.finite && !op.average) {
                rows += pillars.number[pillar];
                row_end[i] = rows;
                continue;
            }
            flush(pillar);
            kernels::encode_pillar(op, pillars.points, pillars.order + pillars.first[pillar], pillars.number[pillar], pillars.cells + 3 * pillar, net.parameters.data(), dst + pillar * op.units.back(),
                                   memory + PillarScratch::floats(op));
            begin = pillar + 1;
        }
        flush(last);
    });
}

}  // namespace regulus::cpu
