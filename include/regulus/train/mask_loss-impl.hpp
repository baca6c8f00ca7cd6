#pragma once
#include <algorithm>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/roi_align.hpp>
#include <regulus/train/losses-impl.hpp>
#include <regulus/train/mask_loss.hpp>

namespace regulus::train {

namespace detail {

/// RoIAlign of one plane [height, width] to size x size bins.
inline void cut_out(const ops::RoiAlign& op, const float* plane, std::int64_t height, std::int64_t width, const kernels::Box<float>& box, float* to) {
    const kernels::RoiAxis<float> y_axis = kernels::roi_axis(op, 1, box.y1, box.y2), x_axis = kernels::roi_axis(op, 1, box.x1, box.x2);
    std::vector<kernels::AxisSample<float>> y_samples(kernels::roi_axis_capacity(op, height)), x_samples(kernels::roi_axis_capacity(op, width));
    std::vector<std::int32_t> y_begin(std::size_t(op.size) + 1), x_begin(std::size_t(op.size) + 1);
    kernels::roi_axis_samples(op, y_axis, height, y_samples.data(), y_begin.data());
    kernels::roi_axis_samples(op, x_axis, width, x_samples.data(), x_begin.data());
    const float count = float(std::max<std::int64_t>(y_axis.samples * x_axis.samples, 1));
    for (std::size_t y = 0; y < std::size_t(op.size); ++y) {
        for (std::size_t x = 0; x < std::size_t(op.size); ++x) {
            *to++ = kernels::roi_bin_sum(plane, width, y_samples.data() + y_begin[y], y_samples.data() + y_begin[y + 1], x_samples.data() + x_begin[x], x_samples.data() + x_begin[x + 1]) / count;
        }
    }
}

/// Rings moved and scaled so that the box, as wide and high as `least` at least, becomes size x size pixels; filled.
inline void fill_rings(std::vector<std::vector<double>> rings, const float* box, double least, int size, float* to) {
    const double width = double(box[2] - box[0]), height = double(box[3] - box[1]);
    const double by_x = double(size) / std::max(width, least), by_y = double(size) / std::max(height, least);
    for (std::vector<double>& ring : rings) {
        for (std::size_t i = 0; i < ring.size(); ++i) ring[i] = (ring[i] - double(box[i % 2])) * (i % 2 == 0 ? by_x : by_y);
    }
    const BitMask mask = rle_decode(rle_from_polygons(rings, size, size));
    for (std::size_t i = 0; i < mask.bits.size(); ++i) to[i] = float(mask.bits[i]);
}

}  // namespace detail

REGULUS_INLINE Tensor mask_targets(const RegionSample& regions, const std::vector<TruthMask>& masks, int size, MaskTargetRule rule) {
    constexpr const char* who = "mask_targets";
    if (size < 1 || size > 1024) throw ArgumentError(std::string(who) + ": the side of a mask must be in 1 .. 1024, got " + std::to_string(size));
    ops::RoiAlign cut;
    cut.size = size;
    cut.aligned = rule != MaskTargetRule::torchvision;

    const std::int64_t bins = std::int64_t(size) * size;
    Tensor targets(Shape{regions.positives, size, size}, DType::f32);
    std::vector<std::vector<std::int64_t>> of_truth(masks.size());  // for each truth: 2 entries a region, the region and its row of targets
    std::int64_t row = 0;
    for (std::size_t i = 0; i < regions.truth.size(); ++i) {
        const std::int32_t which = regions.truth[i];
        if (which < 0) continue;
        if (std::size_t(which) >= masks.size()) throw ShapeError(std::string(who) + ": region " + std::to_string(i) + " shows truth " + std::to_string(which) + ", there are masks of " + std::to_string(masks.size()));
        of_truth[std::size_t(which)].insert(of_truth[std::size_t(which)].end(), {std::int64_t(i), row++});
    }
    std::vector<float> plane;
    for (std::size_t which = 0; which < masks.size(); ++which) {
        if (of_truth[which].empty()) continue;
        const TruthMask& mask = masks[which];
        const bool by_rings = !mask.polygons.empty() && (rule == MaskTargetRule::detectron2 || (rule == MaskTargetRule::mmdetection && mask.bitmap.empty()));
        if (!by_rings) {
            if (mask.bitmap.empty()) throw ArgumentError(std::string(who) + ": truth " + std::to_string(which) + " has no bitmap; draw its rings into one of the picture's size (coco_truths)");
            const BitMask bits = rle_decode(mask.bitmap);
            plane.assign(bits.bits.begin(), bits.bits.end());
        }
        for (std::size_t i = 0; i < of_truth[which].size(); i += 2) {
            const float* const box = regions.boxes.data<float>() + 4 * of_truth[which][i];
            float* const to = targets.data<float>() + of_truth[which][i + 1] * bins;
            if (by_rings) {
                detail::fill_rings(mask.polygons, box, rule == MaskTargetRule::mmdetection ? 1 : 0.1, size, to);
                continue;
            }
            kernels::Box<float> from = kernels::load_box(box);
            if (rule == MaskTargetRule::mmdetection) from = kernels::clip_box(from, {float(mask.bitmap.height), float(mask.bitmap.width), 1.f, 1.f});
            detail::cut_out(cut, plane.data(), mask.bitmap.height, mask.bitmap.width, from, to);
            if (rule == MaskTargetRule::torchvision) continue;
            for (std::int64_t k = 0; k < bins; ++k) to[k] = to[k] >= 0.5f ? 1.f : 0.f;
        }
    }
    return targets;
}

REGULUS_INLINE Loss mask_loss(const Tensor& logits, const std::vector<RegionSample>& regions, const std::vector<Tensor>& targets, double weight) {
    constexpr const char* who = "mask_loss";
    const Shape& shape = logits.shape();
    std::int64_t rows = 0;
    for (const RegionSample& sample : regions) rows += sample.positives;
    if (logits.dtype() != DType::f32 || shape.rank() != 4 || shape[0] < rows || shape[1] < 1 || shape[2] != shape[3]) {
        throw ShapeError(std::string(who) + ": logits must be float32 [" + std::to_string(rows) + " regions or more, classes, size, size], got " + name_of(logits.dtype()) + " " + to_string(shape));
    }
    if (targets.size() != regions.size()) throw ShapeError(std::string(who) + ": there are regions of " + std::to_string(regions.size()) + " pictures and targets of " + std::to_string(targets.size()));

    const std::int64_t classes = shape[1], area = shape[2] * shape[3];
    const double part = weight / double(std::max<std::int64_t>(rows * area, 1));
    Loss loss{0, Tensor::zeros(shape)};
    std::int64_t row = 0;
    for (std::size_t picture = 0; picture < regions.size(); ++picture) {
        const RegionSample& sample = regions[picture];
        detail::need_shape(who, "targets", targets[picture], Shape{sample.positives, shape[2], shape[3]}, DType::f32);
        const float* target = targets[picture].data<float>();
        for (std::size_t i = 0; i < sample.truth.size(); ++i) {
            if (sample.truth[i] < 0) continue;
            const std::int64_t label = sample.labels.data<std::int32_t>()[i];
            if (classes > 1 && label >= classes) throw ShapeError(std::string(who) + ": a region has the label " + std::to_string(label) + ", the logits are " + to_string(shape));
            const std::int64_t at = (row++ * classes + (classes > 1 ? label : 0)) * area;
            for (std::int64_t k = 0; k < area; ++k) {
                const detail::Term term = detail::binary_term(double(logits.data<float>()[at + k]), double(*target++));
                loss.value += part * term.value;
                loss.gradient.data<float>()[at + k] = float(part * term.slope);
            }
        }
    }
    return loss;
}

}  // namespace regulus::train
