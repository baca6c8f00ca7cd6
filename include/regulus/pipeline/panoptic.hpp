#pragma once
// Things and stuff of a picture in one map: each pixel belongs to one segment or to none.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/segment_map.hpp>
#include <regulus/evaluate/coco_panoptic.hpp>
#include <regulus/pipeline/detection.hpp>
#include <regulus/pipeline/semantic_labels.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace regulus {

/// A thing, or all of one stuff.
struct PanopticSegment {
    std::uint32_t id = 0;          ///< in the map, from 1
    bool is_thing = false;
    int label = 0;                 ///< the network's class: of its detections for a thing, of its semantic head for stuff
    std::string class_name;
    std::int64_t category_id = 0;  ///< the data set's id of the class
    float score = 0;               ///< of the detection; 0 for stuff, which has none
    std::int64_t area = 0;         ///< pixels in the map
    std::size_t detection = 0;     ///< of a thing: which of the detections it is
};

struct PanopticResult {
    DetectionList detections;  ///< all of them, also those that became no segment
    SegmentMap map;            ///< of the picture's size
    std::vector<PanopticSegment> segments;  ///< things by falling score, then stuff by label
};

/// Puts segments on a map one after the other, as detectron2 does.
class PanopticCanvas {
public:
    /// Throws ShapeError for a size that is no picture's.
    PanopticCanvas(PictureSize picture, const PanopticRule& rule);

    /// The free pixels of a thing become a segment, unless it has none at all, or more than rule.overlap of it is taken. Things come by falling score; from one below
    /// rule.score on all are refused. Throws ShapeError for a mask of another size.
    void add_thing(const Rle& mask, float score, int label);

    /// Of each label but 0 (any thing) the free pixels become a segment when there are rule.stuff_area of them or more. Throws ShapeError for a map of another size.
    void add_stuff(const LabelMap& semantic);

    const SegmentMap& map() const noexcept { return map_; }
    /// Ids, kinds, labels, scores, areas; `detection` counts the calls of add_thing before.
    const std::vector<PanopticSegment>& segments() const noexcept { return segments_; }

private:
    PanopticRule rule_;
    SegmentMap map_;
    std::vector<PanopticSegment> segments_;
    std::size_t things_ = 0;
    bool below_score_ = false;
};

/// Detections (with masks) and semantic labels of one picture as segments, with the facts' rule, names and ids. Throws ArgumentError for a detection without a mask,
/// ShapeError when the sizes differ.
PanopticResult combine_panoptic(DetectionList detections, const LabelMap& semantic, const ModelFacts& facts);

/// How many segments of each class, things first, each in the order of labels.
std::vector<std::pair<std::string, int>> class_counts(const PanopticResult& result);

/// "dog 0.98, 5210 pixels" or "grass, 70312 pixels".
std::string to_string(const PanopticSegment& segment);

/// The picture's entry in a file of COCO panoptic results; its PNG holds segments_as_colours(result.map).
PanopticAnnotation coco_panoptic(const PanopticResult& result, std::int64_t image_id, std::string file_name);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/panoptic-impl.hpp>
#endif
