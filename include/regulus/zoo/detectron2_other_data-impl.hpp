#pragma once
#include <regulus/zoo/detectron2_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::detectron2 {

inline constexpr RcnnSizes lvis_sizes{.detections = 300};

constexpr RcnnSettings with_threshold(RcnnSettings settings, float score) {
    settings.score_threshold = score;
    return settings;
}

template <class Backbone>
struct LvisMask : Mask<Backbone, lvis_sizes, 1230> {
    static constexpr RcnnSettings settings = with_threshold(detectron2_rcnn, 1e-4f);
};

}  // namespace detail::detectron2

REGULUS_INLINE std::vector<ModelSpec> detectron2_other_data() {
    using namespace detail::detectron2;
    const Row lvis[] = {
        {"LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", "Mask R-CNN, ResNet-50, FPN", [] { return recorded<LvisMask<ResNet<resnet_50_caffe>>>(); }, Input::caffe, 23.6, 24.4, "571f7c"},
        {"LVISv0.5-InstanceSegmentation/mask_rcnn_R_101_FPN_1x", "Mask R-CNN, ResNet-101, FPN", [] { return recorded<LvisMask<ResNet<resnet_101_caffe>>>(); }, Input::caffe, 25.6, 25.9, "824ab5"},
        {"LVISv0.5-InstanceSegmentation/mask_rcnn_X_101_32x8d_FPN_1x", "Mask R-CNN, ResNeXt-101 32x8d, FPN", [] { return recorded<LvisMask<ResNet<resnext_101_32x8d>>>(); }, Input::divided, 26.7, 27.1, "5e3439"},
    };
    std::vector<ModelSpec> models;
    for (const Row& row : lvis) {
        models.push_back(entry(row));
        models.back().facts.class_names = lvis_0_5_classes();
        models.back().facts.category_ids.clear();  // a label's id is the label + 1
        models.back().data = "LVIS 0.5";
    }
    models.push_back(entry({"Cityscapes/mask_rcnn_R_50_FPN", "Mask R-CNN, ResNet-50, FPN", [] { return recorded<Mask<ResNet<resnet_50_caffe>, rcnn_sizes, 8>>(); }, Input::caffe, 0, 36.5, "af9cf5"}));
    ModelSpec& streets = models.back();
    streets.facts.preprocessing.short_side = 1024;
    streets.facts.preprocessing.long_side = 2048;
    streets.facts.class_names = cityscapes_things();
    streets.facts.category_ids = cityscapes_thing_ids();
    streets.data = "Cityscapes";
    return models;
}

}  // namespace regulus
