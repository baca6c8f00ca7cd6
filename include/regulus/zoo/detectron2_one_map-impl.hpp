#pragma once
#include <regulus/models/one_map_rcnn.hpp>
#include <regulus/zoo/detectron2_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ModelSpec> detectron2_one_map_detectors() {
    using namespace detail::detectron2;
    constexpr auto faster_c4 = [] { return recorded<C4FasterRcnn<resnet_50_caffe>>(); };
    constexpr auto faster_dc5 = [] { return recorded<Dc5FasterRcnn<resnet_50_caffe_dc5>>(); };
    constexpr auto mask_c4 = [] { return recorded<C4MaskRcnn<resnet_50_caffe>>(); };
    constexpr auto mask_dc5 = [] { return recorded<Dc5MaskRcnn<resnet_50_caffe_dc5>>(); };
    const Row rows[] = {
        {"COCO-Detection/faster_rcnn_R_50_C4_1x", "Faster R-CNN, ResNet-50, C4", faster_c4, Input::caffe, 35.7, 0, "721ade"},
        {"COCO-Detection/faster_rcnn_R_50_C4_3x", "Faster R-CNN, ResNet-50, C4", faster_c4, Input::caffe, 38.4, 0, "f97cb7"},
        {"COCO-Detection/faster_rcnn_R_101_C4_3x", "Faster R-CNN, ResNet-101, C4", [] { return recorded<C4FasterRcnn<resnet_101_caffe>>(); }, Input::caffe, 41.1, 0, "298dad"},
        {"COCO-Detection/faster_rcnn_R_50_DC5_1x", "Faster R-CNN, ResNet-50, dilated C5", faster_dc5, Input::caffe, 37.3, 0, "51d356"},
        {"COCO-Detection/faster_rcnn_R_50_DC5_3x", "Faster R-CNN, ResNet-50, dilated C5", faster_dc5, Input::caffe, 39.0, 0, "68d202"},
        {"COCO-Detection/faster_rcnn_R_101_DC5_3x", "Faster R-CNN, ResNet-101, dilated C5", [] { return recorded<Dc5FasterRcnn<resnet_101_caffe_dc5>>(); }, Input::caffe, 40.6, 0, "3e0943"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_50_C4_1x", "Mask R-CNN, ResNet-50, C4", mask_c4, Input::caffe, 36.8, 32.2, "9243eb"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_50_C4_3x", "Mask R-CNN, ResNet-50, C4", mask_c4, Input::caffe, 39.8, 34.4, "4ce675"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_101_C4_3x", "Mask R-CNN, ResNet-101, C4", [] { return recorded<C4MaskRcnn<resnet_101_caffe>>(); }, Input::caffe, 42.6, 36.7, "a2914c"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_50_DC5_1x", "Mask R-CNN, ResNet-50, dilated C5", mask_dc5, Input::caffe, 38.3, 34.2, "4f86c3"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_50_DC5_3x", "Mask R-CNN, ResNet-50, dilated C5", mask_dc5, Input::caffe, 40.0, 35.9, "84107b"},
        {"COCO-InstanceSegmentation/mask_rcnn_R_101_DC5_3x", "Mask R-CNN, ResNet-101, dilated C5", [] { return recorded<Dc5MaskRcnn<resnet_101_caffe_dc5>>(); }, Input::caffe, 41.9, 37.3, "0464b7"},
        {"PascalVOC-Detection/faster_rcnn_R_50_C4", "Faster R-CNN, ResNet-50, C4", [] { return recorded<C4FasterRcnn<resnet_50_caffe, 20>>(); }, Input::caffe, 51.9, 0, "b1acc2"},
    };
    std::vector<ModelSpec> models;
    for (const Row& row : rows) {
        models.push_back(entry(row));
        models.back().facts.preprocessing.pad_divisor = 1;
    }
    models.back().facts.class_names = voc_classes();
    models.back().facts.category_ids.clear();  // a label's id is the label + 1
    models.back().data = "Pascal VOC 2007";
    return models;
}

}  // namespace regulus
