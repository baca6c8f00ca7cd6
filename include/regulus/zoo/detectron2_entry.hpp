#pragma once
// One row of detectron2's tables of models, how it becomes an entry of the zoo, and the network that most of the tables have.
#include <cstdint>
#include <string>

#include <regulus/models/mask_rcnn.hpp>
#include <regulus/zoo/class_names.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace regulus::detail::detectron2 {

/// The ResNets of Caffe see differences from the mean, the others see them divided by the deviations; all see BGR.
enum class Input : std::uint8_t { caffe, divided };

struct Row {
    const char* config;
    const char* architecture;
    Graph (*record)();
    Input input;
    double box_ap;  // published, percent; 0: not known here
    double mask_ap;
    const char* hash;  // of the published model_final_HASH.pkl; "" when not known here
};

template <class Backbone, const RcnnSizes& Sizes = rcnn_sizes, int Classes = 80>
struct Mask : MaskRcnn<Backbone, 256, Classes, Sizes> {
    static constexpr RcnnSettings settings = detectron2_rcnn;
};

inline ModelSpec entry(const Row& row) {
    ModelSpec spec;
    spec.name = std::string("detectron2/") + row.config;
    spec.code_base = "detectron2";
    spec.architecture = row.architecture;
    spec.record = row.record;
    Preprocessing& preprocessing = spec.facts.preprocessing;
    preprocessing.resize_rule = ResizeRule::detectron2_short;
    preprocessing.interpolation = Interpolation::pillow_bilinear;
    if (row.input == Input::caffe) preprocessing.std = {1, 1, 1};
    spec.facts.clips_boxes = true;
    spec.facts.class_names = coco_classes();
    spec.facts.category_ids = coco_category_ids();
    spec.licence = "CC BY-SA 3.0";
    if (*row.hash != '\0') spec.checkpoint = std::string("model_final_") + row.hash + ".pkl";
    spec.box_ap = row.box_ap;
    spec.mask_ap = row.mask_ap;
    spec.data = "COCO 2017";
    return spec;
}

}  // namespace regulus::detail::detectron2
