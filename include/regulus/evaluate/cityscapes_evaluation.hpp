#pragma once
// Average precision of instances on Cityscapes, as its own scripts compute it.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/rle.hpp>
#include <regulus/data/segment_map.hpp>
#include <regulus/evaluate/coco_dataset.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>

namespace regulus {

/// A class that is judged: its label id, 24 to 33, and its name.
struct CityscapesClass {
    std::int64_t id = 0;
    const char* name = "";
};

/// person, rider, car, truck, bus, train, motorcycle, bicycle.
std::span<const CityscapesClass> cityscapes_classes();

/// One instance that was found.
struct CityscapesInstance {
    std::int64_t label = 0;  ///< id of its class; others than cityscapes_classes() count for nothing
    double confidence = 0;
    Rle mask;
};

/// What is left of a picture once masks were compared.
struct CityscapesPicture {
    struct Truth {
        std::int64_t label = 0;
        std::int64_t pixels = 0;
        bool group = false;  ///< several objects that nobody told apart: neither found nor missed
    };
    struct Overlap {
        std::size_t truth = 0;
        std::int64_t pixels = 0;
    };
    struct Found {
        std::int64_t label = 0;
        double confidence = 0;
        std::int64_t pixels = 0;
        std::int64_t on_void = 0;       ///< pixels where the annotation says nothing
        std::vector<Overlap> overlaps;  ///< with truths of its class
    };
    std::vector<Truth> truths;
    std::vector<Found> found;  ///< those of the judged classes that have pixels
};

struct CityscapesEvaluation {
    std::int64_t images = 0;
    std::int64_t detections = 0;
    std::vector<std::int64_t> truths;  ///< objects to find of each of cityscapes_classes(), with 100 pixels or more
    std::vector<double> thresholds;    ///< 0.50, 0.55, ..., 0.95
    std::vector<double> ap;            ///< [classes, thresholds]; -1 for a class that is on no picture
    std::vector<CocoNumber> numbers;   ///< AP, AP50: means over classes; -1 where there is nothing to find

    double ap_at(std::size_t class_index, std::size_t threshold) const { return ap.at(class_index * thresholds.size() + threshold); }
    /// Mean over the thresholds.
    double class_ap(std::size_t class_index) const;
    /// The number of that name. Throws ArgumentError, with the names there are, when there is none.
    double number(std::string_view name) const;
};

/// Compares what was found with the ids of the picture's instanceIds file: id / 1000 is an instance's class, a smaller id a class as a whole. `name` stands for the picture
/// in messages. Throws ShapeError for a mask of another size, ArgumentError for a confidence that is not finite.
CityscapesPicture judge_cityscapes_picture(const SegmentMap& truth, std::span<const CityscapesInstance> found, const std::string& name);

/// From pictures to curves and numbers. An instance is found by a mask that overlaps it by more than the threshold; of several the most confident is right. A mask that finds
/// nothing is wrong, unless more of it than the threshold lies on void, groups and objects below 100 pixels.
/// Throws ArgumentError for a picture that contradicts itself.
CityscapesEvaluation sum_cityscapes(std::span<const CityscapesPicture> pictures);

/// The objects of an instanceIds file as annotations of COCO's kind, to learn from: those of cityscapes_classes(), whose label ids are the categories, with their pixels as run lengths
/// and the box round them; groups are crowds. Ids of annotations and picture are left 0.
std::vector<CocoAnnotation> cityscapes_annotations(const SegmentMap& truth);

/// A heading and the numbers; a line for each class: name, objects, AP, AP50. Percent with two digits.
std::string cityscapes_table(const CityscapesEvaluation& evaluation);
std::string cityscapes_class_table(const CityscapesEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/cityscapes_evaluation-impl.hpp>
#endif
