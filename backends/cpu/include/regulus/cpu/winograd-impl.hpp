#pragma once
// 3x3 convolutions, grouped ones too, straight on NHWC maps: of stride 1 in a quarter to a fifth of the multiplications, by Winograd's F(4x4, 3x3),
// F(6x6, 3x3) and what lies between; of stride 2 in six tenths of them.
//
// Each axis of a map is covered by tiles of 6 and 4 outputs (stride 2: 3 and 2), so that hardly an output is computed in vain. A task takes a run of tiles
// of one kind and a few groups: their inputs are transformed into 36 to 64 (25 to 49) small matrices [tiles, in], each is multiplied with its matrix of
// transformed weights [in, out] of its group, and the products are transformed back. A task's matrices stay in the caches; weights stream past them.
//
// Stride 2, along one axis: y[i] = w0 x[2i] + w1 x[2i + 1] + w2 x[2i + 2] is a filter of two taps over the pixels with even numbers, for which m outputs
// take m + 1 multiplications, and m products with w1. Both axes together: (2m + 1)^2 for m^2 outputs. Weights are (m + 2)^2 matrices, as the m products
// share theirs.
// oneDNN 2.6 has F(4x4, 3x3) for its blocked layout only, 3.x no more.
//
// Where only pointwise convolutions read the outputs, as in the head of a proposal network, a task multiplies its own pixels with their weights, and the
// map is never written.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/pixel_readers-impl.hpp>
#include <regulus/cpu/tile_blocks-impl.hpp>
#include <regulus/cpu/winograd_tiles-impl.hpp>

namespace regulus::cpu {

class WinogradKernel final : public Kernel {
public:
    /// Whether the algorithm applies and is worth it: below these sizes the transforms cost more than they save.
    static bool applies(const ops::Conv2d& op, const Shape& out) {
        if (op.kernel != 3 || op.dilation != 1 || op.padding != 1 || op.residual || op.activation == Activation::sigmoid) return false;
        const int in = op.in_channels / op.groups, width = op.out_channels / op.groups;
        const auto tiles = [&](std::int64_t side) { return out[2] >= side && out[3] >= side ? out[0] * ((out[2] + side - 1) / side) * ((out[3] + side - 1) / side) : 0; };
        if (op.stride == 1) return std::min(in, width) >= (op.groups == 1 ? 32 : 16) && tiles(4) >= 24;
        // Stride 2 saves less. Over few channels it is worth it where the map is in the last-level cache: nearer, direct sums are as fast, and from memory it
        // comes no faster than they are made.
        const std::int64_t map_bytes = out[0] * 4 * out[2] * out[3] * op.in_channels * std::int64_t(sizeof(float));
        return op.stride == 2 && std::min(in, width) >= (map_bytes >= least_map && map_bytes <= largest_map ? 40 : 80) && tiles(3) >= 24;
    }

    /// Tiles of 6 outputs serve where the products, not the transforms, take the time, and 64 matrices are not much more than the last-level cache holds.
    static WinogradForm form(const ops::Conv2d& op) {
        if (op.stride == 2) return WinogradForm::strided;
        const bool wide = op.groups == 1 && op.in_channels >= 64 && op.out_channels >= 64 && 64 * std::int64_t(op.in_channels) * op.out_channels * std::int64_t(sizeof(float)) <= largest_wide;
        return wide ? WinogradForm::wide : WinogradForm::fine;
    }

    /// Whether a task has all channels of its pixels.
    static bool has_whole_pixels(const ops::Conv2d& op) { return op.groups == 1; }

    /// Whether its products had better be those of three bfloat16 parts: few channels do not fill tiles, and few pixels do not make up for reading larger weights.
    static bool splits(const ops::Conv2d& op, const Shape& out) {
        return std::min(op.in_channels, op.out_channels) / op.groups >= 2 * tile_depth && out[0] * out[2] * out[3] >= (op.stride == 1 ? 2048 : 1024);
    }

    /// With `readers`, which need whole pixels, their outputs are made instead of the map.
    WinogradKernel(const NodeContext& context, std::shared_ptr<const WinogradWeights> weights, int threads, PixelReaders readers = {})
        : weights_(std::move(weights)), readers_(std::move(readers)), functions_(winograd_functions()), rows_(context.rows_of(context.out(0))), src_(MapPlace::of(context, context.in(0))), dst_(MapPlace::of(context, context.out(0))),
          relu_(std::get<ops::Conv2d>(context.node.operation).activation == Activation::relu), threads_(threads) {
        const auto& op = std::get<ops::Conv2d>(context.node.operation);
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        groups_ = op.groups;
        in_ = in[1];
        out_ = out[1];
        height_ = in[2];
        width_ = in[3];
        out_height_ = out[2];
        out_width_ = out[3];
        // Narrow groups are taken together, so that a pixel's channels fill lines of the cache.
        chunk_ = std::min<std::int64_t>(groups_, std::max<std::int64_t>(1, least_channels / (in_ / groups_)));
        chunks_ = (groups_ + chunk_ - 1) / chunk_;
        choose_kinds(out[0], form(op));
        for (Kind& kind : kinds_) set_up(kind, out[0]);
        if (!readers_.outputs.empty()) {
            for (const Kind& kind : kinds_) read_pixels_ = std::max(read_pixels_, read_tiles * kind.pixels());
            task_floats_ += read_floats();
        }
        if (splits()) {
            for (const Kind& kind : kinds_) split_floats_ = std::max(split_floats_, RowProducts::floats(weights_->tiles, kind.tiles));
            task_floats_ = (task_floats_ + std::size_t(split_floats_) + 15) / 16 * 16;
        }
        int side = 0;  // of the largest tiles
        for (const Kind& kind : kinds_) side = std::max({side, kind.down().outputs, kind.across().outputs});
        name = "winograd " + std::to_string(side) + "x" + std::to_string(side);
        if (op.stride == 1) reason = side == 6 ? "3x3, stride 1: a fifth of the multiplications" : "3x3, stride 1: a quarter of the multiplications";
        else reason = side == 3 ? "3x3, stride 2: six tenths of the multiplications" : "3x3, stride 2: seven tenths of the multiplications";
        if (splits()) {
            name += std::string(", ") + tile_functions().name;
            reason += std::string("; ") + reason_of(TileFactors::split);
        }
        if (src_.is_bf16 || dst_.is_bf16) reason += "; in float32, of maps in bfloat16";
        if (readers_.outputs.empty()) return;
        name += ", " + std::to_string(1 + readers_.outputs.size()) + " nodes";
        reason += "; its readers' products from the caches";
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * task_floats_ * sizeof(float); }

    void run(const Run& run) const override {
        const std::int64_t rows = rows_(run);
        std::int64_t tasks = 0;
        for (const Kind& kind : kinds_) tasks += kind.tasks(rows) * chunks_;
        parallel_tasks(threads_, tasks, [&](int thread, std::int64_t i) {
            float* const memory = run.floats(scratch) + std::size_t(thread) * task_floats_;
            for (const Kind& kind : kinds_) {
                const std::int64_t own = kind.tasks(rows) * chunks_;
                if (i < own) return task(run, kind, memory, i / chunks_ * kind.tiles, std::min(rows * kind.per_image(), (i / chunks_ + 1) * kind.tiles), i % chunks_);
                i -= own;
            }
        });
    }

private:
    static constexpr std::int64_t least_channels = 64;            // of a task's groups together
    static constexpr std::int64_t cached_bytes = 3 << 20;         // of a task's matrices
    static constexpr std::int64_t resident_weights = 20 << 20;    // in a share of the last level
    static constexpr std::int64_t largest_wide = 48 << 20;
    static constexpr std::int64_t least_map = 6 << 20, largest_map = 40 << 20;
    static constexpr std::int64_t streaming_weights = 1 << 20;    // beyond the second level
    static constexpr std::int64_t read_tiles = 4;                 // whose pixels and factors the second level holds
    static constexpr std::int64_t plane_gap = 16;                 // floats; else the planes would fall into the same lines of the cache
    static constexpr std::int64_t split_tiles = 128;  // of a task that fetches or splits weights ahead
    static constexpr std::int64_t rows_while_splitting = 80;  // of a product that splits weights for the next one meanwhile
    static constexpr std::int64_t most_tiles = 96, least_tiles = 24;  // of a task; with fewer the weights stream too often

    /// A plane of factors times a matrix of weights, as a plane of sums or added to it.
    struct Product {
        int from, matrix, to;
        bool adds;
    };

    /// Tiles of one size: a grid of them from (y, x) on in every image.
    struct Kind {
        const WinogradTransforms* transforms = nullptr;
        std::int64_t y = 0, x = 0, lines = 0, columns = 0;  // tiles in the grid
        std::int64_t tiles = 0;                             // of a task
        std::int64_t in_plane = 0, out_plane = 0;
        std::vector<Product> products;

        const WinogradAxis& down() const { return *transforms->down; }
        const WinogradAxis& across() const { return *transforms->across; }
        std::int64_t per_image() const { return lines * columns; }
        std::int64_t tasks(std::int64_t rows) const { return (rows * per_image() + tiles - 1) / tiles; }
        int planes() const { return down().products * across().products; }
        int sums() const { return down().sums * across().sums; }
        std::int64_t pixels() const { return down().outputs * across().outputs; }  // of a tile
    };

    /// Tiles along an axis: the larger ones, then the smaller ones.
    struct Cover {
        std::int64_t large = 0, small = 0;
    };

    /// The fewest multiplications.
    static Cover cover(std::int64_t outputs, const WinogradAxis& large, const WinogradAxis& small) {
        const auto over = [](std::int64_t count, std::int64_t size) { return (count + size - 1) / size; };
        Cover best{0, over(outputs, small.outputs)};
        for (std::int64_t first = 1; first <= over(outputs, large.outputs); ++first) {
            const Cover next{first, std::max<std::int64_t>(0, over(outputs - large.outputs * first, small.outputs))};
            if (large.products * next.large + small.products * next.small <= large.products * best.large + small.products * best.small) best = next;
        }
        return best;
    }

    void choose_kinds(std::int64_t images, WinogradForm form) {
        if (form == WinogradForm::fine) {
            Kind fours;
            fours.transforms = functions_.fine;
            fours.lines = (out_height_ + 3) / 4;
            fours.columns = (out_width_ + 3) / 4;
            kinds_ = {fours};
            return;
        }
        const auto table = form == WinogradForm::wide ? functions_.wide : functions_.strided;
        const WinogradAxis &large = *table[0][0].down, &small = *table[1][1].down;
        const auto only = [&](const WinogradAxis& axis, std::int64_t outputs) { return (outputs + axis.outputs - 1) / axis.outputs; };
        // The errors of larger tiles are larger: where the cost is but an estimate, they must save a tenth.
        const bool late = weights_->tiles.is_late();
        const auto take_cheaper = [&](const Cover& y, const Cover& x) {
            std::vector<Kind> kinds = grids(table, y, x);
            if (10 * cost(kinds, images) < (late ? 9 : 10) * cost(kinds_, images)) kinds_ = std::move(kinds);
        };
        kinds_ = grids(table, {0, only(small, out_height_)}, {0, only(small, out_width_)});
        take_cheaper(cover(out_height_, large, small), cover(out_width_, large, small));
        if (late) take_cheaper({only(large, out_height_), 0}, {only(large, out_width_), 0});
    }

    static std::vector<Kind> grids(const WinogradTransforms (*table)[2], const Cover& y, const Cover& x) {
        std::vector<Kind> kinds;
        for (const int small_y : {0, 1}) {
            for (const int small_x : {0, 1}) {
                Kind kind;
                kind.transforms = &table[small_y][small_x];
                kind.y = small_y == 0 ? 0 : table[0][0].down->outputs * y.large;
                kind.x = small_x == 0 ? 0 : table[0][0].across->outputs * x.large;
                kind.lines = small_y == 0 ? y.large : y.small;
                kind.columns = small_x == 0 ? x.large : x.small;
                if (kind.per_image() > 0) kinds.push_back(kind);
            }
        }
        return kinds;
    }

    /// Rows of products; to read a matrix of weights takes about as long as to multiply 12 rows with it, and to split the next one as long as 80. The same for
    /// every number of threads, as results are.
    std::int64_t cost(const std::vector<Kind>& kinds, std::int64_t images) const {
        std::int64_t sum = 0;
        for (const Kind& kind : kinds) {
            const std::int64_t total = images * kind.per_image(), least = std::min<std::int64_t>(total, 2);
            if (weights_->tiles.is_late()) sum += kind.planes() * std::max(total, rows_while_splitting * std::max(least, (total + 2 * split_tiles - 1) / (2 * split_tiles) * 2));
            else sum += kind.planes() * (total + 12 * std::max(least, total / 48));
        }
        return sum;
    }

    void set_up(Kind& kind, std::int64_t images) {
        const std::int64_t group_in = in_ / groups_;
        // As many tiles as the second-level cache holds, but weights that the last level does not hold must not stream too often, nor be split.
        const std::int64_t tile_bytes = chunk_ * (kind.planes() * group_in + kind.sums() * weights_->width) * std::int64_t(sizeof(float));
        const bool streams = weights_->bytes() > resident_weights || weights_->tiles.is_late();
        const std::int64_t most = streams ? (splits() ? split_tiles : most_tiles) : std::clamp<std::int64_t>(cached_bytes / tile_bytes, least_tiles, most_tiles);
        const std::int64_t total = std::max<std::int64_t>(1, images * kind.per_image());
        std::int64_t blocks = (total + most - 1) / most;
        while (blocks < total && blocks * chunks_ % threads_ != 0 && blocks * chunks_ < 8 * threads_) ++blocks;  // equal shares for the threads
        kind.tiles = (total + blocks - 1) / blocks;
        kind.in_plane = kind.tiles * chunk_ * group_in + plane_gap;
        kind.out_plane = kind.tiles * chunk_ * weights_->width + plane_gap;
        task_floats_ = std::max(task_floats_, std::size_t(kind.planes() * kind.in_plane + kind.sums() * kind.out_plane));
        const WinogradAxis &down = kind.down(), &across = kind.across();
        for (int y = 0; y < down.products; ++y) {
            for (int x = 0; x < across.products; ++x) {
                const std::size_t yi = std::size_t(y), xi = std::size_t(x);
                kind.products.push_back({y * across.products + x, down.point[yi] * weights_->points + across.point[xi], down.sum[yi] * across.sums + across.sum[xi], false});
            }
        }
        // Those of one matrix after each other, so that it comes from afar once.
        std::stable_sort(kind.products.begin(), kind.products.end(), [](const Product& a, const Product& b) { return a.matrix < b.matrix; });
        std::vector<bool> begun(std::size_t(kind.sums()), false);
        for (Product& product : kind.products) {
            product.adds = begun[std::size_t(product.to)];
            begun[std::size_t(product.to)] = true;
        }
    }

    /// Tiles [first, last) of a kind, for one chunk of groups.
    void task(const Run& run, const Kind& kind, float* memory, std::int64_t first, std::int64_t last, std::int64_t chunk) const {
        const WinogradAxis &down = kind.down(), &across = kind.across();
        float* const v = memory + split_floats_;
        float* const m = v + kind.planes() * kind.in_plane;
        const std::int64_t group_in = in_ / groups_, group_out = out_ / groups_, first_group = chunk * chunk_, last_group = std::min(groups_, first_group + chunk_);
        const std::int64_t channels = (last_group - first_group) * group_in, products = (last_group - first_group) * weights_->width;
        for (std::int64_t tile = first; tile < last; ++tile) {
            const Position at = position(kind, tile);
            const std::byte* const map = src_.at(run, at.image * height_ * width_ * in_ + first_group * group_in);
            const WinogradWindow window{map, src_.is_bf16, at.y * down.stride - 1, at.x * across.stride - 1, height_, width_, width_ * in_, in_, tile + 1 < last ? across.outputs * across.stride * in_ : 0};
            kind.transforms->input(window, channels, v + (tile - first) * channels, kind.in_plane);
        }
        if (splits()) multiply_split(kind, memory, v, m, last - first, first_group, last_group);
        else multiply(kind, v, m, last - first, first_group, last_group);
        if (!readers_.outputs.empty()) {
            float* const own = memory + task_floats_ - read_floats();
            for (std::int64_t tile = first; tile < last; tile += read_tiles) read(run, kind, m + (tile - first) * products, own, tile, std::min(last, tile + read_tiles));
            return;
        }
        for (std::int64_t tile = first; tile < last; ++tile) {
            const Position at = position(kind, tile);
            for (std::int64_t group = first_group; group < last_group; ++group) {
                kind.transforms->output(m + (tile - first) * products + (group - first_group) * weights_->width, kind.out_plane, weights_->bias.data<float>() + group * weights_->width, relu_, group_out,
                                        {dst_.at(run, at.image * out_height_ * out_width_ * out_ + group * group_out), dst_.is_bf16, at.y, at.x, out_height_, out_width_, out_width_ * out_, out_, tile + 1 < last ? across.outputs * out_ : 0});
            }
        }
    }

    /// Of `rows` tiles the factors times the weights of groups [first_group, last_group).
    void multiply(const Kind& kind, const float* v, float* m, std::int64_t rows, std::int64_t first_group, std::int64_t last_group) const {
        const std::int64_t group_in = in_ / groups_, matrix = group_in * weights_->width;
        MatrixProduct product;
        product.a_pitch = (last_group - first_group) * group_in;
        product.c_pitch = product.addend_pitch = (last_group - first_group) * weights_->width;
        product.rows = rows;
        product.streams = weights_->matrices.bytes() >= streaming_weights;
        product.depth = group_in;
        product.width = product.stored = weights_->width;
        for (std::int64_t group = first_group; group < last_group; ++group) {
            const float* const matrices = weights_->matrices.data<float>() + group * weights_->points * weights_->points * matrix;
            for (const Product& one : kind.products) {
                product.a = v + one.from * kind.in_plane + (group - first_group) * group_in;
                product.b = matrices + one.matrix * matrix;
                product.c = m + one.to * kind.out_plane + (group - first_group) * weights_->width;
                product.addend = one.adds ? product.c : nullptr;
                functions_.matrix.multiply(product);
            }
        }
    }

    bool splits() const { return weights_->matrices.numel() == 0; }

    /// The same by tiles of three bfloat16 parts; `memory` holds split_floats_.
    void multiply_split(const Kind& kind, float* memory, const float* v, float* m, std::int64_t rows, std::int64_t first_group, std::int64_t last_group) const {
        const std::int64_t group_in = in_ / groups_, channels = (last_group - first_group) * group_in, sums = (last_group - first_group) * weights_->width, matrices = weights_->points * weights_->points;
        const std::int64_t product_count = std::int64_t(kind.products.size());
        const auto matrix_of = [&](std::int64_t group, std::int64_t i) { return group * matrices + kind.products[std::size_t(i)].matrix; };
        RowProducts products(weights_->tiles, memory);
        for (std::int64_t group = first_group; group < last_group; ++group) {
            for (std::int64_t i = 0; i < product_count; ++i) {
                const Product& one = kind.products[std::size_t(i)];
                const std::int64_t next = i + 1 < product_count ? matrix_of(group, i + 1) : group + 1 < last_group ? matrix_of(group + 1, 0) : weights_->tiles.groups();
                products.set_rows(v + one.from * kind.in_plane + (group - first_group) * group_in, channels, rows, group_in);
                float* const to = m + one.to * kind.out_plane + (group - first_group) * weights_->width;
                const TileOutput output{.pitch = sums, .adds = one.adds};
                products.multiply(matrix_of(group, i), next, output, [&](TileResult& result, std::int64_t row, std::int64_t count, std::int64_t panel) {
                    std::byte* const place = reinterpret_cast<std::byte*>(to + row * sums + panel * block_columns);
                    result.add({0, count, place, place});
                });
            }
        }
        products.finish();
    }

    /// Some tiles' pixels and what is read of them.
    std::size_t read_floats() const { return std::size_t((read_pixels_ * (packed_pitch(out_) + readers_.width()) + 15) / 16 * 16 + readers_.scratch_floats(read_pixels_)); }

    /// What is read of the pixels of tiles [first, last), whose sums begin at m. `own` holds these pixels and the products.
    void read(const Run& run, const Kind& kind, const float* m, float* own, std::int64_t first, std::int64_t last) const {
        const int rows = kind.down().outputs, columns = kind.across().outputs;
        const std::int64_t pitch = packed_pitch(out_), width = readers_.width(), pixels = (last - first) * kind.pixels();
        float* const made = own + read_pixels_ * pitch;
        for (std::int64_t tile = first; tile < last; ++tile) {
            const WinogradTarget target{reinterpret_cast<std::byte*>(own + (tile - first) * kind.pixels() * pitch), false, 0, 0, rows, columns, columns * pitch, pitch, 0};
            kind.transforms->output(m + (tile - first) * weights_->width, kind.out_plane, weights_->bias.data<float>(), relu_, out_, target);
        }
        readers_.multiply(own, pitch, pixels, out_, made, own + read_floats() - readers_.scratch_floats(read_pixels_));
        for (std::int64_t tile = first; tile < last; ++tile) {
            const Position at = position(kind, tile);
            const float* const sums = made + (tile - first) * kind.pixels() * width;
            for (std::int64_t y = 0; y < std::min<std::int64_t>(rows, out_height_ - at.y); ++y) {
                const std::int64_t count = std::min<std::int64_t>(columns, out_width_ - at.x), pixel = (at.image * out_height_ + at.y + y) * out_width_ + at.x;
                for (const PixelReaders::Output& output : readers_.outputs) {
                    float* to = run.floats(output.dst) + pixel * output.channels;
                    for (std::int64_t x = 0; x < count; ++x) {
                        const float* const from = sums + (y * columns + x) * width + output.first;
                        for (std::int64_t c = 0; c < output.channels; ++c) *to++ = output.relu && from[c] < 0 ? 0.f : from[c];
                    }
                }
            }
        }
    }

    struct Position {
        std::int64_t image, y, x;
    };

    static Position position(const Kind& kind, std::int64_t tile) {
        const std::int64_t image = tile / kind.per_image(), within = tile % kind.per_image();
        return {image, kind.y + within / kind.columns * kind.down().outputs, kind.x + within % kind.columns * kind.across().outputs};
    }

    std::shared_ptr<const WinogradWeights> weights_;
    PixelReaders readers_;
    std::int64_t read_pixels_ = 0;  // most at a time
    const WinogradFunctions& functions_;
    RowCount rows_;
    MapPlace src_, dst_;
    bool relu_;
    int threads_;
    std::vector<Kind> kinds_;
    std::int64_t split_floats_ = 0;
    std::size_t task_floats_ = 0;                       // of a thread
    std::int64_t groups_ = 1, chunk_ = 1, chunks_ = 1;  // chunk_: groups of a task
    std::int64_t in_ = 0, out_ = 0, height_ = 0, width_ = 0, out_height_ = 0, out_width_ = 0;
};

}  // namespace regulus::cpu
