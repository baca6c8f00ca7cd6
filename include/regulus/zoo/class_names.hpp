#pragma once
// Class names of the data sets that the zoo's models were trained on.
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>

namespace regulus {

/// The 80 things of COCO, by label.
const std::vector<std::string>& coco_classes();
/// COCO's ids of the same, 1 .. 90 with gaps.
const std::vector<std::int64_t>& coco_category_ids();

/// The 17 points of a person in COCO, from the nose to the right ankle; right is the person's.
const std::vector<std::string>& coco_person_keypoints();
/// The 53 kinds of stuff of COCO's panoptic task and their ids, by label of a semantic head; label 0, "things" of id 0, is any thing.
const std::vector<std::string>& coco_stuff_classes();
const std::vector<std::int64_t>& coco_stuff_ids();

/// The 1230 categories of LVIS 0.5 by label, each by its first synonym; a category's id is its label + 1.
const std::vector<std::string>& lvis_0_5_classes();

/// The 20 classes of Pascal VOC, in alphabetical order.
const std::vector<std::string>& voc_classes();

/// The eight things of Cityscapes whose instances are told apart, by label, and the ids that its label images have for them.
const std::vector<std::string>& cityscapes_things();
const std::vector<std::int64_t>& cityscapes_thing_ids();

/// nut, washer, bolt, screw, pin: the parts of the demo.
const std::vector<std::string>& fastener_classes();

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/zoo/class_names-impl.hpp>
#include <regulus/zoo/lvis_classes-impl.hpp>
#endif
