#pragma once
// What is to be found in the pictures of a COCO data set: labels, boxes, masks and keypoints, changed with the pictures.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <regulus/data/picture_change.hpp>
#include <regulus/evaluate/coco_dataset.hpp>
#include <regulus/train/mask_loss.hpp>

namespace regulus::train {

/// Whose choice of pictures and annotations, and whose arithmetic.
enum class TruthRule : std::uint8_t {
    /// Pictures with an annotation of the classes and no side below 32. Without the annotations of no area, of a width or height below 1 and beyond the picture. Boxes are
    /// clipped to the picture, crowds become ignored regions. Masks are bitmaps: drawn at the original size, resized to the nearest pixel as OpenCV does.
    mmdetection,
    /// The same, but masks are rings (poly2mask=False, as configurations with "poly" in their names have it); annotations without any become ignored regions.
    mmdetection_rings,
    /// Pictures with an annotation that is no crowd. Without crowds and without the annotations whose rings all have fewer than three points; boxes are clipped, those with a
    /// side of 1e-5 or less go. Masks are rings; run lengths become bitmaps, resized to the nearest pixel as Pillow does. Keypoints are pixels, of which the centre is meant: 0.5
    /// is added; those outside the picture are not labelled.
    detectron2,
    /// Pictures with a box that is wider and higher than 1. Without crowds; boxes are clipped, those without area go. A picture is flipped before it is resized. Masks are
    /// bitmaps, resized to the nearest pixel as torch does.
    torchvision,
};

/// What is in one picture. Masks are empty unless they were asked for, else one a truth; so are keypoints. Labels of pixels come from panoptic files (semantic_truth()).
struct PictureTruth {
    Truth2d truth;
    std::vector<TruthMask> masks{};
    Tensor keypoints{};  // [truths, points, 3]: x y in network pixels, and 1 or 2 for labelled points; 0 0 0 for others
    Tensor semantic{};   // [height, width] u8, without padding: the label of each pixel, 255 for none
};

/// A data set to learn from.
class CocoTruths {
public:
    /// `category_ids[label]` is the data set's id of a class (ModelFacts::category_ids); annotations of other categories are left out. So are pictures in which fewer than
    /// `least_keypoints` points are labelled (detectron2's Keypoint R-CNN: 1, torchvision's: 10). With `all_pictures` none is left out (detectron2's Panoptic FPN).
    /// Throws ArgumentError for an id that stands there twice, and for what coco_dataset_problem() finds.
    CocoTruths(CocoDataset dataset, const std::vector<std::int64_t>& category_ids, TruthRule rule, std::int64_t least_keypoints = 0, bool all_pictures = false);

    const CocoDataset& dataset() const noexcept { return dataset_; }
    /// Places in dataset().images of the pictures to learn from, in their order.
    const std::vector<std::size_t>& pictures() const noexcept { return pictures_; }

    /// The truth of the picture at that place in dataset().images, in the pixels of the changed picture. In a picture that was cut, boxes are those round what is left of the masks
    /// where there are any, as detectron2 has it; the other rules have no cuts. Keypoints are asked for by `mirrored`, which says for each point which one takes its place in a mirror
    /// (mirrored_keypoints); annotations without any have no labelled ones.
    /// Throws ArgumentError for a place that there is not, a size without pixels, a cut by another rule, with masks for an annotation that has none or one that cannot be drawn, and
    /// with keypoints for an annotation that has another number of them, and for a number in `mirrored` that is no point's.
    PictureTruth truth(std::size_t image, const PictureChange& change, bool with_masks = false, const std::vector<int>& mirrored = {}) const;

    /// Boxes x1 y1 x2 y2 that are given for that picture, best first, in the pixels of the changed picture: clipped to it, of those that are left with a width and a height the
    /// first `limit`, [p, 4]. Throws ArgumentError as truth() does, and for a box that is not finite.
    /// Source: detectron2's precomputed proposals, whatever the rule.
    Tensor proposals(std::size_t image, const PictureChange& change, std::span<const std::array<float, 4>> given, std::int64_t limit) const;

private:
    const CocoImage& checked_image(std::size_t image, const PictureChange& change) const;

    CocoDataset dataset_;
    std::vector<std::pair<std::int64_t, std::int32_t>> labels_;  // category and label, rising
    std::vector<std::vector<std::size_t>> annotations_;          // of each picture
    std::vector<std::size_t> pictures_;
    TruthRule rule_;
};

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/coco_truths-impl.hpp>
#endif
