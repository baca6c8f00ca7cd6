#pragma once
// Own kernels of detectors: RoIAlign over NHWC maps, and the list and row operations of graph/kernels.
#include <array>
#include <cmath>

#include <regulus/cpu/maps-impl.hpp>
#include <regulus/graph/kernels/candidates.hpp>
#include <regulus/graph/kernels/nms.hpp>
#include <regulus/graph/kernels/proposals.hpp>
#include <regulus/graph/kernels/roi_align.hpp>
#include <regulus/graph/kernels/top_anchors.hpp>

namespace regulus::cpu {

/// A pixel of one axis and the sum of the bilinear weights that a bin's samples give it.
struct AxisPixel {
    std::int64_t at;
    float weight;
};

/// dst[c] = factor * sum over the pixels ys x xs of y.weight * x.weight * map[y.at][x.at][c].
template <class Element>
REGULUS_ALWAYS_INLINE void bin_sum_body(const Element* map, std::int64_t width, const AxisPixel* ys, std::int64_t y_count, const AxisPixel* xs, std::int64_t x_count, float factor, Element* dst,
                                        std::int64_t channels) {
    constexpr std::int64_t block = 64;  // channels that stay in registers over all pixels
    for (std::int64_t first = 0; first < channels; first += block) {
        float sum[block] = {};
        const std::int64_t rest = channels - first;
        for (std::int64_t y = 0; y < y_count; ++y) {
            for (std::int64_t x = 0; x < x_count; ++x) {
                const Element* pixel = map + (ys[y].at * width + xs[x].at) * channels + first;
                const float weight = ys[y].weight * xs[x].weight;
                if (rest >= block) {
                    for (std::int64_t c = 0; c < block; ++c) sum[c] += weight * as_float(pixel[c]);
                } else {
                    for (std::int64_t c = 0; c < rest; ++c) sum[c] += weight * as_float(pixel[c]);
                }
            }
        }
        for (std::int64_t c = 0; c < std::min(block, rest); ++c) set(dst[first + c], sum[c] * factor);
    }
}
REGULUS_SIMD_KERNEL(bin_sum, bin_sum_body,
                    (const float* map, std::int64_t width, const AxisPixel* ys, std::int64_t y_count, const AxisPixel* xs, std::int64_t x_count, float factor, float* dst, std::int64_t channels),
                    (map, width, ys, y_count, xs, x_count, factor, dst, channels))
REGULUS_SIMD_KERNEL(bin_sum_bf16, bin_sum_body,
                    (const Bf16* map, std::int64_t width, const AxisPixel* ys, std::int64_t y_count, const AxisPixel* xs, std::int64_t x_count, float factor, Bf16* dst, std::int64_t channels),
                    (map, width, ys, y_count, xs, x_count, factor, dst, channels))

/// RoIAlign with level choice. A bin reads the product of a few lines and a few columns, whose weights are made once per box.
class RoiAlignKernel final : public Kernel {
public:
    explicit RoiAlignKernel(const NodeContext& context) : op_(std::get<ops::RoiAlign>(context.node.operation)) {
        for (std::size_t level = 0; level < op_.strides.size(); ++level) {
            maps_.push_back(context.place(context.in(level)));
            sizes_.push_back(context.shape(context.in(level)));
        }
        boxes_ = context.place(context.in(op_.strides.size()));
        counts_ = context.place(context.in(op_.strides.size() + 1));
        images_ = context.shape(context.in(op_.strides.size() + 1))[0];
        dst_ = context.place(context.out(0));
        is_bf16_ = context.is_bf16(context.out(0));
        name = "roi_align nhwc";
        reason = "own kernel: whole pixels, weights once per axis";
    }

    void run(const Run& run) const override {
        constexpr std::int64_t group_size = 4;
        const std::int32_t* counts = run.integers(counts_);
        std::int64_t first = 0;
        for (std::int64_t image = 0; image < images_; ++image) {
            const std::int64_t last = first + counts[image];
            parallel_for_dynamic((last - first + group_size - 1) / group_size, [&](std::int64_t group) {
                const std::int64_t begin = first + group * group_size;
                for (std::int64_t row = begin; row < std::min(last, begin + group_size); ++row) pool(run, image, row);
            });
            first = last;
        }
    }

    /// The pixels of each bin along one axis; kept by each thread between boxes.
    struct AxisTable {
        std::vector<kernels::AxisSample<float>> samples;
        std::vector<std::int32_t> begin;
        std::vector<AxisPixel> pixels;
        std::vector<std::size_t> pixel_begin;

        void fill(const ops::RoiAlign& op, const kernels::RoiAxis<float>& axis, std::int64_t length) {
            const std::size_t bins = std::size_t(op.size);
            samples.resize(kernels::roi_axis_capacity(op, length));
            begin.resize(bins + 1);
            kernels::roi_axis_samples(op, axis, length, samples.data(), begin.data());
            pixels.clear();
            pixel_begin.assign(1, 0);
            for (std::size_t bin = 0; bin < bins; ++bin) {
                for (std::int32_t i = begin[bin]; i < begin[bin + 1]; ++i) {
                    add(samples[std::size_t(i)].low, samples[std::size_t(i)].low_weight);
                    add(samples[std::size_t(i)].high, samples[std::size_t(i)].high_weight);
                }
                pixel_begin.push_back(pixels.size());
            }
        }

        /// Samples advance by at most a pixel, so equal pixels are the last two of the bin.
        void add(std::int64_t at, float weight) {
            if (weight == 0.f) return;
            for (std::size_t back = 1; back <= 2 && pixels.size() >= pixel_begin.back() + back; ++back) {
                AxisPixel& pixel = pixels[pixels.size() - back];
                if (pixel.at == at) {
                    pixel.weight += weight;
                    return;
                }
            }
            pixels.push_back({at, weight});
        }
    };

private:
    void pool(const Run& run, std::int64_t image, std::int64_t row) const {
        const kernels::Box<float> box = kernels::load_box(run.floats(boxes_) + 4 * row);
        const std::size_t level = std::size_t(kernels::roi_level(op_, box));
        const std::int64_t channels = sizes_[level][1], height = sizes_[level][2], width = sizes_[level][3];
        const kernels::RoiAxis<float> x_axis = kernels::roi_axis(op_, op_.strides[level], box.x1, box.x2), y_axis = kernels::roi_axis(op_, op_.strides[level], box.y1, box.y2);
        thread_local AxisTable xs, ys;
        xs.fill(op_, x_axis, width);
        ys.fill(op_, y_axis, height);
        const float factor = 1.f / float(std::max<std::int64_t>(1, x_axis.samples * y_axis.samples));
        const std::int64_t map = image * height * width * channels, bins = row * op_.size * op_.size * channels;
        if (is_bf16_) fill_bins(static_cast<const Bf16*>(run.at(maps_[level])) + map, width, static_cast<Bf16*>(run.at(dst_)) + bins, channels, xs, ys, factor, bin_sum_bf16);
        else fill_bins(run.floats(maps_[level]) + map, width, run.floats(dst_) + bins, channels, xs, ys, factor, bin_sum);
    }

    template <class Element, class Sum>
    void fill_bins(const Element* map, std::int64_t width, Element* bin, std::int64_t channels, const AxisTable& xs, const AxisTable& ys, float factor, const Sum& sum) const {
        for (std::size_t by = 0; by < std::size_t(op_.size); ++by) {
            for (std::size_t bx = 0; bx < std::size_t(op_.size); ++bx, bin += channels) {
                sum(map, width, ys.pixels.data() + ys.pixel_begin[by], std::int64_t(ys.pixel_begin[by + 1] - ys.pixel_begin[by]), xs.pixels.data() + xs.pixel_begin[bx],
                        std::int64_t(xs.pixel_begin[bx + 1] - xs.pixel_begin[bx]), factor, bin, channels);
            }
        }
    }

    ops::RoiAlign op_;
    std::vector<Place> maps_;
    std::vector<Shape> sizes_;
    Place boxes_, counts_, dst_;
    std::int64_t images_ = 0;
    bool is_bf16_ = false;
};

inline std::int64_t elements_per_image(const Shape& shape) {
    std::int64_t count = 1;
    for (int axis = 1; axis < shape.rank(); ++axis) count *= shape[axis];
    return count;
}

class TopKKernel final : public Kernel {
public:
    explicit TopKKernel(const NodeContext& context)
        : op_(std::get<ops::TopK>(context.node.operation)), logits_(context.place(context.in(0))), scores_(context.place(context.out(0))), index_(context.place(context.out(1))),
          count_(context.place(context.out(2))), images_(context.shape(context.in(0))[0]), total_(elements_per_image(context.shape(context.in(0)))), channels_(context.shape(context.in(0))[1]), k_(context.shape(context.out(0))[1]) {
        if (op_.classes <= 1 && total_ >= large_map) parts_ = 8;
        name = op_.classes > 1 ? "top anchors" : "top_k";
        reason = op_.classes > 1 ? "the best class decides about an anchor" : "one pass with a rising bar";
    }
    std::size_t scratch_bytes() const override {
        return std::size_t(images_ * parts_) * ((pool() + std::size_t(parts_ > 1 ? k_ : 0)) * sizeof(kernels::Scored<float>) + sizeof(std::int32_t));
    }

    void run(const Run& run) const override {
        if (parts_ > 1) return run_in_parts(run);
        parallel_for(images_, [&](std::int64_t image) {
            auto* scratch_pool = static_cast<kernels::Scored<float>*>(run.at(scratch)) + std::size_t(image) * pool();
            const float* logits = run.floats(logits_) + image * total_;
            float* scores = run.floats(scores_) + image * k_;
            std::int32_t* index = run.integers(index_) + image * k_;
            run.integers(count_)[image] = op_.classes > 1 ? kernels::top_anchors(op_, logits, channels_, total_ / channels_, 1, channels_, scratch_pool, scores, index)
                                                          : kernels::top_k(op_, logits, 1, total_, 1, scratch_pool, scores, index);
        });
    }

private:
    static constexpr std::int64_t large_map = 1 << 20;

    /// The best of each part of a large map, then the best of those: the order of scores and indices is total, so the result is the same.
    void run_in_parts(const Run& run) const {
        const std::size_t stride = pool() + std::size_t(k_);
        auto* const memory = static_cast<kernels::Scored<float>*>(run.at(scratch));
        auto* const counts = reinterpret_cast<std::int32_t*>(memory + std::size_t(images_ * parts_) * stride);
        parallel_for(images_ * parts_, [&](std::int64_t i) {
            const std::int64_t first = i % parts_ * part(), last = std::min(total_, first + part());
            kernels::Scored<float>* const own = memory + std::size_t(i) * stride;
            float* const scores = reinterpret_cast<float*>(own + pool());
            counts[i] = kernels::top_k(op_, run.floats(logits_) + i / parts_ * total_ + first, 1, last - first, 1, own, scores, reinterpret_cast<std::int32_t*>(scores + k_));
            for (std::int32_t j = 0; j < counts[i]; ++j) own[j].index += std::int32_t(first);
        });
        parallel_for(images_, [&](std::int64_t image) {
            kernels::Scored<float>* const all = memory + std::size_t(image * parts_) * stride;
            std::size_t filled = 0;
            for (std::int64_t i = 0; i < parts_; ++i) {
                const std::size_t count = std::size_t(counts[image * parts_ + i]);
                std::copy(all + std::size_t(i) * stride, all + std::size_t(i) * stride + count, all + filled);
                filled += count;
            }
            const std::size_t count = std::min(filled, std::size_t(k_));
            std::partial_sort(all, all + count, all + filled, kernels::better<float>);
            for (std::size_t j = 0; j < count; ++j) {
                run.floats(scores_)[std::size_t(image * k_) + j] = all[j].score;
                run.integers(index_)[std::size_t(image * k_) + j] = all[j].index;
            }
            run.integers(count_)[image] = std::int32_t(count);
        });
    }

    /// Elements of a part: whole runs of what top_k tests at once.
    std::int64_t part() const { return (total_ / parts_ + kernels::scan_width) / kernels::scan_width * kernels::scan_width; }
    std::size_t pool() const { return op_.classes > 1 ? kernels::top_anchors_scratch(total_ / op_.classes, op_.limit) : kernels::top_k_scratch(parts_ > 1 ? part() : total_, op_.limit); }
    ops::TopK op_;
    Place logits_, scores_, index_, count_;
    std::int64_t images_, total_, channels_, k_, parts_ = 1;
};

inline std::unique_ptr<Kernel> make_decode_anchors(const NodeContext& context) {
    const Shape map = context.shape(context.in(0)), list = context.shape(context.in(1));
    return std::make_unique<FunctionKernel>("decode_anchors", [=, op = std::get<ops::DecodeAnchors>(context.node.operation), deltas = context.place(context.in(0)), index = context.place(context.in(1)),
                                                               count = context.place(context.in(2)), info = context.place(context.in(3)), boxes = context.place(context.out(0)),
                                                               labels = context.place(context.out(1))](const Run& run) {
        for (std::int64_t image = 0; image < map[0]; ++image) {
            kernels::decode_anchors(op, run.floats(deltas) + image * elements_per_image(map), 1, map[1], map[3], run.integers(index) + image * list[1], run.integers(count)[image],
                                    kernels::load_picture(run.floats(info) + 4 * image), run.floats(boxes) + image * list[1] * 4, run.integers(labels) + image * list[1]);
        }
    });
}

/// What suppressions have in common: lists of candidates of several pictures or clouds come in; the rows that stay go out, packed, with their numbers.
class SuppressionKernel : public Kernel {
protected:
    struct List {
        Place boxes, scores, labels, directions, count;
        std::int64_t bound;
    };
    struct Kept {
        float* boxes;
        float* scores;
        std::int32_t* labels;
    };

    /// A list is boxes [images, bound, code], scores, labels, directions where there are any, and counts.
    SuppressionKernel(const NodeContext& context, std::int64_t code, bool with_directions) : images_(context.shape(context.in(0))[0]), code_(code) {
        const std::size_t parts = with_directions ? 5 : 4;
        for (std::size_t i = 0; i < context.node.inputs.size(); i += parts) {
            const auto part = [&](std::size_t which) { return context.place(context.in(i + which)); };
            lists_.push_back({part(0), part(1), part(2), with_directions ? part(3) : Place{}, part(parts - 1), context.shape(context.in(i))[1]});
            candidates_ += lists_.back().bound;
        }
        for (std::size_t i = 0; i < 4; ++i) out_[i] = context.place(context.out(i));
    }

    /// keep(image, where the next rows go), which returns their number, image after image: they are packed.
    template <class Keep>
    void keep_of_each(const Run& run, const Keep& keep) const {
        std::int64_t first = 0;
        for (std::int64_t image = 0; image < images_; ++image) {
            const std::int32_t count = keep(image, Kept{run.floats(out_[0]) + first * code_, run.floats(out_[1]) + first, run.integers(out_[2]) + first});
            run.integers(out_[3])[image] = count;
            first += count;
        }
    }

    std::vector<List> lists_;
    std::array<Place, 4> out_;
    std::int64_t images_ = 0, candidates_ = 0, code_ = 4;
};

class NmsKernel final : public SuppressionKernel {
public:
    explicit NmsKernel(const NodeContext& context) : SuppressionKernel(context, 4, false), op_(std::get<ops::Nms>(context.node.operation)) {
        name = "nms";
        reason = "greedy, per label";
    }
    std::size_t scratch_bytes() const override {
        return kernels::NmsScratch<float>::bytes(candidates_, op_.limit) + lists_.size() * sizeof(kernels::CandidateList<float>);
    }

    void run(const Run& run) const override {
        auto* const lists = static_cast<kernels::CandidateList<float>*>(run.at(scratch));
        const kernels::NmsScratch<float> memory(lists + lists_.size(), candidates_);
        keep_of_each(run, [&](std::int64_t image, const Kept& kept) {
            for (std::size_t i = 0; i < lists_.size(); ++i) {
                const List& list = lists_[i];
                const std::int64_t at = image * list.bound;
                lists[i] = {run.floats(list.boxes) + at * code_, run.floats(list.scores) + at, run.integers(list.labels) + at, run.integers(list.count)[image]};
            }
            return kernels::nms(op_, lists, lists_.size(), memory, kept.boxes, kept.scores, kept.labels);
        });
    }

private:
    ops::Nms op_;
};

inline std::unique_ptr<Kernel> make_class_candidates(const NodeContext& context) {
    const auto op = std::get<ops::ClassCandidates>(context.node.operation);
    const std::int64_t images = context.shape(context.in(3))[0], bound = context.shape(context.out(0))[1], delta_columns = context.shape(context.in(1))[1];
    return std::make_unique<FunctionKernel>("class_candidates", [=, probabilities = context.place(context.in(0)), deltas = context.place(context.in(1)), boxes = context.place(context.in(2)),
                                                                 counts = context.place(context.in(3)), info = context.place(context.in(4)), found_boxes = context.place(context.out(0)),
                                                                 found_scores = context.place(context.out(1)), found_labels = context.place(context.out(2)),
                                                                 found = context.place(context.out(3))](const Run& run) {
        std::int64_t first = 0;
        for (std::int64_t image = 0; image < images; ++image) {
            const std::int64_t rows = run.integers(counts)[image];
            run.integers(found)[image] = kernels::class_candidates(op, run.floats(probabilities) + first * (op.classes + 1), run.floats(deltas) + first * delta_columns, run.floats(boxes) + first * 4, rows,
                                                                   kernels::load_picture(run.floats(info) + 4 * image), run.floats(found_boxes) + image * bound * 4,
                                                                   run.floats(found_scores) + image * bound, run.integers(found_labels) + image * bound);
            first += rows;
        }
    });
}

/// The label's channel of NHWC rows.
inline std::unique_ptr<Kernel> make_select_channel(const NodeContext& context) {
    const Activation activation = std::get<ops::SelectChannel>(context.node.operation).activation;
    const Shape in = context.shape(context.in(0));
    return std::make_unique<FunctionKernel>("select_channel", [=, rows = context.rows_of(context.out(0)), src = context.place(context.in(0)), labels = context.place(context.in(1)),
                                                               dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t channels = in[1], area = in[2] * in[3];
        parallel_for(rows(run), [&](std::int64_t row) {
            const std::int64_t channel = std::clamp<std::int64_t>(run.integers(labels)[row], 0, channels - 1);
            const float* from = run.floats(src) + row * area * channels + channel;
            float* to = run.floats(dst) + row * area;
            for (std::int64_t i = 0; i < area; ++i) to[i] = activate(activation, from[i * channels]);
        });
    });
}

}  // namespace regulus::cpu
