#pragma once
// Linear layers, pointwise convolutions and transposed convolutions whose windows lie side by side, in bfloat16: products of rows with a matrix.
#include <algorithm>
#include <cstring>
#include <memory>

#include <regulus/cpu/amx_tiles-impl.hpp>
#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/tile_weights-impl.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// A place whose elements are float32 or bfloat16.
struct MapPlace {
    Place place;
    bool is_bf16 = false;

    static MapPlace of(const NodeContext& context, ValueId id) { return {context.place(id), context.is_bf16(id)}; }
    std::byte* at(const Run& run, std::int64_t element) const { return static_cast<std::byte*>(run.at(place)) + std::size_t(element) * element_bytes(is_bf16); }
};

/// Where a kernel's results go, and what is added to them before.
struct TileOutput {
    MapPlace dst, residual;
    std::int64_t pitch = 0;  // elements from a row's result to the next one's in a stretch
    bool adds = false, relu = false;

    /// Of a panel's columns, no rows yet.
    void start(TileResult& result, const TileWeights& weights, std::int64_t group, std::int64_t panel) const {
        result.clear();
        result.columns = std::min(block_columns, weights.columns() - panel * block_columns);
        result.bias = weights.bias(group, panel);
        result.pitch = pitch;
        result.adds = adds;
        result.relu = relu;
        result.is_bf16 = dst.is_bf16;
        result.residual_is_bf16 = residual.is_bf16;
    }

    /// Rows [first, first + rows), of which the first one's results begin at `element`.
    void add_rows(TileResult& result, const Run& run, std::int64_t first, std::int64_t rows, std::int64_t element) const {
        result.add({first, rows, dst.at(run, element), adds ? residual.at(run, element) : nullptr});
    }
};

/// The blocks of a task, one after the other: each one's sums are stored while the next one is multiplied.
class TileBlocks {
public:
    static constexpr std::int64_t floats = 2 * block_rows * block_columns;

    TileBlocks(const TileFunctions& tiles, float* memory) : tiles_(tiles), memory_(memory) {}

    /// What becomes of the next product's sums; all but where they are.
    TileResult& next() { return results_[turn_]; }

    /// Sums lie in the product's memory if it has some. is_done: they are whole, and next() says what becomes of them.
    void multiply(TileProduct product, bool is_done = true) {
        if (product.sums == nullptr) product.sums = memory_ + turn_ * block_rows * block_columns;
        tiles_.multiply(product, results_[1 - turn_]);
        results_[turn_].sums = product.sums;
        if (!is_done) results_[turn_].clear();
        turn_ = 1 - turn_;
    }
    void finish() { tiles_.store(results_[1 - turn_]); }

private:
    const TileFunctions& tiles_;
    float* memory_;
    TileResult results_[2];
    int turn_ = 0;
};

class TileMatrixKernel final : public Kernel {
public:
    static bool applies(const ops::Conv2d& op) { return op.kernel == 1 && op.stride == 1 && op.padding == 0 && op.groups == 1; }

    /// A matrix [out, in].
    static TileWeights matrix_weights(const ConvParameters& parameters) {
        const std::int64_t out = parameters.weight.shape()[0], in = parameters.weight.numel() / out;
        const float *from = parameters.weight.data<float>(), *shift = parameters.bias.data<float>();
        return TileWeights::make(1, out, {in}, [=](std::int64_t, std::int64_t o, std::size_t, std::int64_t i) { return from[o * in + i]; }, [=](std::int64_t, std::int64_t o) { return shift[o]; });
    }

    /// A transposed convolution's [in, out, side, side]: each element of its window is a group.
    static TileWeights transposed_weights(const ConvParameters& parameters) {
        const std::int64_t in = parameters.weight.shape()[0], out = parameters.weight.shape()[1], taps = parameters.weight.shape()[2] * parameters.weight.shape()[3];
        const float *from = parameters.weight.data<float>(), *shift = parameters.bias.data<float>();
        return TileWeights::make(taps, out, {in}, [=](std::int64_t tap, std::int64_t o, std::size_t, std::int64_t i) { return from[(i * out + o) * taps + tap]; },
                                 [=](std::int64_t, std::int64_t o) { return shift[o]; });
    }

    TileMatrixKernel(const NodeContext& context, std::shared_ptr<const TileWeights> weights, std::int64_t in, std::int64_t out, Activation activation, int threads,
                     const ChannelSlice& slice = {})
        : weights_(std::move(weights)), tiles_(tile_functions()), rows_(context.rows_of(context.out(0))), src_(MapPlace::of(context, context.in(0))), in_(in), first_channel_(slice.first), pixel_pitch_(slice.pitch != 0 ? slice.pitch : out), threads_(threads) {
        name = may_use_amx() ? "amx matrix product" : "tiled matrix product";
        reason = "bfloat16 factors, float32 sums";
        if (const Shape& shape = context.shape(context.in(0)); shape.rank() == 4 && std::get_if<ops::Linear>(&context.node.operation) == nullptr) {
            height_ = shape[2];
            width_ = shape[3];
        }
        if (const auto* conv = std::get_if<ops::Conv2d>(&context.node.operation); conv != nullptr && conv->residual) {
            output_.adds = true;
            output_.residual = MapPlace::of(context, context.in(1));
        }
        if (const auto* deconv = std::get_if<ops::ConvTranspose2d>(&context.node.operation)) side_ = deconv->kernel;
        output_.dst = MapPlace::of(context, context.out(0));
        output_.pitch = side_ * pixel_pitch_;
        output_.relu = activation == Activation::relu;
        const std::int64_t steps = weights_->steps(), chunks = steps <= 96 ? 1 : (steps + 48) / 49;
        chunk_steps_ = (steps + chunks - 1) / chunks;
        const std::int64_t rows = std::max<std::int64_t>(1, rows_.bound * height_ * width_), most = chunks > 1 ? 512 : std::max<std::int64_t>(block_rows, cached_steps / (chunk_steps_ + weights_->panels()) * block_rows);
        // Rows that the caches hold are read by all threads, each of which takes a part of the columns and reads that part of the weights alone.
        std::int64_t tasks = (rows + most - 1) / most;
        if (tasks > 1 || chunks > 1) tasks = (tasks + threads - 1) / threads * threads;
        task_rows_ = ((rows + tasks - 1) / tasks + block_rows - 1) / block_rows * block_rows;
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * thread_bytes(); }

    void run(const Run& run) const override {
        const std::int64_t total = rows_(run) * height_ * width_, blocks = (total + task_rows_ - 1) / task_rows_;
        if (total == 0) return;
        const std::int64_t panels = side_ * side_ * weights_->panels(), parts = std::clamp<std::int64_t>(threads_ / blocks, 1, panels);
        parallel_tasks(threads_, blocks * parts, [&](int thread, std::int64_t i) {
            const std::int64_t first = i / parts * task_rows_;
            tiles_.begin();
            task(run, static_cast<std::byte*>(run.at(scratch)) + std::size_t(thread) * thread_bytes(), total, first, std::min(total, first + task_rows_), i % parts * panels / parts,
                 (i % parts + 1) * panels / parts);
            tiles_.end();
        });
    }

private:
    static constexpr std::int64_t cached_steps = 256;            // of 48 rows: 768 KiB of the second-level cache
    static constexpr std::int64_t steps_of_rows_in_cache = 14;   // of 48 rows: what the first-level cache holds while all weights go by

    bool is_chunked() const { return chunk_steps_ < weights_->steps(); }
    bool packs() const { return !src_.is_bf16 || in_ % tile_depth != 0 || is_chunked(); }
    std::int64_t packed_rows() const { return packs() ? task_rows_ : block_rows; }
    std::int64_t packed_elements() const { return packed_rows() * packed_row(); }
    /// Elements from one packed row to the next: not such a power of two that rows crowd sets of the caches.
    std::int64_t packed_row() const { return (chunk_steps_ + (chunk_steps_ % 8 == 0 ? 1 : 0)) * tile_depth; }
    std::int64_t sums_floats() const { return is_chunked() ? block_rows * block_columns * (task_rows_ / block_rows * side_ * side_ * weights_->panels()) : TileBlocks::floats; }
    std::size_t thread_bytes() const { return std::size_t(packed_elements()) * sizeof(Bf16) + std::size_t(sums_floats()) * sizeof(float); }

    /// Rows [first, last) of `total`, panels [begin, end) of all groups.
    void task(const Run& run, std::byte* memory, std::int64_t total, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end) const {
        float* const sums = reinterpret_cast<float*>(memory);
        Bf16* const packed = reinterpret_cast<Bf16*>(memory + std::size_t(sums_floats()) * sizeof(float));
        const std::int64_t steps = weights_->steps(), packed_pitch = packed_row();
        TileBlocks blocks(tiles_, sums);
        for (std::int64_t step = 0; step < steps; step += chunk_steps_) {
            const DepthRun depth{0, std::min(chunk_steps_, steps - step)};
            // Rows in float32 are converted, and those that would end within a tile or across cache lines are copied. Of others the last block is copied, whose
            // tiles would read past the map.
            const std::int64_t copied_from = packs() ? first : last < total ? last : (last - 1 - first) / block_rows * block_rows + first;
            pack(run, packed, copied_from, last, step * tile_depth, packed_pitch);
            const auto multiply = [&](std::int64_t row, std::int64_t panel) {
                const std::int64_t group = panel / weights_->panels(), of_group = panel % weights_->panels(), count = std::min(block_rows, last - row);
                const bool is_copied = row >= copied_from, is_done = step + depth.steps == steps;
                TileProduct product;
                product.a = is_copied ? packed + (row - copied_from) * packed_pitch : reinterpret_cast<const Bf16*>(src_.at(run, row * in_ + step * tile_depth));
                product.a_pitch = is_copied ? packed_pitch : in_;
                product.runs = &depth;
                product.run_count = 1;
                product.b = weights_->tiles(group, of_group, step);
                product.row_tiles = int((count + tile_rows - 1) / tile_rows);
                product.column_tiles = weights_->column_tiles(of_group);
                if (is_chunked()) product.sums = sums + ((panel - begin) * (task_rows_ / block_rows) + (row - first) / block_rows) * block_rows * block_columns;
                product.adds = step != 0;
                if (is_done) place(run, blocks.next(), row, count, group, of_group);
                blocks.multiply(product, is_done);
            };
            if (chunk_steps_ <= steps_of_rows_in_cache) {
                for (std::int64_t row = first; row < last; row += block_rows) {
                    for (std::int64_t panel = begin; panel < end; ++panel) multiply(row, panel);
                }
            } else {
                for (std::int64_t panel = begin; panel < end; ++panel) {
                    for (std::int64_t row = first; row < last; row += block_rows) multiply(row, panel);
                }
            }
        }
        blocks.finish();
    }

    /// Inputs from `begin` on of rows [first, last), zeros behind the last input.
    void pack(const Run& run, Bf16* to, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t pitch) const {
        const std::int64_t count = std::min(pitch, in_ - begin);
        for (std::int64_t row = first; row < last; ++row, to += pitch) {
            const std::byte* const from = src_.at(run, row * in_ + begin);
            if (src_.is_bf16) std::memcpy(to, from, std::size_t(count) * sizeof(Bf16));
            else tiles_.narrow(reinterpret_cast<const float*>(from), to, count);
            std::fill(to + count, to + pitch, Bf16(0));
        }
    }

    /// Where a panel's columns of rows [first, first + count) belong.
    void place(const Run& run, TileResult& result, std::int64_t first, std::int64_t count, std::int64_t group, std::int64_t panel) const {
        output_.start(result, *weights_, group, panel);
        for (std::int64_t row = first; row < first + count;) {
            const std::int64_t x = side_ == 1 ? 0 : row % width_, rows = side_ == 1 ? count : std::min(first + count - row, width_ - x);
            const std::int64_t pixel = side_ == 1 ? row : ((row / width_ * side_ + group / side_) * width_ + x) * side_ + group % side_;
            output_.add_rows(result, run, row - first, rows, pixel * pixel_pitch_ + first_channel_ + panel * block_columns);
            row += rows;
        }
    }

    std::shared_ptr<const TileWeights> weights_;
    const TileFunctions& tiles_;
    RowCount rows_;
    MapPlace src_;
    TileOutput output_;
    std::int64_t in_ = 0, first_channel_ = 0, pixel_pitch_ = 0;  // the output's channels in its pixels
    std::int64_t height_ = 1, width_ = 1, side_ = 1;             // side_: of a transposed convolution's window
    std::int64_t task_rows_ = 0, chunk_steps_ = 0;
    int threads_ = 1;
};

}  // namespace regulus::cpu
