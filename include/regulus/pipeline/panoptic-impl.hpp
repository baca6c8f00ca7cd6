#pragma once
#include <regulus/pipeline/panoptic.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <map>
#include <numeric>

namespace regulus {
namespace detail::panoptic {

/// Calls body(first, last) for each run of pixels that are on: places in a map of the mask's size, of one column, `width` apart.
template <class Body>
void for_each_run(const Rle& mask, Body&& body) {
    std::int64_t at = 0;  // columns one after another
    bool on = false;
    for (const std::uint32_t count : mask.counts) {
        for (std::int64_t left = count; left > 0;) {
            const std::int64_t y = at % mask.height, length = std::min(left, mask.height - y);
            if (on) {
                const std::size_t first = std::size_t(y * mask.width + at / mask.height);
                body(first, first + std::size_t(length * mask.width));
            }
            at += length;
            left -= length;
        }
        on = !on;
    }
}

inline std::string in_words(PictureSize size) { return std::to_string(size.height) + " x " + std::to_string(size.width); }

}  // namespace detail::panoptic

REGULUS_INLINE PanopticCanvas::PanopticCanvas(PictureSize picture, const PanopticRule& rule) : rule_(rule), map_{picture.height, picture.width, {}} {
    if (picture.height < 0 || picture.width < 0 || (picture.width > 0 && picture.height > PTRDIFF_MAX / 4 / picture.width))
        throw ShapeError("panoptic: " + detail::panoptic::in_words(picture) + " is not a picture size");
    map_.ids.resize(std::size_t(picture.height * picture.width));
}

REGULUS_INLINE void PanopticCanvas::add_thing(const Rle& mask, float score, int label) {
    check_rle(mask);
    if (mask.height != map_.height || mask.width != map_.width) {
        throw ShapeError("panoptic: a mask of " + detail::panoptic::in_words({mask.height, mask.width}) + " pixels on a picture of " + detail::panoptic::in_words(map_.size()));
    }
    const std::size_t number = things_++;
    below_score_ = below_score_ || score < rule_.score;
    if (below_score_) return;
    const std::size_t step = std::size_t(map_.width);
    std::int64_t area = 0, taken = 0;
    detail::panoptic::for_each_run(mask, [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; i += step) ++area, taken += map_.ids[i] != 0 ? 1 : 0;
    });
    if (area == 0 || double(taken) / double(area) > double(rule_.overlap) || taken == area) return;
    const std::uint32_t id = std::uint32_t(segments_.size()) + 1;
    detail::panoptic::for_each_run(mask, [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; i += step) map_.ids[i] = map_.ids[i] == 0 ? id : map_.ids[i];
    });
    segments_.push_back({id, true, label, {}, 0, score, area - taken, number});
}

REGULUS_INLINE void PanopticCanvas::add_stuff(const LabelMap& semantic) {
    if (semantic.size() != map_.size() || semantic.labels.size() != map_.ids.size())
        throw ShapeError("panoptic: semantic labels of " + detail::panoptic::in_words(semantic.size()) + " pixels on a picture of " + detail::panoptic::in_words(map_.size()));
    std::array<std::int64_t, 256> free = {};
    for (std::size_t i = 0; i < map_.ids.size(); ++i) free[semantic.labels[i]] += map_.ids[i] == 0 ? 1 : 0;
    std::array<std::uint32_t, 256> ids = {};
    for (std::size_t label = 1; label < free.size(); ++label) {
        if (free[label] == 0 || free[label] < rule_.stuff_area) continue;
        ids[label] = std::uint32_t(segments_.size()) + 1;
        segments_.push_back({ids[label], false, int(label), {}, 0, 0, free[label], 0});
    }
    for (std::size_t i = 0; i < map_.ids.size(); ++i) {
        if (map_.ids[i] == 0) map_.ids[i] = ids[semantic.labels[i]];
    }
}

REGULUS_INLINE PanopticResult combine_panoptic(DetectionList detections, const LabelMap& semantic, const ModelFacts& facts) {
    std::vector<std::size_t> order(detections.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return detections[a].score > detections[b].score; });
    PanopticCanvas canvas(detections.picture, facts.panoptic);
    for (const std::size_t i : order) {
        const Detection& detection = detections[i];
        if (detection.score < facts.panoptic.score) break;
        canvas.add_thing(detection.mask_rle(), detection.score, detection.label);
    }
    canvas.add_stuff(semantic);
    PanopticResult result{std::move(detections), canvas.map(), canvas.segments()};
    for (PanopticSegment& segment : result.segments) {
        if (segment.is_thing) segment.detection = order[segment.detection];
        segment.class_name = segment.is_thing ? facts.class_name(segment.label) : facts.stuff_name(segment.label);
        segment.category_id = segment.is_thing ? facts.category_id(segment.label) : facts.stuff_id(segment.label);
    }
    return result;
}

REGULUS_INLINE std::vector<std::pair<std::string, int>> class_counts(const PanopticResult& result) {
    std::map<std::pair<bool, int>, std::pair<std::string, int>> by_label;
    for (const PanopticSegment& segment : result.segments) {
        auto& entry = by_label[{!segment.is_thing, segment.label}];
        entry.first = segment.class_name;
        ++entry.second;
    }
    std::vector<std::pair<std::string, int>> counts;
    for (auto& [label, entry] : by_label) counts.push_back(std::move(entry));
    return counts;
}

REGULUS_INLINE std::string to_string(const PanopticSegment& segment) {
    char score[32] = "";
    if (segment.is_thing) std::snprintf(score, sizeof score, " %.2f", double(segment.score));
    return segment.class_name + score + ", " + std::to_string(segment.area) + (segment.area == 1 ? " pixel" : " pixels");
}

REGULUS_INLINE PanopticAnnotation coco_panoptic(const PanopticResult& result, std::int64_t image_id, std::string file_name) {
    PanopticAnnotation annotation{image_id, std::move(file_name), {}};
    for (const PanopticSegment& segment : result.segments) annotation.segments.push_back({std::int64_t(segment.id), segment.category_id, segment.area, false});
    return annotation;
}

}  // namespace regulus
