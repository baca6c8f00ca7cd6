#pragma once
// One row of mmdetection's tables of models, and how it becomes an entry of the zoo.
#include <string>
#include <utility>

#include <regulus/zoo/class_names.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace regulus::detail {

/// Colours and statistics of a training: RegNets of pycls see BGR, the ResNets of torchvision RGB.
enum class MmdetectionInput : std::uint8_t { pycls_bgr, imagenet_rgb };

struct MmdetectionRow {
    const char* config;        // mmdetection 2's name
    const char* architecture;
    Graph (*record)();
    MmdetectionInput input;
    double box_ap;             // published, percent; 0: not known here
    double mask_ap;
    const char* published;     // date and hash of the checkpoint; "" when not known here
};

/// mmdetection 3's spelling of a config of version 2: mask-rcnn_..., ms-3x, ms-poly-3x.
inline std::string mmdetection3_name(std::string name) {
    const auto replace = [&](const std::string& from, const std::string& to) {
        if (const std::size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
    };
    replace("cascade_", "cascade-");
    replace("mask_rcnn", "mask-rcnn");
    replace("faster_rcnn", "faster-rcnn");
    replace("mstrain-poly_3x", "ms-poly-3x");
    replace("mstrain_3x", "ms-3x");
    replace("x101_32x4d", "x101-32x4d");
    return name;
}

inline ModelSpec mmdetection_entry(const MmdetectionRow& row) {
    ModelSpec spec;
    spec.name = std::string("mmdetection/") + row.config;
    if (std::string alias = mmdetection3_name(row.config); alias != row.config) spec.aliases.push_back(std::move(alias));
    spec.code_base = "mmdetection";
    spec.architecture = row.architecture;
    spec.record = row.record;
    if (row.input == MmdetectionInput::imagenet_rgb) {
        spec.facts.preprocessing.channel_order = ChannelOrder::rgb;
        spec.facts.preprocessing.mean = {123.675f, 116.28f, 103.53f};
        spec.facts.preprocessing.std = {58.395f, 57.12f, 57.375f};
    }
    spec.facts.class_names = coco_classes();
    spec.facts.category_ids = coco_category_ids();
    spec.licence = "Apache-2.0";
    if (*row.published != '\0') spec.checkpoint = std::string(row.config) + "_" + row.published + ".pth";
    spec.box_ap = row.box_ap;
    spec.mask_ap = row.mask_ap;
    spec.data = "COCO 2017";
    return spec;
}

}  // namespace regulus::detail
