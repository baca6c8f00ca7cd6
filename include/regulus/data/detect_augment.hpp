#pragma once
// What detectors are taught with: pictures of several sizes, cut or whole, mirrored or not. Everything random follows from a key; marks follow with flip.hpp.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/data/picture_change.hpp>
#include <regulus/data/preprocess.hpp>

namespace regulus {

/// What is random about a training picture of a detector. The default is mmdetection's 1x: always 1333 x 800, half of them mirrored.
struct DetectAugmentation {
    struct Size {
        std::int64_t long_side = 1333;
        std::int64_t short_side = 800;

        friend bool operator==(const Size&, const Size&) = default;
    };
    /// Large scale jitter: the picture is made to fit into a square of `side` times a random number, of which a square of `side` is shown.
    struct Jitter {
        double least = 0.1, greatest = 2;
        std::int64_t side = 1024;
    };
    std::vector<Size> sizes = std::vector<Size>(1);  ///< limits of the sides as Preprocessing has them
    bool between = false;         ///< any whole numbers between the least and the greatest (mmdetection's multiscale_mode "range"), not one of the list ("value"; detectron2's "choice")
    double flip = 0.5;            ///< probability of the mirrored picture
    double least_part = 1;        ///< of a picture's height, and of its width, that is cut out before it is resized (detectron2's RandomCrop "relative_range"); 1: all
    std::optional<Jitter> jitter = {};  ///< in place of the sizes (detectron2's ResizeScale and FixedSizeCrop)
};

/// The random choices for a picture.
struct DetectView {
    DetectAugmentation::Size size;
    bool is_flipped = false;
    std::array<double, 2> part = {1, 1};   ///< of its height and width that is cut out
    std::array<double, 2> place = {0, 0};  ///< where: from 0, at the top and at the left, to 1
    std::int64_t side = 0;                 ///< of the jittered picture; 0: none
    double scale = 1, offset = 0;          ///< by which that is enlarged, and which square is shown: from 0 to 1

    friend bool operator==(const DetectView&, const DetectView&) = default;
};

/// detectron2's short sides 640, 672, ..., 800 (or others, 32 apart) under a long one of 1333.
inline DetectAugmentation detectron2_augmentation(std::int64_t least = 640, std::int64_t greatest = 800, std::int64_t long_side = 1333) {
    DetectAugmentation augmentation;
    augmentation.sizes.clear();
    for (std::int64_t side = least; side <= greatest; side += 32) augmentation.sizes.push_back({long_side, side});
    return augmentation;
}

/// The choices that follow from a key: the same on every machine. Throws ArgumentError for no sizes, sides < 1, a probability outside 0 .. 1, and for parts and scales that are not
/// above 0 or go beyond 1 and 100.
inline DetectView random_view(const DetectAugmentation& augmentation, std::uint64_t key) {
    using Size = DetectAugmentation::Size;
    const std::vector<Size>& sizes = augmentation.sizes;
    if (sizes.empty()) throw ArgumentError("random_view: there are no sizes to choose from");
    for (const Size& size : sizes) {
        if (size.long_side < 1 || size.short_side < 1) throw ArgumentError("random_view: sides must be positive, got " + std::to_string(size.long_side) + " x " + std::to_string(size.short_side));
    }
    if (!(augmentation.flip >= 0 && augmentation.flip <= 1)) throw ArgumentError("random_view: flip is a probability, got " + std::to_string(augmentation.flip));
    if (!(augmentation.least_part > 0 && augmentation.least_part <= 1)) throw ArgumentError("random_view: least_part is a part of a side, got " + std::to_string(augmentation.least_part));
    RandomStream random(key);
    DetectView view;
    if (augmentation.between) {
        const auto within = [&](std::int64_t Size::*side) {
            const auto [least, greatest] = std::minmax_element(sizes.begin(), sizes.end(), [&](const Size& a, const Size& b) { return a.*side < b.*side; });
            return (*least).*side + std::int64_t(random.below(std::uint64_t((*greatest).*side - (*least).*side) + 1));
        };
        view.size.long_side = within(&Size::long_side);
        view.size.short_side = within(&Size::short_side);
    } else {
        view.size = sizes[std::size_t(random.below(sizes.size()))];
    }
    view.is_flipped = random.uniform() < augmentation.flip;
    if (augmentation.least_part < 1) {
        for (double& part : view.part) part = augmentation.least_part + random.uniform() * (1 - augmentation.least_part);
        for (double& place : view.place) place = random.uniform();
    }
    if (augmentation.jitter) {
        const DetectAugmentation::Jitter& jitter = *augmentation.jitter;
        if (!(jitter.least > 0 && jitter.least <= jitter.greatest && jitter.greatest <= 100 && jitter.side >= 1)) {
            throw ArgumentError("random_view: a jitter has scales of 0 to 100, the least first, and a side, got " + std::to_string(jitter.least) + " .. " + std::to_string(jitter.greatest) + " and " + std::to_string(jitter.side));
        }
        view.side = jitter.side;
        view.scale = jitter.least + random.uniform() * (jitter.greatest - jitter.least);
        view.offset = random.uniform();
    }
    return view;
}

/// The preprocessing with a view's size.
inline Preprocessing with_size(Preprocessing preprocessing, const DetectAugmentation::Size& size) {
    preprocessing.long_side = size.long_side;
    preprocessing.short_side = size.short_side;
    return preprocessing;
}

/// What a view makes of a picture of this size; sides are limited as the preprocessing does it. Throws ShapeError for a picture without pixels.
inline PictureChange change_of(const DetectView& view, PictureSize size, const Preprocessing& preprocessing) {
    if (size.height < 1 || size.width < 1) throw ShapeError("change_of: a picture has no pixels");
    PictureChange change;
    change.is_flipped = view.is_flipped;
    if (view.part != std::array<double, 2>{1, 1}) {
        PictureWindow part;
        const auto cut = [](std::int64_t side, double share, double place, std::int64_t& begin, std::int64_t& taken) {
            taken = std::clamp<std::int64_t>(std::int64_t(double(side) * share + 0.5), 1, side);
            begin = std::min(std::int64_t(place * double(side - taken + 1)), side - taken);
        };
        cut(size.height, view.part[0], view.place[0], part.top, part.height);
        cut(size.width, view.part[1], view.place[1], part.left, part.width);
        change.part = part;
        size = {part.height, part.width};
    }
    if (view.side > 0) {
        const double scale = double(view.side) * view.scale / double(std::max(size.height, size.width));
        const auto scaled = [&](std::int64_t side) { return std::max<std::int64_t>(1, std::int64_t(std::nearbyint(double(side) * scale))); };
        change.resized = {scaled(size.height), scaled(size.width)};
        const auto begin = [&](std::int64_t side) { return std::int64_t(std::nearbyint(double(std::max<std::int64_t>(side - view.side, 0)) * view.offset)); };
        change.shown = PictureWindow{begin(change.resized.height), begin(change.resized.width), view.side, view.side};
        return change;
    }
    change.resized = resized_size(size, with_size(preprocessing, view.size));
    return change;
}

}  // namespace regulus
