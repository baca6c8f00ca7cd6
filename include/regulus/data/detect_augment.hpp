#pragma once
// What detectors are taught with: pictures of several sizes, mirrored or not. Everything random follows from a key; marks follow with flip.hpp.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/data/preprocess.hpp>

namespace regulus {

/// What is random about a training picture of a detector. The default is mmdetection's 1x: always 1333 x 800, half of them mirrored.
struct DetectAugmentation {
    struct Size {
        std::int64_t long_side = 1333;
        std::int64_t short_side = 800;

        friend bool operator==(const Size&, const Size&) = default;
    };
    std::vector<Size> sizes = std::vector<Size>(1);  ///< limits of the sides as Preprocessing has them
    bool between = false;         ///< any whole numbers between the least and the greatest (mmdetection's multiscale_mode "range"), not one of the list ("value"; detectron2's "choice")
    double flip = 0.5;            ///< probability of the mirrored picture
};

/// The random choices for a picture.
struct DetectView {
    DetectAugmentation::Size size;
    bool is_flipped = false;

    friend bool operator==(const DetectView&, const DetectView&) = default;
};

/// detectron2's short sides 640, 672, ..., 800 under a long one of 1333.
inline DetectAugmentation detectron2_augmentation() {
    DetectAugmentation augmentation;
    augmentation.sizes.clear();
    for (std::int64_t side = 640; side <= 800; side += 32) augmentation.sizes.push_back({1333, side});
    return augmentation;
}

/// The choices that follow from a key: the same on every machine. Throws ArgumentError for no sizes, sides < 1 and a probability outside 0 .. 1.
inline DetectView random_view(const DetectAugmentation& augmentation, std::uint64_t key) {
    using Size = DetectAugmentation::Size;
    const std::vector<Size>& sizes = augmentation.sizes;
    if (sizes.empty()) throw ArgumentError("random_view: there are no sizes to choose from");
    for (const Size& size : sizes) {
        if (size.long_side < 1 || size.short_side < 1) throw ArgumentError("random_view: sides must be positive, got " + std::to_string(size.long_side) + " x " + std::to_string(size.short_side));
    }
    if (!(augmentation.flip >= 0 && augmentation.flip <= 1)) throw ArgumentError("random_view: flip is a probability, got " + std::to_string(augmentation.flip));
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
    return view;
}

/// The preprocessing with a view's size.
inline Preprocessing with_size(Preprocessing preprocessing, const DetectAugmentation::Size& size) {
    preprocessing.long_side = size.long_side;
    preprocessing.short_side = size.short_side;
    return preprocessing;
}

}  // namespace regulus
