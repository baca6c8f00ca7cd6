#pragma once
// Linear layers, pointwise convolutions and transposed convolutions whose windows lie side by side, as tiles: products of rows with a matrix, in bfloat16 or of
// float32 factors in three parts.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/tile_blocks-impl.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// Where a product's rows come from: vectors, or pixels `stride` apart of a map.
struct TileSource {
    MapPlace src;
    std::int64_t in = 0, stride = 1, line = 1, lines = 1;  // channels; pixels in a line, lines

    static TileSource of(const NodeContext& context, const ops::Conv2d& op) {
        const Shape& in = context.shape(context.in(0));
        return {MapPlace::of(context, context.in(0)), op.in_channels, op.stride, in[3], in[2]};
    }

    std::int64_t steps() const { return (in + tile_depth - 1) / tile_depth; }
};

class TileMatrixKernel final : public Kernel {
public:
    /// Of what multiplies_tiles().
    static bool applies(const ops::Conv2d& op, TileFactors factors) { return op.kernel == 1 && op.padding == 0 && op.groups == 1 && (op.stride == 1 || factors == TileFactors::split); }

    /// A matrix [out, in].
    static TileWeights matrix_weights(TileFactors factors, const ConvParameters& parameters) {
        const std::int64_t out = parameters.weight.shape()[0], in = parameters.weight.numel() / out;
        const float *from = parameters.weight.data<float>(), *shift = parameters.bias.data<float>();
        return TileWeights::make(factors, 1, out, {in}, [=](std::int64_t, std::int64_t o, std::size_t, std::int64_t i) { return from[o * in + i]; },
                                 [=](std::int64_t, std::int64_t o) { return shift[o]; });
    }

    /// Of convolutions whose inputs lie beside each other and whose outputs are added.
    static TileWeights sum_weights(TileFactors factors, const ConvParameters& a, const ConvParameters& b) {
        const std::int64_t out = a.weight.shape()[0], in[] = {a.weight.numel() / out, b.weight.numel() / out};
        const float* const from[] = {a.weight.data<float>(), b.weight.data<float>()};
        return TileWeights::make(factors, 1, out, {in[0], in[1]}, [&](std::int64_t, std::int64_t o, std::size_t source, std::int64_t i) { return from[source][o * in[source] + i]; },
                                 [&](std::int64_t, std::int64_t o) { return a.bias.data<float>()[o] + b.bias.data<float>()[o]; });
    }

    /// A transposed convolution's [in, out, side, side]: each element of its window is a group.
    static TileWeights transposed_weights(TileFactors factors, const ConvParameters& parameters) {
        const std::int64_t in = parameters.weight.shape()[0], out = parameters.weight.shape()[1], taps = parameters.weight.shape()[2] * parameters.weight.shape()[3];
        const float *from = parameters.weight.data<float>(), *shift = parameters.bias.data<float>();
        return TileWeights::make(factors, taps, out, {in}, [=](std::int64_t tap, std::int64_t o, std::size_t, std::int64_t i) { return from[(i * out + o) * taps + tap]; },
                                 [=](std::int64_t, std::int64_t o) { return shift[o]; });
    }

    /// One of the products of the same rows.
    struct Product {
        std::shared_ptr<const TileWeights> weights;
        MapPlace dst;
        Activation activation = Activation::none;
    };

    /// A convolution; with two sources, as weights have them, also the one that makes its residual.
    TileMatrixKernel(const NodeContext& context, std::shared_ptr<const TileWeights> weights, std::vector<TileSource> sources, int threads)
        : TileMatrixKernel(context, {{std::move(weights), MapPlace::of(context, context.out(0)), std::get<ops::Conv2d>(context.node.operation).activation}}, std::move(sources), threads, ChannelSlice{}) {
        if (sources_.size() > 1) {
            name += ", 2 nodes";
            reason += "; the residual is made where it is added";
        } else if (std::get<ops::Conv2d>(context.node.operation).residual) {
            parts_.front().output.adds = true;
            parts_.front().output.residual = MapPlace::of(context, context.in(1));
        }
    }

    /// Convolutions of stride 1 of one map.
    TileMatrixKernel(const NodeContext& context, const std::vector<Product>& products, int threads)
        : TileMatrixKernel(context, products, {TileSource::of(context, std::get<ops::Conv2d>(context.node.operation))}, threads, ChannelSlice{}) {
        name += ", " + std::to_string(products.size()) + " nodes";
        reason += "; convolutions of one map: reads it once";
    }

    /// A convolution of stride 1 and the step `merge` that adds a coarser map, enlarged by the nearest pixel, to its output.
    TileMatrixKernel(const NodeContext& context, const NodeContext& merge, std::shared_ptr<const TileWeights> weights, int threads)
        : TileMatrixKernel(context, {{std::move(weights), MapPlace::of(merge, merge.out(0))}}, {TileSource::of(context, std::get<ops::Conv2d>(context.node.operation))}, threads, ChannelSlice{}) {
        TileOutput& output = parts_.front().output;
        output.adds = output.shares_residual = true;
        output.residual = MapPlace::of(merge, merge.in(0));
        coarse_height_ = merge.shape(merge.in(0))[2];
        coarse_width_ = merge.shape(merge.in(0))[3];
        for (std::int64_t x = 0; x < width_; ++x) coarse_columns_.push_back(x * coarse_width_ / width_);
        name += ", 2 nodes";
        reason += "; the coarser map is added where the outputs are made";
    }

    TileMatrixKernel(const NodeContext& context, std::shared_ptr<const TileWeights> weights, const ops::Linear& op, int threads)
        : TileMatrixKernel(context, {{std::move(weights), MapPlace::of(context, context.out(0)), op.activation}}, {{MapPlace::of(context, context.in(0)), op.in_features}}, threads, ChannelSlice{}) {}

    TileMatrixKernel(const NodeContext& context, std::shared_ptr<const TileWeights> weights, const ops::ConvTranspose2d& op, int threads, const ChannelSlice& slice)
        : TileMatrixKernel(context, {{std::move(weights), MapPlace::of(context, context.out(0)), op.activation}}, {{MapPlace::of(context, context.in(0)), op.in_channels}}, threads, slice) {}

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * thread_bytes(); }

    void run(const Run& run) const override {
        const std::int64_t total = rows_(run) * height_ * width_, blocks = (total + rows_of_block() - 1) / rows_of_block();
        if (total == 0) return;
        std::int64_t tasks = (blocks + task_blocks_ - 1) / task_blocks_;  // of equal shares for the threads, but for a block
        if (tasks > 1 || is_chunked()) tasks = std::min(blocks, (tasks + threads_ - 1) / threads_ * threads_);
        const std::int64_t panels = std::int64_t(panels_.size()), parts = std::clamp<std::int64_t>(threads_ / tasks, 1, panels);
        parallel_tasks(threads_, tasks * parts, [&](int thread, std::int64_t i) {
            const std::int64_t number = i / parts, part = i % parts;
            tiles_.begin();
            task(run, static_cast<std::byte*>(run.at(scratch)) + std::size_t(thread) * thread_bytes(), total, number * blocks / tasks * rows_of_block(),
                 std::min(total, (number + 1) * blocks / tasks * rows_of_block()), part * panels / parts, (part + 1) * panels / parts);
            tiles_.end();
        });
    }

private:
    static constexpr std::int64_t cached_steps = 256;            // of 48 rows: 768 KiB of the second-level cache
    static constexpr std::int64_t most_steps = 33, chunk_blocks = 6;  // of chunks of deep sums: rows of 600 KB, and beside them sums of 1.2 MB for 1024 columns
    static constexpr std::int64_t split_chunk_blocks = 8;
    static constexpr std::int64_t steps_of_rows_in_cache = 14;   // of 48 rows: what the first-level cache holds while all weights go by
    static constexpr std::int64_t cached_split_bytes = 512 << 10, cached_split_weights = 1200 << 10;
    static constexpr std::int64_t least_split_blocks = 3;  // of rows; with fewer the weights come from afar too often

    struct Part {
        std::shared_ptr<const TileWeights> weights;
        TileOutput output;
        std::int64_t pixel_pitch = 0;
    };

    /// A panel of a part's weights.
    struct Panel {
        std::size_t part = 0;
        std::int64_t group = 0, panel = 0;
    };

    TileMatrixKernel(const NodeContext& context, const std::vector<Product>& products, std::vector<TileSource> sources, int threads, const ChannelSlice& slice)
        : sources_(std::move(sources)), tiles_(tile_functions()), rows_(context.rows_of(context.out(0))), first_channel_(slice.first), steps_(products.front().weights->steps()),
          splits_(products.front().weights->factors() == TileFactors::split), threads_(threads) {
        name = std::string(tiles_.name) + " matrix product";
        reason = reason_of(products.front().weights->factors());
        const auto* deconv = std::get_if<ops::ConvTranspose2d>(&context.node.operation);
        if (const Shape& shape = context.shape(deconv != nullptr ? context.in(0) : context.out(0)); shape.rank() == 4) {
            height_ = shape[2];
            width_ = shape[3];
        }
        if (deconv != nullptr) side_ = deconv->kernel;
        for (const Product& product : products) {
            Part part{product.weights, {}, slice.pitch != 0 ? slice.pitch : product.weights->columns()};
            part.output.dst = product.dst;
            part.output.pitch = side_ * part.pixel_pitch;
            part.output.relu = product.activation == Activation::relu;
            for (std::int64_t group = 0; group < side_ * side_; ++group) {
                for (std::int64_t panel = 0; panel < part.weights->panels(); ++panel) panels_.push_back({parts_.size(), group, panel});
            }
            parts_.push_back(std::move(part));
        }
        const std::int64_t rows = std::max<std::int64_t>(1, rows_.bound * height_ * width_);
        splits_ ? share_split(rows) : share(rows);
    }

    /// Rows that the caches hold are read by all threads, each of which takes a part of the columns and reads that part of the weights alone.
    void share(std::int64_t rows) {
        const std::int64_t chunks = steps_ <= 96 ? 1 : (steps_ + most_steps - 1) / most_steps;
        chunk_steps_ = (steps_ + chunks - 1) / chunks;
        const std::int64_t most = chunks > 1 ? chunk_blocks : std::max<std::int64_t>(1, cached_steps / (chunk_steps_ + std::int64_t(panels_.size()) / (side_ * side_)));
        task_blocks_ = std::min(most, (rows + block_rows - 1) / block_rows);
        rows_first_ = chunk_steps_ <= steps_of_rows_in_cache;
    }

    /// A task's parts fill a quarter of the second-level cache; deep sums are made in chunks of depth, and kept meanwhile.
    void share_split(std::int64_t rows) {
        const std::int64_t chunks = steps_ <= 96 ? 1 : (steps_ + 15) / 16, row_bytes = split_parts * tile_depth * std::int64_t(sizeof(Bf16)), blocks = (rows + split_block_rows - 1) / split_block_rows;
        std::int64_t weight_bytes = 0;
        for (const Part& part : parts_) weight_bytes += std::int64_t(part.weights->bytes());
        chunk_steps_ = (steps_ + chunks - 1) / chunks;
        const std::int64_t most = chunks > 1 ? split_chunk_blocks : std::max<std::int64_t>(least_split_blocks, cached_split_bytes / (chunk_steps_ * row_bytes * split_block_rows));
        // Where all rows are less than the weights each thread has a part of the columns, and of the weights.
        const bool few = chunks == 1 && rows * steps_ * row_bytes <= std::min(2 * cached_split_bytes, weight_bytes);
        task_blocks_ = few ? blocks : std::min(most, blocks);
        rows_first_ = !few && weight_bytes <= cached_split_weights;
    }

    std::int64_t rows_of_block() const { return splits_ ? split_block_rows : block_rows; }
    bool is_chunked() const { return chunk_steps_ < steps_; }
    bool packs() const { return splits_ || !only().src.is_bf16 || only().in % tile_depth != 0 || is_chunked(); }
    const TileSource& only() const { return sources_.front(); }
    std::int64_t packed_elements() const {
        if (splits_) return SplitRows::elements(task_blocks_ * split_block_rows, chunk_steps_);
        return (packs() ? task_blocks_ : 1) * block_rows * packed_row();
    }
    std::int64_t packed_row() const { return packed_pitch_of(chunk_steps_); }
    std::int64_t sums_floats() const { return is_chunked() ? rows_of_block() * block_columns * (task_blocks_ * std::int64_t(panels_.size())) : TileBlocks::floats; }
    std::int64_t tile_floats() const {
        std::int64_t most = 0;
        for (const Part& part : parts_) most = std::max(most, PanelTiles::floats(*part.weights, chunk_steps_));
        return most;
    }
    std::size_t thread_bytes() const { return std::size_t(packed_elements()) * sizeof(Bf16) + std::size_t(sums_floats() + tile_floats()) * sizeof(float); }

    /// Rows [first, last) of `total`, panels [begin, end).
    void task(const Run& run, std::byte* memory, std::int64_t total, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end) const {
        float* const sums = reinterpret_cast<float*>(memory);
        Bf16* const packed = reinterpret_cast<Bf16*>(sums + sums_floats() + tile_floats());
        TileBlocks blocks(tiles_, sums);
        PanelTiles panel_tiles(tiles_, sums + sums_floats(), chunk_steps_);
        for (std::int64_t step = 0; step < steps_; step += chunk_steps_) {
            const DepthRun depth = sources_.size() > 1 ? DepthRun{0, std::min(chunk_steps_, steps_ - step)} : DepthRun::of(0, std::min(chunk_steps_ * tile_depth, only().in - step * tile_depth));
            // Rows in float32 are converted, and those that would end within a tile or across cache lines are copied. Of others the last block is copied, whose
            // tiles would read past the map.
            const std::int64_t copied_from = packs() ? first : last < total ? last : (last - 1 - first) / block_rows * block_rows + first;
            if (splits_) pack_parts(run, packed, first, last, step, depth.steps);
            else pack(run, packed, copied_from, last, step * tile_depth, packed_row());
            const auto multiply = [&](std::int64_t row, std::int64_t panel) {
                const std::int64_t count = std::min(rows_of_block(), last - row);
                const bool is_done = step + depth.steps == steps_;
                const auto finish = [&](auto product) {
                    const TilePanel next = rows_first_ ? TilePanel{} : panel + 1 < end ? panel_at(panel + 1, step) : is_done ? TilePanel{} : panel_at(begin, step + depth.steps);
                    panel_tiles.set(product, panel_at(panel, step), next, {row - first, row - first + count, last - first});
                    product.rows = count;
                    if (is_chunked()) product.sums = sums + ((panel - begin) * task_blocks_ + (row - first) / rows_of_block()) * rows_of_block() * block_columns;
                    product.adds = step != 0;
                    if (is_done) place(run, blocks.next(), row, count, panels_[std::size_t(panel)]);
                    blocks.multiply(product, is_done);
                };
                if (splits_) {
                    SplitProduct product = SplitRows{packed, chunk_steps_}.product(row - first, count);
                    product.steps = depth.steps;
                    return finish(product);
                }
                const bool is_copied = row >= copied_from;
                TileProduct product;
                product.a = is_copied ? packed + (row - copied_from) * packed_row() : reinterpret_cast<const Bf16*>(only().src.at(run, row * only().in + step * tile_depth));
                product.a_pitch = is_copied ? packed_row() : only().in;
                product.runs = &depth;
                product.run_count = 1;
                finish(product);
            };
            if (rows_first_) {
                for (std::int64_t row = first; row < last; row += rows_of_block()) {
                    for (std::int64_t panel = begin; panel < end; ++panel) multiply(row, panel);
                }
            } else {
                for (std::int64_t panel = begin; panel < end; ++panel) {
                    for (std::int64_t row = first; row < last; row += rows_of_block()) multiply(row, panel);
                }
            }
        }
        blocks.finish();
    }

    /// Inputs from `begin` on of rows [first, last), zeros behind the last input.
    void pack(const Run& run, Bf16* to, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t pitch) const {
        const std::int64_t count = std::min(pitch, only().in - begin);
        for (std::int64_t row = first; row < last; ++row, to += pitch) {
            const std::byte* const from = only().src.at(run, row * only().in + begin);
            if (only().src.is_bf16) std::memcpy(to, from, std::size_t(count) * sizeof(Bf16));
            else tiles_.narrow(reinterpret_cast<const float*>(from), to, count);
            std::fill(to + count, to + pitch, Bf16(0));
        }
    }

    /// Steps [begin, begin + steps) of the depth of rows [first, last), in parts.
    void pack_parts(const Run& run, Bf16* packed, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t steps) const {
        std::int64_t source_begin = 0;
        for (const TileSource& source : sources_) {
            const std::int64_t from = std::max(begin, source_begin), until = std::min(begin + steps, source_begin + source.steps()), channel = (from - source_begin) * tile_depth;
            source_begin += source.steps();
            if (from >= until) continue;
            for (std::int64_t row = first, y = first / width_, x = first % width_; row < last; ++row) {
                const std::int64_t pixel = source.stride == 1 ? row : (y / height_ * source.lines + y % height_ * source.stride) * source.line + x * source.stride;
                Bf16* const to = SplitRows{packed, chunk_steps_}.at(row - first, from - begin);
                tiles_.split(reinterpret_cast<const float*>(source.src.at(run, pixel * source.in + channel)), source.in - channel, to, until - from);
                if (++x == width_) {
                    x = 0;
                    ++y;
                }
            }
        }
    }

    /// Where a panel's columns of rows [first, first + count) belong.
    void place(const Run& run, TileResult& result, std::int64_t first, std::int64_t count, const Panel& panel) const {
        const Part& part = parts_[panel.part];
        part.output.start(result, *part.weights, panel.group, panel.panel);
        if (part.output.shares_residual) return place_merged(run, result, first, count, part, panel.panel * block_columns);
        for (std::int64_t row = first; row < first + count;) {
            const std::int64_t x = side_ == 1 ? 0 : row % width_, rows = side_ == 1 ? count : std::min(first + count - row, width_ - x);
            const std::int64_t pixel = side_ == 1 ? row : ((row / width_ * side_ + panel.group / side_) * width_ + x) * side_ + panel.group % side_;
            part.output.add_rows(result, run, row - first, rows, pixel * part.pixel_pitch + first_channel_ + panel.panel * block_columns);
            row += rows;
        }
    }

    /// The same where a pixel of a coarser map belongs to several beside each other.
    void place_merged(const Run& run, TileResult& result, std::int64_t first, std::int64_t count, const Part& part, std::int64_t channel) const {
        const std::int64_t end = first + count;
        for (std::int64_t row = first; row < end;) {
            const std::int64_t line = row / width_, last = std::min(end, (line + 1) * width_) - line * width_;
            const std::int64_t coarse = (line / height_ * coarse_height_ + line % height_ * coarse_height_ / height_) * coarse_width_;
            for (std::int64_t x = row - line * width_, next; x < last; x = next) {
                const std::int64_t column = coarse_columns_[std::size_t(x)];
                for (next = x + 1; next < last && coarse_columns_[std::size_t(next)] == column;) ++next;
                result.add({row - first, next - x, part.output.dst.at(run, row * part.pixel_pitch + channel), part.output.residual.at(run, (coarse + column) * part.pixel_pitch + channel)});
                row += next - x;
            }
        }
    }

    /// A chunk of a panel's depth.
    TilePanel panel_at(std::int64_t panel, std::int64_t step) const {
        const Panel& at = panels_[std::size_t(panel)];
        return {parts_[at.part].weights.get(), at.group, at.panel, step, std::min(chunk_steps_, steps_ - step)};
    }

    std::vector<TileSource> sources_;
    std::vector<Part> parts_;
    std::vector<Panel> panels_;
    const TileFunctions& tiles_;
    RowCount rows_;
    std::int64_t first_channel_ = 0;                  // of the output, in the pixels that it shares
    std::int64_t height_ = 1, width_ = 1, side_ = 1;  // side_: of a transposed convolution's window
    std::int64_t coarse_height_ = 0, coarse_width_ = 0;
    std::vector<std::int64_t> coarse_columns_;  // per column of the output
    std::int64_t steps_ = 0, task_blocks_ = 0, chunk_steps_ = 0;
    bool splits_ = false;
    bool rows_first_ = false;  // a block of rows meets all weights, not a panel of weights all rows
    int threads_ = 1;
};

}  // namespace regulus::cpu
