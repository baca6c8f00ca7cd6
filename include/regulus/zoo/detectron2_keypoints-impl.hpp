#pragma once
#include <regulus/models/keypoint_rcnn.hpp>
#include <regulus/zoo/detectron2_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::detectron2 {

template <class Backbone>
struct Persons : KeypointRcnn<Backbone> {
    static constexpr RcnnSettings settings = detectron2_rcnn;
};

}  // namespace detail::detectron2

REGULUS_INLINE std::vector<ModelSpec> detectron2_keypoint_detectors() {
    using namespace detail::detectron2;
    constexpr auto persons_50 = [] { return recorded<Persons<ResNet<resnet_50_caffe>>>(); };
    const Row rows[] = {
        {"COCO-Keypoints/keypoint_rcnn_R_50_FPN_1x", "Keypoint R-CNN, ResNet-50, FPN", persons_50, Input::caffe, 53.6, 0, "04e291"},
        {"COCO-Keypoints/keypoint_rcnn_R_50_FPN_3x", "Keypoint R-CNN, ResNet-50, FPN", persons_50, Input::caffe, 55.4, 0, "a6e10b"},
        {"COCO-Keypoints/keypoint_rcnn_R_101_FPN_3x", "Keypoint R-CNN, ResNet-101, FPN", [] { return recorded<Persons<ResNet<resnet_101_caffe>>>(); }, Input::caffe, 56.4, 0, "997cc7"},
        {"COCO-Keypoints/keypoint_rcnn_X_101_32x8d_FPN_3x", "Keypoint R-CNN, ResNeXt-101 32x8d, FPN", [] { return recorded<Persons<ResNet<resnext_101_32x8d>>>(); }, Input::divided, 57.3, 0, "5ad38f"},
    };
    constexpr double keypoint_ap[] = {64.0, 65.5, 66.1, 66.0};
    std::vector<ModelSpec> models;
    for (const Row& row : rows) {
        models.push_back(entry(row));
        models.back().keypoint_ap = keypoint_ap[models.size() - 1];
        models.back().facts.class_names = {"person"};
        models.back().facts.category_ids = {1};
        models.back().facts.keypoint_names = coco_person_keypoints();
    }
    return models;
}

}  // namespace regulus
