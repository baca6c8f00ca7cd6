#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/evaluate/coco_index.hpp>
#include <regulus/train/coco_truths.hpp>

namespace regulus::train {

namespace detail {

/// The label of a category, or -1.
inline std::int32_t label_of(const std::vector<std::pair<std::int64_t, std::int32_t>>& labels, std::int64_t category) {
    const auto found = std::lower_bound(labels.begin(), labels.end(), std::pair(category, std::int32_t{0}));
    return found == labels.end() || found->first != category ? -1 : found->second;
}

inline std::vector<std::vector<double>> closed_rings(const CocoAnnotation& annotation) {
    std::vector<std::vector<double>> rings;
    for (const std::vector<double>& ring : annotation.polygons) {
        if (ring.size() >= 6 && ring.size() % 2 == 0) rings.push_back(ring);
    }
    return rings;
}

inline bool is_mmdetection(TruthRule rule) { return rule == TruthRule::mmdetection || rule == TruthRule::mmdetection_rings; }

/// Whether a picture is learnt from.
inline bool worth_learning(const CocoDataset& dataset, const CocoImage& image, const std::vector<std::size_t>& annotations, const std::vector<std::pair<std::int64_t, std::int32_t>>& labels, TruthRule rule) {
    if (is_mmdetection(rule) && std::min(image.width, image.height) < 32) return false;
    return std::any_of(annotations.begin(), annotations.end(), [&](std::size_t i) {
        const CocoAnnotation& annotation = dataset.annotations[i];
        switch (rule) {
            case TruthRule::mmdetection:
            case TruthRule::mmdetection_rings: return label_of(labels, annotation.category_id) >= 0;
            case TruthRule::detectron2: return !annotation.iscrowd;
            case TruthRule::torchvision: break;
        }
        return annotation.bbox[2] > 1 && annotation.bbox[3] > 1;
    });
}

/// Whether an annotation of a class is looked at; crowds are sorted out later.
inline bool is_usable(const CocoAnnotation& annotation, const CocoImage& image, TruthRule rule) {
    const std::array<double, 4>& box = annotation.bbox;
    if (is_mmdetection(rule)) {
        const double width = std::min(box[0] + box[2], double(image.width)) - std::max(box[0], 0.0), height = std::min(box[1] + box[3], double(image.height)) - std::max(box[1], 0.0);
        return width > 0 && height > 0 && annotation.area > 0 && box[2] >= 1 && box[3] >= 1;
    }
    if (annotation.iscrowd) return false;
    return rule != TruthRule::detectron2 || annotation.polygons.empty() || !closed_rings(annotation).empty();
}

/// A box, x1 y1 x2 y2, in the changed picture.
using Corners = std::array<float, 4>;

/// A place of a picture in the changed one, by detectron2's steps: cut, scaled, cut, flipped.
struct PointChange {
    double part_x = 0, part_y = 0, by_x = 1, by_y = 1, shown_x = 0, shown_y = 0, width = 0, height = 0;
    bool is_flipped = false;

    PointChange(const CocoImage& image, const PictureChange& change) : width(double(change.size().width)), height(double(change.size().height)), is_flipped(change.is_flipped) {
        const PictureWindow part = change.part.value_or(PictureWindow{0, 0, image.height, image.width}), shown = change.shown.value_or(PictureWindow{});
        part_x = double(part.left), part_y = double(part.top);
        by_x = double(change.resized.width) / double(part.width), by_y = double(change.resized.height) / double(part.height);
        shown_x = double(shown.left), shown_y = double(shown.top);
    }

    double plain_x(double x) const { return (x - part_x) * by_x - shown_x; }
    double x(double at) const { return is_flipped ? width - plain_x(at) : plain_x(at); }
    double y(double at) const { return (at - part_y) * by_y - shown_y; }
};

/// detectron2's.
inline Corners moved_box(const Corners& box, const CocoImage& image, const PictureChange& change) {
    const PictureSize to = change.size();
    const PointChange moved(image, change);
    std::array<double, 4> exact{};
    for (std::size_t i = 0; i < 4; ++i) exact[i] = i % 2 == 0 ? moved.x(double(box[i])) : moved.y(double(box[i]));
    if (change.is_flipped) std::swap(exact[0], exact[2]);
    Corners corners{};
    for (std::size_t i = 0; i < 4; ++i) corners[i] = float(std::clamp(exact[i], 0.0, double(i % 2 == 0 ? to.width : to.height)));
    return corners;
}

/// Each in the precision of its source.
inline Corners changed_box(const std::array<double, 4>& box, const CocoImage& image, const PictureChange& change, TruthRule rule) {
    const PictureSize to = change.size();
    const float width = float(to.width), height = float(to.height);
    Corners corners{float(box[0]), float(box[1]), float(box[0]) + float(box[2]), float(box[1]) + float(box[3])};
    const auto clip = [&](float w, float h) {
        for (std::size_t i = 0; i < 4; ++i) corners[i] = std::clamp(corners[i], 0.f, i % 2 == 0 ? w : h);
    };
    const auto mirror = [&](float w) { corners = {w - corners[2], corners[1], w - corners[0], corners[3]}; };
    const double by_x = double(to.width) / double(image.width), by_y = double(to.height) / double(image.height);
    switch (rule) {
        case TruthRule::mmdetection:
        case TruthRule::mmdetection_rings:
            corners[2] = float(box[0] + box[2]), corners[3] = float(box[1] + box[3]);
            for (std::size_t i = 0; i < 4; ++i) corners[i] *= float(i % 2 == 0 ? by_x : by_y);
            clip(width, height);
            if (change.is_flipped) mirror(width);
            break;
        case TruthRule::detectron2: return moved_box(corners, image, change);
        case TruthRule::torchvision:
            clip(float(image.width), float(image.height));
            if (change.is_flipped) mirror(float(image.width));
            for (std::size_t i = 0; i < 4; ++i) corners[i] *= i % 2 == 0 ? width / float(image.width) : height / float(image.height);
            break;
    }
    return corners;
}

/// For each pixel of an axis that is resized the pixel that it shows.
inline std::vector<std::int64_t> nearest_pixels(std::int64_t from, std::int64_t to, TruthRule rule) {
    std::vector<std::int64_t> pixels;
    const double step = double(from) / double(to);
    double centre = step * 0.5;  // Pillow's, which adds one step after another
    for (std::int64_t i = 0; i < to; ++i, centre += step) {
        const double at = is_mmdetection(rule) ? double(i) * (1 / (double(to) / double(from))) : rule == TruthRule::detectron2 ? centre : double(float(i) * (float(from) / float(to)));
        pixels.push_back(std::min(std::int64_t(at), from - 1));
    }
    return pixels;
}

/// Of an axis of which `part` pixels from `part_begin` on are resized to `to`, the pixel that each of `shown` pixels from `begin` on shows; -1 for padding.
inline std::vector<std::int64_t> shown_pixels(std::int64_t part_begin, std::int64_t part, std::int64_t to, std::int64_t begin, std::int64_t shown, TruthRule rule) {
    const std::vector<std::int64_t> all = nearest_pixels(part, to, rule);
    std::vector<std::int64_t> pixels;
    for (std::int64_t i = begin; i < begin + shown; ++i) pixels.push_back(i < to ? part_begin + all[std::size_t(i)] : -1);
    return pixels;
}

inline Rle changed_bitmap(const Rle& mask, const PictureChange& change, TruthRule rule) {
    BitMask bits = rle_decode(mask);
    const auto flip = [&] {
        for (std::int64_t y = 0; change.is_flipped && y < bits.height; ++y) std::reverse(bits.bits.begin() + y * bits.width, bits.bits.begin() + (y + 1) * bits.width);
    };
    if (rule == TruthRule::torchvision) flip();
    const PictureWindow part = change.part.value_or(PictureWindow{0, 0, bits.height, bits.width}), shown = change.shown.value_or(PictureWindow{0, 0, change.resized.height, change.resized.width});
    const std::vector<std::int64_t> rows = shown_pixels(part.top, part.height, change.resized.height, shown.top, shown.height, rule);
    const std::vector<std::int64_t> columns = shown_pixels(part.left, part.width, change.resized.width, shown.left, shown.width, rule);
    BitMask changed{shown.height, shown.width, {}};
    changed.bits.reserve(rows.size() * columns.size());
    for (const std::int64_t row : rows) {
        for (const std::int64_t column : columns) changed.bits.push_back(row < 0 || column < 0 ? 0 : bits.bits[std::size_t(row * bits.width + column)]);
    }
    bits = std::move(changed);
    if (rule != TruthRule::torchvision) flip();
    return rle_encode(bits);
}

inline TruthMask changed_mask(CocoAnnotation annotation, const CocoImage& image, const PictureChange& change, TruthRule rule) {
    if (!annotation.polygons.empty()) annotation.polygons = closed_rings(annotation);
    const bool keeps_rings = rule == TruthRule::detectron2 || rule == TruthRule::mmdetection_rings;
    if (!keeps_rings || annotation.polygons.empty()) return {{}, changed_bitmap(coco_mask(annotation, image), change, rule)};
    const PointChange moved(image, change);
    for (std::vector<double>& ring : annotation.polygons) {
        for (std::size_t i = 0; i < ring.size(); ++i) ring[i] = i % 2 == 0 ? moved.x(ring[i]) : moved.y(ring[i]);
    }
    return {annotation.polygons, {}};
}

/// Cuts the rings of a mask at the picture's edges. What is left has this box; nothing when nothing is left.
inline std::optional<Corners> cut_mask(TruthMask& mask, PictureSize size) {
    const double width = double(size.width), height = double(size.height);
    std::array<double, 4> box{};
    if (mask.polygons.empty()) {
        if (rle_area(mask.bitmap) == 0) return std::nullopt;
        box = rle_box(mask.bitmap);
        box = {box[0], box[1], box[0] + box[2], box[1] + box[3]};
    } else {
        box = clipped_box(mask.polygons, width, height);
        for (std::vector<double>& ring : mask.polygons) ring = clipped(ring, width, height);
        std::erase_if(mask.polygons, [](const std::vector<double>& ring) { return ring.empty(); });
        if (mask.polygons.empty()) return std::nullopt;
    }
    return Corners{float(box[0]), float(box[1]), float(box[2]), float(box[3])};
}

/// Rows x y v of an annotation's points in the changed picture, float32 where its source computes so. mmdetection has no keypoints; it follows detectron2 here.
inline std::vector<float> changed_keypoints(const CocoAnnotation& annotation, const CocoImage& image, const PictureChange& change, TruthRule rule, const std::vector<int>& mirrored) {
    std::vector<float> changed(3 * mirrored.size(), 0.f);
    if (annotation.keypoints.empty()) return changed;
    if (annotation.keypoints.size() != changed.size()) {
        throw ArgumentError("coco truths: annotation " + std::to_string(annotation.id) + " has " + std::to_string(annotation.keypoints.size() / 3) + " keypoints, expected " + std::to_string(mirrored.size()));
    }
    const PointChange moved(image, change);
    for (std::size_t i = 0; i < mirrored.size(); ++i) {
        const double* const point = annotation.keypoints.data() + 3 * std::size_t(change.is_flipped ? mirrored[i] : int(i));
        if (!(point[2] > 0)) continue;
        if (rule == TruthRule::torchvision) {
            const PictureSize to = change.resized;
            const float x = float(point[0]), by_x = float(to.width) / float(image.width), by_y = float(to.height) / float(image.height);
            const float row[] = {(change.is_flipped ? float(image.width) - x : x) * by_x, float(point[1]) * by_y, float(point[2])};
            std::copy_n(row, 3, changed.data() + 3 * i);
            continue;
        }
        const double x = moved.x(point[0] + 0.5), y = moved.y(point[1] + 0.5);
        if (!(x >= 0 && x <= moved.width && y >= 0 && y <= moved.height)) continue;
        const float row[] = {float(x), float(y), float(point[2])};
        std::copy_n(row, 3, changed.data() + 3 * i);
    }
    return changed;
}

inline std::int64_t labelled_keypoints(const CocoDataset& dataset, const std::vector<std::size_t>& annotations) {
    std::int64_t count = 0;
    for (const std::size_t i : annotations) {
        const std::vector<double>& points = dataset.annotations[i].keypoints;
        for (std::size_t k = 2; k < points.size(); k += 3) count += points[k] > 0;
    }
    return count;
}

inline Tensor rows_of_corners(const std::vector<Corners>& boxes) {
    Tensor rows(Shape{std::int64_t(boxes.size()), 4}, DType::f32);
    for (std::size_t i = 0; i < boxes.size(); ++i) std::copy(boxes[i].begin(), boxes[i].end(), rows.data<float>() + 4 * i);
    return rows;
}

}  // namespace detail

REGULUS_INLINE CocoTruths::CocoTruths(CocoDataset dataset, const std::vector<std::int64_t>& category_ids, TruthRule rule, std::int64_t least_keypoints, bool all_pictures)
    : dataset_(std::move(dataset)), rule_(rule) {
    const std::string problem = coco_dataset_problem(dataset_);
    if (!problem.empty()) throw ArgumentError("coco truths: " + problem);
    for (std::size_t label = 0; label < category_ids.size(); ++label) labels_.emplace_back(category_ids[label], std::int32_t(label));
    std::sort(labels_.begin(), labels_.end());
    for (std::size_t i = 1; i < labels_.size(); ++i) {
        if (labels_[i].first == labels_[i - 1].first) throw ArgumentError("coco truths: the category " + std::to_string(labels_[i].first) + " stands for two labels");
    }
    const evaluate_detail::IdIndex index(dataset_.images);
    annotations_.resize(dataset_.images.size());
    for (std::size_t i = 0; i < dataset_.annotations.size(); ++i) {
        if (const auto place = index.find(dataset_.annotations[i].image_id)) annotations_[*place].push_back(i);
    }
    for (std::size_t i = 0; i < dataset_.images.size(); ++i) {
        const bool has_enough = least_keypoints <= 0 || detail::labelled_keypoints(dataset_, annotations_[i]) >= least_keypoints;
        if (all_pictures || (has_enough && detail::worth_learning(dataset_, dataset_.images[i], annotations_[i], labels_, rule_))) pictures_.push_back(i);
    }
}

REGULUS_INLINE const CocoImage& CocoTruths::checked_image(std::size_t place, const PictureChange& change) const {
    if (place >= dataset_.images.size()) throw ArgumentError("coco truths: there is no picture " + std::to_string(place) + ", the data set has " + std::to_string(dataset_.images.size()));
    const CocoImage& image = dataset_.images[place];
    const PictureSize resized = change.resized;
    if (resized.width < 1 || resized.height < 1 || image.width < 1 || image.height < 1) {
        throw ArgumentError("coco truths: picture " + std::to_string(image.id) + " of " + std::to_string(image.height) + " x " + std::to_string(image.width) + " pixels resized to " + std::to_string(resized.height) +
                            " x " + std::to_string(resized.width) + "; both need pixels");
    }
    check_change(change, {image.height, image.width}, "coco truths");
    return image;
}

REGULUS_INLINE PictureTruth CocoTruths::truth(std::size_t place, const PictureChange& change, bool with_masks, const std::vector<int>& mirrored) const {
    const CocoImage& image = checked_image(place, change);
    if (change.is_cut() && rule_ != TruthRule::detectron2) throw ArgumentError("coco truths: pictures are cut as detectron2 does it; its rule is another");
    const int points = int(mirrored.size());
    if (std::any_of(mirrored.begin(), mirrored.end(), [&](int point) { return point < 0 || point >= points; })) {
        throw ArgumentError("coco truths: of " + std::to_string(points) + " keypoints each must have one of them in its place in a mirror");
    }
    PictureTruth found;
    std::vector<detail::Corners> boxes, ignored;
    std::vector<std::int32_t> labels;
    std::vector<float> keypoints;
    for (const std::size_t i : annotations_[place]) {
        const CocoAnnotation& annotation = dataset_.annotations[i];
        const std::int32_t label = detail::label_of(labels_, annotation.category_id);
        if (label < 0 || !detail::is_usable(annotation, image, rule_)) continue;
        detail::Corners box = detail::changed_box(annotation.bbox, image, change, rule_);
        TruthMask mask;
        if (with_masks && change.is_cut()) {
            mask = detail::changed_mask(annotation, image, change, rule_);
            const std::optional<detail::Corners> left = detail::cut_mask(mask, change.size());
            if (!left) continue;
            box = *left;
        }
        const float least = rule_ == TruthRule::detectron2 ? 1e-5f : 0.f;
        if (!(box[2] - box[0] > least && box[3] - box[1] > least)) continue;
        const bool may_lack_rings = rule_ != TruthRule::mmdetection_rings && annotation.polygons.empty();  // a bitmap is as good
        const bool no_ring = with_masks && detail::is_mmdetection(rule_) && !may_lack_rings && detail::closed_rings(annotation).empty();
        if (annotation.iscrowd || no_ring) {
            ignored.push_back(box);
            continue;
        }
        if (with_masks) {
            if (!change.is_cut()) mask = detail::changed_mask(annotation, image, change, rule_);
            if (rule_ == TruthRule::detectron2 && mask.polygons.empty() && rle_area(mask.bitmap) == 0) continue;
            found.masks.push_back(std::move(mask));
        }
        if (points > 0) {
            const std::vector<float> own = detail::changed_keypoints(annotation, image, change, rule_, mirrored);
            keypoints.insert(keypoints.end(), own.begin(), own.end());
        }
        boxes.push_back(box);
        labels.push_back(label);
    }
    if (points > 0) {
        found.keypoints = Tensor(Shape{std::int64_t(labels.size()), points, 3}, DType::f32);
        std::copy(keypoints.begin(), keypoints.end(), found.keypoints.data<float>());
    }
    found.truth.boxes = detail::rows_of_corners(boxes);
    found.truth.ignored = detail::rows_of_corners(ignored);
    found.truth.labels = Tensor(Shape{std::int64_t(labels.size())}, DType::i32);
    std::copy(labels.begin(), labels.end(), found.truth.labels.data<std::int32_t>());
    return found;
}

REGULUS_INLINE Tensor CocoTruths::proposals(std::size_t place, const PictureChange& change, std::span<const std::array<float, 4>> given, std::int64_t limit) const {
    const CocoImage& image = checked_image(place, change);
    std::vector<detail::Corners> kept;
    for (std::size_t i = 0; i < given.size() && std::int64_t(kept.size()) < limit; ++i) {
        const detail::Corners& box = given[i];
        if (!std::all_of(box.begin(), box.end(), [](float corner) { return std::isfinite(corner); })) {
            throw ArgumentError("coco truths: given box " + std::to_string(i) + " of picture " + std::to_string(image.id) + " is not finite");
        }
        const detail::Corners moved = detail::moved_box(box, image, change);
        if (moved[2] > moved[0] && moved[3] > moved[1]) kept.push_back(moved);
    }
    return detail::rows_of_corners(kept);
}

}  // namespace regulus::train
