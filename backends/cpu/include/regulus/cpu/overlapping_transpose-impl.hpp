#pragma once
// Transposed convolutions of any kernel, stride and padding.
//
// The output pixels of one residue modulo the stride, along both axes, are an ordinary convolution with every stride-th tap: output pixel o reads input pixel
// (o + padding - tap) / stride for the taps that make this a whole number. So a line of a residue is a matrix product with a few taps. At the borders some
// taps fall outside the map; there each pixel is a product of its own with the others.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/maps-impl.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// The weight [in, out, kernel, kernel] packed for a product of kernel * kernel taps; and the bias. Padded with zeros to whole vectors.
struct OverlappingWeights {
    Tensor taps;
    Tensor bias;
    std::int64_t width = 0;

    static OverlappingWeights make(const ConvParameters& parameters, int lanes) {
        const std::int64_t in = parameters.weight.shape()[0], out = parameters.weight.shape()[1], taps = parameters.weight.shape()[2] * parameters.weight.shape()[3];
        OverlappingWeights result;
        result.width = (out + lanes - 1) / lanes * lanes;
        result.taps = Tensor::zeros(Shape{taps, in, result.width});
        result.bias = Tensor::zeros(Shape{result.width});
        std::memcpy(result.bias.data<float>(), parameters.bias.data<float>(), std::size_t(out) * sizeof(float));
        const float* from = parameters.weight.data<float>();
        float* to = result.taps.data<float>();
        for_packed_columns(result.width, taps * in, lanes, [&](std::int64_t o, std::int64_t place, std::int64_t panel) {
            for (std::int64_t i = 0; o < out && i < in; ++i) {
                for (std::int64_t tap = 0; tap < taps; ++tap) to[place + (tap * in + i) * panel] = from[(i * out + o) * taps + tap];
            }
        });
        return result;
    }
};

class OverlappingTransposeKernel final : public Kernel {
public:
    OverlappingTransposeKernel(const NodeContext& context, std::shared_ptr<const OverlappingWeights> weights)
        : op_(std::get<ops::ConvTranspose2d>(context.node.operation)), weights_(std::move(weights)), functions_(matrix_functions()), rows_(context.rows_of(context.out(0))),
          src_(context.place(context.in(0))), dst_(context.place(context.out(0))), in_(context.shape(context.in(0))), out_(context.shape(context.out(0))) {
        std::vector<Reach> columns;
        for (std::int64_t o = 0; o < out_[3]; ++o) columns.push_back(reach_of(o, in_[3]));
        for (std::int64_t o = 0; o < out_[2]; ++o) {
            const Reach reach = reach_of(o, in_[2]);
            const auto same = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) { return kind.reach.first == reach.first && kind.reach.count == reach.count; });
            lines_.push_back({std::size_t(same - kinds_.begin()), reach.source * in_[3] * in_[1]});
            if (same == kinds_.end()) kinds_.push_back({reach, parts_of(reach, columns)});
        }
        name = "matrix product by residues";
        reason = "windows overlap";
    }

    void run(const Run& run) const override {
        parallel_for(rows_(run) * out_[2], [&](std::int64_t i) {
            const Line& line = lines_[std::size_t(i % out_[2])];
            compute(kinds_[line.kind], run.floats(src_) + i / out_[2] * in_[2] * in_[3] * in_[1] + line.offset, run.floats(dst_) + i * out_[3] * out_[1]);
        });
    }

private:
    /// Along one axis: the taps that reach an output pixel from inside the map are first, first + stride, ...; the first reads pixel `source`, each other one pixel less.
    struct Reach {
        std::int64_t first = 0, count = 0, source = 0;
    };

    /// Output pixels x, x + stride, ... of a line that read with the same taps: one product.
    struct Part {
        std::int64_t x, pixels;
        std::vector<std::int64_t> offsets, slices;  // floats from the line's first source pixel; taps
    };

    /// Lines that are reached by the same taps.
    struct Kind {
        Reach reach;
        std::vector<Part> parts;
    };
    struct Line {
        std::size_t kind;
        std::int64_t offset;  // of the source line in the map, floats
    };

    Reach reach_of(std::int64_t o, std::int64_t length) const {
        Reach reach;
        for (std::int64_t tap = (o + op_.padding) % op_.stride; tap < op_.kernel; tap += op_.stride) {
            const std::int64_t source = (o + op_.padding - tap) / op_.stride;
            if (o + op_.padding < tap || source >= length) continue;
            if (reach.count++ == 0) reach.first = tap, reach.source = source;
        }
        return reach;
    }

    std::vector<Part> parts_of(const Reach& above, const std::vector<Reach>& columns) const {
        const std::int64_t stride = op_.stride, width = out_[3];
        std::vector<Part> parts;
        for (std::int64_t residue = 0; residue < std::min(stride, width); ++residue) {
            for (std::int64_t x = residue; x < width;) {
                const Reach& left = columns[std::size_t(x)];
                Part part{x, 1, {}, {}};
                const auto goes_on = [&](const Reach& next) { return next.first == left.first && next.count == left.count && (left.count == 0 || next.source == left.source + part.pixels); };
                while (x + part.pixels * stride < width && goes_on(columns[std::size_t(x + part.pixels * stride)])) ++part.pixels;
                for (std::int64_t i = 0; i < above.count; ++i) {
                    for (std::int64_t j = 0; j < left.count; ++j) {
                        part.offsets.push_back((left.source - j - i * in_[3]) * in_[1]);
                        part.slices.push_back((above.first + i * stride) * op_.kernel + left.first + j * stride);
                    }
                }
                x += part.pixels * stride;
                parts.push_back(std::move(part));
            }
        }
        return parts;
    }

    /// One output line from its first source line.
    void compute(const Kind& kind, const float* from, float* to) const {
        MatrixProduct product;
        product.a = from;
        product.a_pitch = product.depth = in_[1];
        product.b = weights_->taps.data<float>();
        product.b_taps = std::int64_t(op_.kernel) * op_.kernel;
        product.c_pitch = op_.stride * out_[1];
        product.width = weights_->width;
        product.stored = out_[1];
        product.bias = weights_->bias.data<float>();
        product.relu = op_.activation == Activation::relu;
        for (const Part& part : kind.parts) {
            product.c = to + part.x * out_[1];
            product.rows = part.pixels;
            product.taps = std::int64_t(part.slices.size());
            product.a_offsets = part.slices.empty() ? &MatrixProduct::nowhere : part.offsets.data();  // no tap: the bias alone
            product.b_slices = part.slices.empty() ? &MatrixProduct::nowhere : part.slices.data();
            functions_.multiply(product);
        }
        if (op_.activation != Activation::sigmoid) return;
        for (std::int64_t i = 0; i < out_[3] * out_[1]; ++i) to[i] = activate(Activation::sigmoid, to[i]);
    }

    ops::ConvTranspose2d op_;
    std::shared_ptr<const OverlappingWeights> weights_;
    const MatrixFunctions& functions_;
    RowCount rows_;
    Place src_, dst_;
    Shape in_, out_;
    std::vector<Kind> kinds_;
    std::vector<Line> lines_;
};

}  // namespace regulus::cpu
