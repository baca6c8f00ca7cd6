#pragma once
#include <regulus/models/fast_rcnn.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/retina_net.hpp>
#include <regulus/zoo/detectron2_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::detectron2 {

template <class Backbone>
struct Faster : FasterRcnn<Backbone> {
    static constexpr RcnnSettings settings = detectron2_rcnn;
};
template <class Backbone>
struct Fast : FastRcnn<Backbone> {
    static constexpr RcnnSettings settings = detectron2_rcnn;
};
template <class Backbone>
struct Retina : RetinaNet<Backbone, 256, 80, detectron2_retina_sizes> {
    static constexpr RetinaSettings settings = detectron2_retina;
};

}  // namespace detail::detectron2

REGULUS_INLINE std::vector<ModelSpec> detectron2_pyramid_detectors() {
    using namespace detail::detectron2;
    constexpr auto faster_50 = [] { return recorded<Faster<ResNet<resnet_50_caffe>>>(); };
    constexpr auto mask_50 = [] { return recorded<Mask<ResNet<resnet_50_caffe>>>(); };
    constexpr auto retina_50 = [] { return recorded<Retina<ResNet<resnet_50_caffe>>>(); };
    const Row rows[] = {
        {"COCO-Detection/faster_rcnn_R_50_FPN_1x", "Faster R-CNN, ResNet-50, FPN", faster_50, Input::caffe, 37.9, 0, "b275ba"},
        {"COCO-Detection/faster_rcnn_R_50_FPN_3x", "Faster R-CNN, ResNet-50, FPN", faster_50, Input::caffe, 40.2, 0, "280758"},
        {"COCO-Detection/faster_rcnn_R_101_FPN_3x", "Faster R-CNN, ResNet-101, FPN", [] { return recorded<Faster<ResNet<resnet_101_caffe>>>(); }, Input::caffe, 42.0, 0, "f6e8b1"},
        {"COCO-Detection/faster_rcnn_X_101_32x8d_FPN_3x", "Faster R-CNN, ResNeXt-101 32x8d, FPN", [] { return recorded<Faster<ResNet<resnext_101_32x8d>>>(); }, Input::divided, 43.0, 0, "68b088"},
        {"COCO-Detection/fast_rcnn_R_50_FPN_1x", "Fast R-CNN, ResNet-50, FPN", [] { return recorded<Fast<ResNet<resnet_50_caffe>>>(); }, Input::caffe, 37.8, 0, "e5f7ce"},
        {"COCO-Detection/retinanet_R_50_FPN_1x", "RetinaNet, ResNet-50, FPN", retina_50, Input::caffe, 37.4, 0, "bfca0b"},
        {"COCO-Detection/retinanet_R_50_FPN_3x", "RetinaNet, ResNet-50, FPN", retina_50, Input::caffe, 38.7, 0, "5bd44e"},
        {"COCO-Detection/retinanet_R_101_FPN_3x", "RetinaNet, ResNet-101, FPN", [] { return recorded<Retina<ResNet<resnet_101_caffe>>>(); }, Input::caffe, 40.4, 0, "971ab9"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", "Mask R-CNN, ResNet-50, FPN", mask_50, Input::caffe, 38.6, 35.2, "a54504"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x", "Mask R-CNN, ResNet-50, FPN", mask_50, Input::caffe, 41.0, 37.2, "f10217"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x", "Mask R-CNN, ResNet-101, FPN", [] { return recorded<Mask<ResNet<resnet_101_caffe>>>(); }, Input::caffe, 42.9, 38.6, "a3ec72"},
        {"COCO-InstanceSegmentation/mask_rcnn_X_101_32x8d_FPN_3x", "Mask R-CNN, ResNeXt-101 32x8d, FPN", [] { return recorded<Mask<ResNet<resnext_101_32x8d>>>(); }, Input::divided, 44.3, 39.5, "2d9806"},
        {"COCO-InstanceSegmentation/mask_rcnn_regnetx_4gf_dds_fpn_1x", "Mask R-CNN, RegNetX-4.0GF, FPN", [] { return recorded<Mask<RegNet<regnetx_4_0gf>>>(); }, Input::divided, 0, 0, ""},
        {"COCO-InstanceSegmentation/mask_rcnn_regnety_4gf_dds_fpn_1x", "Mask R-CNN, RegNetY-4.0GF, FPN", [] { return recorded<Mask<RegNet<regnety_4_0gf>>>(); }, Input::divided, 0, 0, ""},
    };
    std::vector<ModelSpec> models;
    for (const Row& row : rows) models.push_back(entry(row));
    return models;
}

}  // namespace regulus
