#pragma once
// What classifiers are taught with: a random part of each picture, mirrored or not, under another light. Everything random follows from a key.
#include <array>
#include <cstdint>
#include <span>

#include <regulus/core/config.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/data/classify_preprocess.hpp>

namespace regulus {

/// Whose rule for the random part.
enum class RandomCrop : std::uint8_t {
    pycls,        ///< the ratio of its sides uniform, sides exchanged half the times; never at the far end of an axis that it does not fill
    torchvision,  ///< the ratio's logarithm uniform; mmpretrain's too
};

/// What is random. The defaults are those of pycls; torchvision has no lighting.
struct ClassifyAugmentation {
    RandomCrop rule = RandomCrop::pycls;
    std::array<double, 2> area{0.08, 1};                ///< least and greatest part of the picture
    std::array<double, 2> ratio{3.0 / 4.0, 4.0 / 3.0};  ///< width by height
    int tries = 10;                                     ///< until a part lies inside; then it is the middle, as much as the ratio allows (pycls: as for validation, short_side = crop)
    double flip = 0.5;                                  ///< probability of the mirrored picture
    /// Deviation of the factors of the three directions in which the colours of ImageNet's pictures vary, of values / 255; 0: none. mmpretrain's 25.5 of values up to 255 is 0.1 here.
    double lighting = 0.1;
};

/// The random choices for a picture.
struct ClassifyView {
    std::int64_t top = 0, left = 0, height = 0, width = 0;  ///< the part
    bool is_middle = false;                                 ///< pycls's last resort: the whole picture, its short side resized to the crop, of that the middle
    bool is_flipped = false;
    std::array<double, 3> light{};                          ///< added to red, green and blue, of values / 255

    friend bool operator==(const ClassifyView&, const ClassifyView&) = default;
};

/// The choices that follow from a key: the same on every machine. Keys of a training are random_key(random_key(seed, epoch), index).
/// Throws ShapeError for a picture without pixels, ArgumentError for an augmentation out of range.
/// Source: Szegedy et al., Going Deeper with Convolutions, CVPR 2015 (crops); Krizhevsky et al., ImageNet Classification with Deep CNNs, NIPS 2012 (lighting).
ClassifyView random_view(PictureSize size, const ClassifyAugmentation& augmentation, std::uint64_t key);

/// Such a view as the network sees it, [3, crop, crop] float32 at `planes`: cut out, resized with the resizer of `preprocessing` (pycls: on float32 values), mirrored,
/// lighted, normalised. Throws ShapeError for a view that is not in the picture, and as classify_preprocess does.
void write_view(const Image& image, const ClassifyView& view, const ClassifyPreprocessing& preprocessing, float* planes);

/// The network's input [n, 3, crop, crop] of pictures of any sizes, a key for each. Throws as random_view and write_view do, ArgumentError for another number of keys.
Tensor classify_augment(std::span<const Image> images, std::span<const std::uint64_t> keys, const ClassifyPreprocessing& preprocessing, const ClassifyAugmentation& augmentation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/classify_augment-impl.hpp>
#endif
