#pragma once
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/keypoint_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/retina_net.hpp>
#include <regulus/zoo/class_names.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::torchvision {

/// torchvision's builders take the epsilon out of all frozen norms when they load the first version of its weights.
template <class Model>
struct WithoutEpsilon : Model {
    template <class Settings>
    void operator()(const Scope& scope, const ImageInput<3>& input, const Settings& chosen) const {
        Model::operator()(scope.with_norm_eps(0), input, chosen);
    }
};

using Backbone = ResNet<resnet_50>;

/// 90 classes, of which ten never occur: the numbers of COCO's categories.
template <const RcnnSizes& Sizes = rcnn_sizes>
struct Faster : FasterRcnn<Backbone, 256, 90, Sizes> {
    static constexpr RcnnSettings settings = torchvision_rcnn;
};
template <const RcnnSizes& Sizes = rcnn_sizes>
struct Mask : MaskRcnn<Backbone, 256, 90, Sizes> {
    static constexpr RcnnSettings settings = torchvision_rcnn;
};
struct Persons : KeypointRcnn<Backbone> {
    static constexpr RcnnSettings settings = torchvision_rcnn;
};
/// 91 classes: the channel of the background is there, and never learnt.
template <const RetinaSizes& Sizes>
struct Retina : RetinaNet<Backbone, 256, 91, Sizes> {
    static constexpr RetinaSettings settings = torchvision_retina;
};

struct Row {
    const char* name;
    const char* architecture;
    Graph (*record)();
    std::int64_t first_category;  // of label 0
    double box_ap;                // published, percent
    double mask_ap;
    const char* hash;             // of the published NAME_coco-HASH.pth
};

inline ModelSpec entry(const Row& row) {
    ModelSpec spec;
    spec.name = std::string("torchvision/") + row.name;
    spec.code_base = "torchvision";
    spec.architecture = row.architecture;
    spec.record = row.record;
    Preprocessing& preprocessing = spec.facts.preprocessing;
    preprocessing.resize_rule = ResizeRule::torchvision_short;
    preprocessing.interpolation = Interpolation::torch_bilinear;
    preprocessing.channel_order = ChannelOrder::rgb;
    preprocessing.divisor = 255;
    preprocessing.mean = {0.485f, 0.456f, 0.406f};
    preprocessing.std = {0.229f, 0.224f, 0.225f};
    spec.facts.paste_rule = PasteRule::torchvision;
    spec.facts.multiplies_boxes = true;
    for (std::int64_t id = row.first_category; id <= 90; ++id) {
        spec.facts.category_ids.push_back(id);
        spec.facts.class_names.push_back(id == 0 ? "__background__" : "N/A");
    }
    for (std::size_t i = 0; i < coco_classes().size(); ++i) spec.facts.class_names[std::size_t(coco_category_ids()[i] - row.first_category)] = coco_classes()[i];
    spec.licence = "BSD-3-Clause";
    spec.checkpoint = std::string(row.name) + "_coco-" + row.hash + ".pth";
    spec.box_ap = row.box_ap;
    spec.mask_ap = row.mask_ap;
    spec.data = "COCO 2017";
    return spec;
}

}  // namespace detail::torchvision

REGULUS_INLINE std::vector<ModelSpec> torchvision_detectors() {
    using namespace detail::torchvision;
    const Row rows[] = {
        {"fasterrcnn_resnet50_fpn", "Faster R-CNN, ResNet-50, FPN", [] { return recorded<WithoutEpsilon<Faster<>>>(); }, 1, 37.0, 0, "258fb6c6"},
        {"fasterrcnn_resnet50_fpn_v2", "Faster R-CNN, ResNet-50, FPN, batch norm", [] { return recorded<Faster<torchvision_rcnn_v2_sizes>>(); }, 1, 46.7, 0, "dd69338a"},
        {"maskrcnn_resnet50_fpn", "Mask R-CNN, ResNet-50, FPN", [] { return recorded<WithoutEpsilon<Mask<>>>(); }, 1, 37.9, 34.6, "bf2d0c1e"},
        {"maskrcnn_resnet50_fpn_v2", "Mask R-CNN, ResNet-50, FPN, batch norm", [] { return recorded<Mask<torchvision_rcnn_v2_sizes>>(); }, 1, 47.4, 41.8, "73cbd019"},
        {"retinanet_resnet50_fpn", "RetinaNet, ResNet-50, FPN", [] { return recorded<WithoutEpsilon<Retina<torchvision_retina_sizes>>>(); }, 0, 36.4, 0, "eeacb38b"},
        {"retinanet_resnet50_fpn_v2", "RetinaNet, ResNet-50, FPN, group norm", [] { return recorded<Retina<torchvision_retina_v2_sizes>>(); }, 0, 41.5, 0, "5905b1c5"},
    };
    std::vector<ModelSpec> models;
    for (const Row& row : rows) models.push_back(entry(row));
    ModelSpec persons = entry({"keypointrcnn_resnet50_fpn", "Keypoint R-CNN, ResNet-50, FPN", [] { return recorded<WithoutEpsilon<Persons>>(); }, 1, 54.6, 0, "fc266e95"});
    persons.keypoint_ap = 65.0;
    persons.facts.class_names = {"person"};
    persons.facts.category_ids = {1};
    persons.facts.keypoint_names = coco_person_keypoints();
    persons.facts.keypoint_score = KeypointScore::logit;
    persons.facts.keypoint_origin = 0;
    models.push_back(std::move(persons));
    return models;
}

}  // namespace regulus
