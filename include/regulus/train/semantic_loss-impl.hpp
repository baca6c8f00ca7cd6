#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include <regulus/core/bilinear_tap.hpp>
#include <regulus/core/error.hpp>
#include <regulus/train/blocks.hpp>
#include <regulus/train/coco_truths-impl.hpp>
#include <regulus/train/semantic_loss.hpp>

namespace regulus::train {

namespace detail {

/// One picture's logits [labels, height, width], enlarged `scale` times, against its targets.
struct SemanticMaps {
    const float* logits;
    std::int64_t labels, height, width, scale;
    const std::uint8_t* targets;
    std::int64_t target_height, target_width;

    kernels::BilinearTap<float> row_tap(std::int64_t y) const { return kernels::bilinear_tap<float>(y, height, height * scale); }

    /// The losses of a row of pixels added up, and their derivative by the logits [width, labels] of a row between two of the map, times `part`.
    double row(std::int64_t y, double part, float* derivative) const {
        const kernels::BilinearTap<float> tap = row_tap(y);
        std::vector<float> between(std::size_t(width * labels));
        for (std::int64_t label = 0; label < labels; ++label) {
            const float* const plane = logits + label * height * width;
            for (std::int64_t x = 0; x < width; ++x) between[std::size_t(x * labels + label)] = (1 - tap.weight) * plane[tap.first * width + x] + tap.weight * plane[tap.second * width + x];
        }
        std::fill_n(derivative, width * labels, 0.f);
        std::vector<double> powers(std::size_t(labels), 0);
        double loss = 0;
        for (std::int64_t x = 0; x < target_width; ++x) {
            const std::uint8_t target = targets[y * target_width + x];
            if (target == unlabelled_pixel) continue;
            const kernels::BilinearTap<float> column = kernels::bilinear_tap<float>(x, width, width * scale);
            const float *const first = between.data() + column.first * labels, *const second = between.data() + column.second * labels;
            const auto logit = [&](std::int64_t label) { return (1 - double(column.weight)) * double(first[label]) + double(column.weight) * double(second[label]); };
            double greatest = logit(0), sum = 0;
            for (std::int64_t label = 1; label < labels; ++label) greatest = std::max(greatest, logit(label));
            for (std::int64_t label = 0; label < labels; ++label) sum += powers[std::size_t(label)] = std::exp(logit(label) - greatest);
            loss += std::log(sum) + greatest - logit(target);
            for (std::int64_t label = 0; label < labels; ++label) {
                const double slope = part * (powers[std::size_t(label)] / sum - (label == target ? 1 : 0));
                derivative[column.first * labels + label] += float(slope * (1 - double(column.weight)));
                derivative[column.second * labels + label] += float(slope * double(column.weight));
            }
        }
        return loss;
    }
};

/// Rows of pixels between rows of the map, back to the rows of the map: derivatives [target_height, width, labels] -> [labels, height, width].
inline void gather_rows(const SemanticMaps& maps, const std::vector<float>& derivatives, int threads, float* gradient) {
    const std::int64_t row_size = maps.width * maps.labels;
    for_each_index(maps.height, threads, [&](std::int64_t row) {
        std::vector<double> sums(std::size_t(row_size), 0);
        const std::int64_t first = std::max<std::int64_t>((row - 1) * maps.scale, 0), last = std::min((row + 2) * maps.scale, maps.target_height);
        for (std::int64_t y = first; y < last; ++y) {
            const kernels::BilinearTap<float> tap = maps.row_tap(y);
            const double weight = (tap.first == row ? 1 - double(tap.weight) : 0) + (tap.second == row ? double(tap.weight) : 0);
            for (std::int64_t i = 0; weight > 0 && i < row_size; ++i) sums[std::size_t(i)] += weight * double(derivatives[std::size_t(y * row_size + i)]);
        }
        for (std::int64_t label = 0; label < maps.labels; ++label) {
            for (std::int64_t x = 0; x < maps.width; ++x) gradient[(label * maps.height + row) * maps.width + x] = float(sums[std::size_t(x * maps.labels + label)]);
        }
    });
}

}  // namespace detail

REGULUS_INLINE Tensor semantic_truth(const SegmentMap& segments, const PanopticAnnotation& annotation, const std::vector<std::int64_t>& stuff_ids, const PictureChange& change) {
    constexpr const char* who = "semantic_truth";
    check_segment_map(segments, who);
    if (stuff_ids.size() >= unlabelled_pixel) throw ArgumentError(std::string(who) + ": " + std::to_string(stuff_ids.size()) + " labels are more than the 254 that a byte a pixel can hold");
    if (change.is_cut()) throw ArgumentError(std::string(who) + ": pictures with segments are not cut");
    const PictureSize resized = change.resized;
    if (resized.width < 1 || resized.height < 1 || segments.width < 1 || segments.height < 1) {
        throw ArgumentError(std::string(who) + ": " + std::to_string(segments.height) + " x " + std::to_string(segments.width) + " pixels resized to " + std::to_string(resized.height) + " x " +
                            std::to_string(resized.width) + "; both need pixels");
    }
    std::map<std::uint32_t, std::uint8_t> labels;
    for (const PanopticSegmentInfo& segment : annotation.segments) {
        const auto found = stuff_ids.empty() ? stuff_ids.end() : std::find(stuff_ids.begin() + 1, stuff_ids.end(), segment.category_id);
        labels[std::uint32_t(segment.id)] = found == stuff_ids.end() ? 0 : std::uint8_t(found - stuff_ids.begin());
    }
    const std::vector<std::int64_t> rows = detail::nearest_pixels(segments.height, resized.height, TruthRule::detectron2), columns = detail::nearest_pixels(segments.width, resized.width, TruthRule::detectron2);
    Tensor truth(Shape{resized.height, resized.width}, DType::u8);
    std::uint8_t* to = truth.data<std::uint8_t>();
    for (const std::int64_t row : rows) {
        for (std::size_t x = 0; x < columns.size(); ++x) {
            const auto found = labels.find(segments.at(row, columns[change.is_flipped ? columns.size() - 1 - x : x]));
            *to++ = found == labels.end() ? unlabelled_pixel : found->second;
        }
    }
    return truth;
}

REGULUS_INLINE Loss semantic_loss(const Tensor& logits, const std::vector<Tensor>& targets, double weight, int scale, int threads) {
    constexpr const char* who = "semantic_loss";
    const Shape& shape = logits.shape();
    if (logits.dtype() != DType::f32 || shape.rank() != 4 || shape[0] != std::int64_t(targets.size()) || shape[1] < 1 || shape[1] > 255) {
        throw ShapeError(std::string(who) + ": logits must be float32 [" + std::to_string(targets.size()) + " pictures, 1 .. 255 labels, height, width], got " + name_of(logits.dtype()) + " " + to_string(shape));
    }
    if (scale < 1) throw ArgumentError(std::string(who) + ": the scale must be 1 or more, got " + std::to_string(scale));
    std::int64_t labelled = 0;
    for (const Tensor& target : targets) {
        const Shape& size = target.shape();
        if (target.dtype() != DType::u8 || size.rank() != 2 || size[0] > shape[2] * scale || size[1] > shape[3] * scale) {
            throw ShapeError(std::string(who) + ": targets must be uint8 of at most [" + std::to_string(shape[2] * scale) + ", " + std::to_string(shape[3] * scale) + "], got " + name_of(target.dtype()) + " " + to_string(size));
        }
        for (std::int64_t i = 0; i < target.numel(); ++i) {
            const std::uint8_t label = target.data<std::uint8_t>()[i];
            if (label == unlabelled_pixel) continue;
            if (label >= shape[1]) throw ArgumentError(std::string(who) + ": a pixel has the label " + std::to_string(label) + ", there are " + std::to_string(shape[1]));
            ++labelled;
        }
    }
    const double part = weight / double(std::max<std::int64_t>(labelled, 1));
    const std::int64_t values = shape[1] * shape[2] * shape[3];
    Loss loss{0, Tensor::zeros(shape)};
    std::vector<float> derivatives;
    for (std::size_t picture = 0; picture < targets.size(); ++picture) {
        const Shape& size = targets[picture].shape();
        const detail::SemanticMaps maps{logits.data<float>() + std::int64_t(picture) * values, shape[1], shape[2], shape[3], scale, targets[picture].data<std::uint8_t>(), size[0], size[1]};
        derivatives.resize(std::size_t(size[0] * shape[3] * shape[1]));
        std::vector<double> of_rows(std::size_t(size[0]), 0);
        detail::for_each_index(size[0], threads, [&](std::int64_t y) { of_rows[std::size_t(y)] = maps.row(y, part, derivatives.data() + y * shape[3] * shape[1]); });
        for (const double row : of_rows) loss.value += part * row;
        detail::gather_rows(maps, derivatives, threads, loss.gradient.data<float>() + std::int64_t(picture) * values);
    }
    return loss;
}

}  // namespace regulus::train
