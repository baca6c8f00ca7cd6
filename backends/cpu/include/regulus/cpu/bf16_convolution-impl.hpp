#pragma once
// Convolutions with windows, strides or groups in bfloat16.
//
// A task takes a rectangle of output pixels. What it reads is put in order first: group by group, and of a stride of s in s * s planes, so that neighbouring
// outputs read neighbouring places whatever the stride. Then the rows of a tile are outputs beside each other, and taps that lie beside each other in a line
// are one run of depth. Where a rectangle's line ends, a few rows are computed that belong to no output.
//
// Where a pointwise convolution makes a large map that nothing else reads, its outputs are made in that order, of the map before, and never written to the map.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <regulus/cpu/tile_blocks-impl.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// How the window of a convolution falls into planes and runs.
struct TileWindow {
    struct Tap {
        int ky = 0, kx = 0;
    };
    struct TapRun {
        std::int64_t plane = 0, line = 0, column = 0;  // where output (0, 0) finds the first of them
        std::vector<Tap> taps;
    };
    std::vector<TapRun> runs;
    std::vector<std::pair<std::int64_t, std::int64_t>> planes;  // (line, column) of their first places among the input's
    std::int64_t more_lines = 0, more_columns = 0;              // of a plane, beyond the outputs'

    explicit TileWindow(const ops::Conv2d& op) {
        std::vector<std::int64_t> plane_of(std::size_t(op.stride) * std::size_t(op.stride), -1);
        for (int ky = 0; ky < op.kernel; ++ky) {
            for (int phase = 0; phase < op.stride; ++phase) {
                for (int kx = 0; kx < op.kernel; ++kx) {
                    const int y = ky * op.dilation, x = kx * op.dilation;
                    if (x % op.stride != phase) continue;
                    std::int64_t& plane = plane_of[std::size_t(y % op.stride * op.stride + phase)];
                    if (plane < 0) {
                        plane = std::int64_t(planes.size());
                        planes.emplace_back(y % op.stride, phase);
                    }
                    const std::int64_t line = y / op.stride, column = x / op.stride;
                    more_lines = std::max(more_lines, line);
                    more_columns = std::max(more_columns, column);
                    const bool continues = !runs.empty() && runs.back().taps.back().ky == ky && runs.back().plane == plane && runs.back().column + std::int64_t(runs.back().taps.size()) == column;
                    if (continues) runs.back().taps.push_back({ky, kx});
                    else runs.push_back({plane, line, column, {{ky, kx}}});
                }
            }
        }
    }
};

class TileConvolutionKernel final : public Kernel {
public:
    static TileWeights weights_of(const ops::Conv2d& op, const ConvParameters& parameters) {
        const TileWindow window(op);
        const std::int64_t in = op.in_channels / op.groups, out = op.out_channels / op.groups, taps = std::int64_t(op.kernel) * op.kernel, place = place_of(op, window);
        std::vector<std::int64_t> depths;
        for (const TileWindow::TapRun& run : window.runs) depths.push_back(std::int64_t(run.taps.size()) * place);
        const float *from = parameters.weight.data<float>(), *shift = parameters.bias.data<float>();
        return TileWeights::make(TileFactors::bf16, op.groups, out, depths, [&](std::int64_t group, std::int64_t o, std::size_t run, std::int64_t k) {
            const TileWindow::Tap& tap = window.runs[run].taps[std::size_t(k / place)];
            return k % place < in ? from[((group * out + o) * in + k % place) * taps + tap.ky * op.kernel + tap.kx] : 0.f;
        }, [=](std::int64_t group, std::int64_t o) { return shift[group * out + o]; });
    }

    /// Whether a pointwise convolution may be made where its outputs are read, and should: of few inputs, as those at the edges of rectangles are made more than
    /// once, and for a map that is more than the nearer caches hold.
    static bool applies_before(const ops::Conv2d& op, const Shape& out) {
        if (op.kernel != 1 || op.stride != 1 || op.padding != 0 || op.groups != 1 || op.residual || op.activation == Activation::sigmoid) return false;
        return op.in_channels % tile_depth == 0 && op.in_channels <= most_before && out.numel() * std::int64_t(sizeof(Bf16)) >= least_before_bytes;
    }

    /// Their weights, in groups and places of the convolution `op` that reads them.
    static TileWeights weights_before(const ops::Conv2d& op, const ConvParameters& before) {
        const std::int64_t in = op.in_channels / op.groups, depth = before.weight.numel() / op.in_channels;
        const float *from = before.weight.data<float>(), *shift = before.bias.data<float>();
        return TileWeights::make(TileFactors::bf16, op.groups, place_of(op, TileWindow(op)), {depth}, [=](std::int64_t group, std::int64_t o, std::size_t, std::int64_t k) { return o < in ? from[(group * in + o) * depth + k] : 0.f; },
                                 [=](std::int64_t group, std::int64_t o) { return o < in ? shift[group * in + o] : 0.f; });
    }

    /// With the pointwise convolution that makes its input, which is never stored.
    TileConvolutionKernel(const NodeContext& context, std::shared_ptr<const TileWeights> weights, const NodeContext& before, std::shared_ptr<const TileWeights> weights_before, int threads)
        : TileConvolutionKernel(context, std::move(weights), threads) {
        const auto& op = std::get<ops::Conv2d>(before.node.operation);
        src_ = MapPlace::of(before, before.in(0));
        before_ = std::move(weights_before);
        before_channels_ = op.in_channels;
        before_output_.dst.is_bf16 = true;
        before_output_.pitch = place_;
        before_output_.relu = op.activation == Activation::relu;
        name += ", 2 nodes";
        reason += "; the pointwise convolution before it is made where it is read";
    }

    TileConvolutionKernel(const NodeContext& context, std::shared_ptr<const TileWeights> weights, int threads)
        : op_(std::get<ops::Conv2d>(context.node.operation)), window_(op_), weights_(std::move(weights)), tiles_(tile_functions()), rows_(context.rows_of(context.out(0))),
          src_(MapPlace::of(context, context.in(0))), in_(op_.in_channels / op_.groups), out_(op_.out_channels / op_.groups), threads_(threads) {
        const Shape &in = context.shape(context.in(0)), &out = context.shape(context.out(0));
        height_ = in[2];
        width_ = in[3];
        out_height_ = out[2];
        out_width_ = out[3];
        name = std::string(tiles_.name) + " convolution";
        reason = reason_of(TileFactors::bf16);
        output_ = {MapPlace::of(context, context.out(0)), op_.residual ? MapPlace::of(context, context.in(1)) : MapPlace{}, op_.out_channels, op_.residual, op_.activation == Activation::relu};
        place_ = place_of(op_, window_);
        choose_rectangle();
        for (const TileWindow::TapRun& run : window_.runs) {
            DepthRun depth = DepthRun::of((run.plane * plane_places() + run.line * pitch_ + run.column) * place_, std::int64_t(run.taps.size()) * place_);
            depth.last_pairs -= (place_ - in_) / 2;
            runs_.push_back(depth);
        }
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * thread_bytes(); }

    void run(const Run& run) const override {
        const std::int64_t images = rows_(run), across = (out_width_ + task_width_ - 1) / task_width_, down = (out_height_ + task_height_ - 1) / task_height_, rectangles = images * across * down;
        if (rectangles == 0) return;
        const std::int64_t panels = op_.groups * weights_->panels(), parts = before_ ? 1 : std::clamp<std::int64_t>(2 * threads_ / rectangles, 1, panels);
        parallel_tasks(threads_, rectangles * parts, [&](int thread, std::int64_t i) {
            const std::int64_t rectangle = i / parts, part = i % parts;
            tiles_.begin();
            task(run, static_cast<std::byte*>(run.at(scratch)) + std::size_t(thread) * thread_bytes(), {rectangle / (across * down), rectangle / across % down * task_height_, rectangle % across * task_width_},
                 part * panels / parts, (part + 1) * panels / parts);
            tiles_.end();
        });
    }

private:
    /// Elements of a place: the channels of a group, and zeros up to whole tiles where rows of tiles are loaded and that takes no more steps.
    static std::int64_t place_of(const ops::Conv2d& op, const TileWindow& window) {
        const auto steps = [](std::int64_t elements) { return (elements + tile_depth - 1) / tile_depth; };
        const std::int64_t in = op.in_channels / op.groups, whole = steps(in) * tile_depth;
        const bool is_free = tile_functions().loads_tile_rows && std::all_of(window.runs.begin(), window.runs.end(), [&](const TileWindow::TapRun& run) { return steps(std::int64_t(run.taps.size()) * in) == steps(std::int64_t(run.taps.size()) * whole); });
        return is_free ? whole : in;
    }

    struct Rectangle {
        std::int64_t image = 0, y = 0, x = 0;  // of its first output
    };

    static constexpr std::int64_t cached_elements = 512 * 1024;  // of the input: 1 MiB of the second-level cache
    static constexpr std::int64_t most_before = 128, least_before_bytes = 2 << 20;
    static constexpr std::int64_t narrow_line = 96;              // lines of so many outputs are not cut

    std::int64_t plane_places() const { return (task_height_ + window_.more_lines) * pitch_ + shared_columns_; }
    std::int64_t group_elements() const { return std::int64_t(window_.planes.size()) * plane_places() * place_; }
    /// What tiles read behind the last plane: rows that belong to no output, and zeros that the weights have behind the end of a run.
    std::int64_t slack_elements() const { return (block_rows + 1) * place_ + tile_depth; }
    /// A line's pixels in bfloat16, or a block's before the map's end.
    std::int64_t line_elements() const { return before_ ? block_rows * before_channels_ : src_.is_bf16 ? 0 : (width_ * op_.in_channels + 31) / 32 * 32; }
    std::size_t thread_bytes() const {
        const std::int64_t elements = op_.groups * group_elements() + slack_elements() + line_elements();
        return std::size_t((elements + 31) / 32 * 32) * sizeof(Bf16) + std::size_t(TileBlocks::floats) * sizeof(float);
    }

    /// Whole lines where they are short; else parts of equal width. As many lines as the cache holds, in tasks as equal as can be.
    void choose_rectangle() {
        const std::int64_t pieces = out_width_ <= narrow_line ? 1 : (out_width_ + narrow_line - 1) / narrow_line;
        task_width_ = (out_width_ + pieces - 1) / pieces;
        // Zeros behind a whole line are those before the next one.
        if (pieces == 1 && op_.stride == 1 && window_.more_columns == 2 * op_.padding) shared_columns_ = op_.padding;
        pitch_ = task_width_ + window_.more_columns - shared_columns_;
        const std::int64_t per_line = pitch_ * std::int64_t(window_.planes.size()) * op_.groups * place_;
        const std::int64_t most = std::clamp<std::int64_t>(cached_elements / per_line - window_.more_lines, 1, out_height_);
        std::int64_t down = (out_height_ + most - 1) / most;
        const std::int64_t others = rows_.bound * pieces;
        while (down * others % threads_ != 0 && down < out_height_ && down * others < 8 * threads_) ++down;
        task_height_ = (out_height_ + down - 1) / down;
    }

    /// Panels [begin, end) of all groups, of a rectangle.
    void task(const Run& run, std::byte* memory, const Rectangle& from, std::int64_t begin, std::int64_t end) const {
        float* const sums = reinterpret_cast<float*>(memory);
        Bf16* const ordered = reinterpret_cast<Bf16*>(memory) + 2 * TileBlocks::floats;
        const std::int64_t height = std::min(task_height_, out_height_ - from.y), width = std::min(task_width_, out_width_ - from.x), panels = weights_->panels();
        const std::int64_t first_group = begin / panels, last_group = (end - 1) / panels + 1, rows = (height - 1) * pitch_ + width;
        order(run, sums, ordered, from, height, first_group, last_group);
        TileProduct product;
        product.a_pitch = place_;
        product.runs = runs_.data();
        product.run_count = std::int64_t(runs_.size());
        TileBlocks blocks(tiles_, sums);
        for (std::int64_t panel = begin; panel < end; ++panel) {
            const std::int64_t group = panel / panels;
            product.b = weights_->tiles(group, panel % panels);
            product.column_tiles = weights_->column_tiles(panel % panels);
            const Bf16* const a = ordered + (group - first_group) * group_elements();
            for (std::int64_t row = 0; row < rows; row += block_rows) {
                product.a = a + row * place_;
                product.rows = std::min(block_rows, rows - row);
                if (panel + 1 < end) product.ahead = weights_->ahead((panel + 1) / panels, (panel + 1) % panels, 0, weights_->steps(), {row, std::min(rows, row + block_rows), rows});
                else product.ahead = {};
                place(run, blocks.next(), from, row, std::min(rows, row + block_rows), width, group, panel % panels);
                blocks.multiply(product);
            }
        }
        blocks.finish();
    }

    /// Where a panel's columns of rows [first, last) belong; those behind the end of a line belong nowhere.
    void place(const Run& run, TileResult& result, const Rectangle& from, std::int64_t first, std::int64_t last, std::int64_t width, std::int64_t group, std::int64_t panel) const {
        output_.start(result, *weights_, group, panel);
        for (std::int64_t row = first, line = first / pitch_, x = first % pitch_; row < last; row += pitch_ - x, ++line, x = 0) {
            const std::int64_t rows = std::min(last - row, width - x);
            if (rows <= 0) continue;
            const std::int64_t element = ((from.image * out_height_ + from.y + line) * out_width_ + from.x + x) * op_.out_channels + group * out_ + panel * block_columns;
            output_.add_rows(result, run, row - first, rows, element);
        }
    }

    /// What the outputs of a rectangle read, of groups [begin, end): [groups, planes, lines, places, channels], zeros beyond the map.
    void order(const Run& run, float* sums, Bf16* ordered, const Rectangle& from, std::int64_t height, std::int64_t begin, std::int64_t end) const {
        TileBlocks blocks(tiles_, sums);
        Bf16* const narrowed = ordered + op_.groups * group_elements() + slack_elements();
        const std::int64_t group_pitch = group_elements();
        for (std::size_t plane = 0; plane < window_.planes.size(); ++plane) {
            const auto [first_line, first_column] = window_.planes[plane];
            for (std::int64_t line = 0; line < height + window_.more_lines; ++line) {
                Bf16* const to = ordered + (std::int64_t(plane) * plane_places() + line * pitch_) * place_;
                const std::int64_t y = (from.y + line) * op_.stride + first_line - op_.padding, first_x = from.x * op_.stride + first_column - op_.padding;
                // Places [left, right) lie inside the map.
                std::int64_t left = first_x < 0 ? (-first_x + op_.stride - 1) / op_.stride : 0, right = first_x >= width_ ? 0 : std::min(pitch_, (width_ - 1 - first_x) / op_.stride + 1);
                if (y < 0 || y >= height_) right = 0;
                left = std::min(left, right);
                const std::int64_t first_pixel = (from.image * height_ + y) * width_ + first_x + left * op_.stride;
                const Bf16* pixels = nullptr;
                if (left < right && before_) make_places(run, blocks, first_pixel, right - left, to + left * place_, narrowed);
                else if (left < right) pixels = line_of(run, narrowed, first_pixel, (right - left - 1) * op_.stride + 1);
                for (std::int64_t group = begin; group < end; ++group) {
                    Bf16* const places = to + (group - begin) * group_pitch;
                    std::fill(places, places + left * place_, Bf16(0));
                    std::fill(places + right * place_, places + pitch_ * place_, Bf16(0));
                    if (pixels != nullptr) copy_places(pixels + group * in_, op_.in_channels * op_.stride, places + left * place_, right - left);
                }
            }
            for (std::int64_t group = begin; group < end; ++group) {
                Bf16* const places = ordered + (group - begin) * group_pitch + std::int64_t(plane) * plane_places() * place_;
                const std::int64_t used = (height + window_.more_lines) * pitch_ * place_;
                std::fill(places + used, places + std::min(plane_places() * place_, used + shared_columns_ * place_ + tile_depth), Bf16(0));
            }
        }
        Bf16* const behind = ordered + (end - begin) * group_pitch;
        std::fill(behind, behind + tile_depth, Bf16(0));
        blocks.finish();
    }

    /// All groups' channels of `count` pixels from first_pixel on, as the convolution before makes them, to places beside each other. `copied` is for the last
    /// pixels of the map, behind which tiles would read.
    void make_places(const Run& run, TileBlocks& blocks, std::int64_t first_pixel, std::int64_t count, Bf16* to, Bf16* copied) const {
        const std::int64_t pixels = rows_(run) * height_ * width_, stride = op_.stride;
        const DepthRun depth = DepthRun::of(0, before_channels_);
        TileProduct product;
        product.runs = &depth;
        product.run_count = 1;
        for (std::int64_t row = 0; row < count; row += block_rows) {
            const std::int64_t rows = std::min(block_rows, count - row), first = first_pixel + row * stride;
            product.rows = rows;
            product.a = pixels_at(run, first);
            product.a_pitch = stride * before_channels_;
            if (first + (row_tiles(rows) * tile_rows - 1) * stride >= pixels) {
                for (std::int64_t i = 0; i < rows; ++i) std::memcpy(copied + i * before_channels_, pixels_at(run, first + i * stride), std::size_t(before_channels_) * sizeof(Bf16));
                product.a = copied;
                product.a_pitch = before_channels_;
            }
            for (std::int64_t group = 0; group < op_.groups; ++group) {
                for (std::int64_t panel = 0; panel < before_->panels(); ++panel) {
                    product.b = before_->tiles(group, panel);
                    product.column_tiles = before_->column_tiles(panel);
                    before_output_.start(blocks.next(), *before_, group, panel);
                    blocks.next().add({0, rows, reinterpret_cast<std::byte*>(to + group * group_elements() + row * place_ + panel * block_columns), nullptr});
                    blocks.multiply(product);
                }
            }
        }
    }

    const Bf16* pixels_at(const Run& run, std::int64_t pixel) const { return reinterpret_cast<const Bf16*>(src_.at(run, pixel * before_channels_)); }

    /// `count` pixels of the map from one on, in bfloat16.
    const Bf16* line_of(const Run& run, Bf16* narrowed, std::int64_t first_pixel, std::int64_t count) const {
        const std::byte* const pixels = src_.at(run, first_pixel * op_.in_channels);
        if (src_.is_bf16) return reinterpret_cast<const Bf16*>(pixels);
        tiles_.narrow(reinterpret_cast<const float*>(pixels), narrowed, count * op_.in_channels);
        return narrowed;
    }

    /// A group's channels of `count` pixels to places beside each other.
    void copy_places(const Bf16* from, std::int64_t pixel_pitch, Bf16* to, std::int64_t count) const {
        if (pixel_pitch == in_ && place_ == in_) {
            std::memcpy(to, from, std::size_t(count * in_) * sizeof(Bf16));
            return;
        }
        for (; count > 0; --count, from += pixel_pitch, to += place_) {
            if (in_ % 8 == 0) {
                for (std::int64_t i = 0; i < in_; i += 8) std::memcpy(to + i, from + i, 8 * sizeof(Bf16));
            } else {
                std::copy_n(from, in_, to);
            }
            std::fill(to + in_, to + place_, Bf16(0));
        }
    }

    ops::Conv2d op_;
    TileWindow window_;
    std::shared_ptr<const TileWeights> weights_;
    const TileFunctions& tiles_;
    RowCount rows_;
    MapPlace src_;
    TileOutput output_;
    std::shared_ptr<const TileWeights> before_;  // of the pointwise convolution that makes the input; or none
    TileOutput before_output_;
    std::int64_t before_channels_ = 0;
    std::vector<DepthRun> runs_;
    std::int64_t in_ = 0, out_ = 0;  // channels of a group
    std::int64_t place_ = 0;         // elements of a place, see place_of()
    std::int64_t height_ = 0, width_ = 0, out_height_ = 0, out_width_ = 0;
    std::int64_t task_height_ = 0, task_width_ = 0, pitch_ = 0;  // outputs of a rectangle; places in a line of a plane
    std::int64_t shared_columns_ = 0;                            // zeros that end one line and begin the next
    int threads_ = 1;
};

}  // namespace regulus::cpu
