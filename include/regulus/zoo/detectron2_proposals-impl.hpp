#pragma once
#include <regulus/models/proposal_network.hpp>
#include <regulus/zoo/detectron2_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::detectron2 {

inline constexpr RcnnSizes pyramid_proposals{.proposals = 2000};
inline constexpr RcnnSizes c4_proposals{.anchors = 15, .rpn_candidates = 12000, .proposals = 2000};

}  // namespace detail::detectron2

/// Classes are the levels that proposals come from; all are of one category.
REGULUS_INLINE std::vector<ModelSpec> detectron2_proposal_networks() {
    using namespace detail::detectron2;
    constexpr auto pyramid = [] { return recorded<ProposalNetwork<PyramidFeatures<ResNet<resnet_50_caffe>, 256, pyramid_proposals>, pyramid_proposals>>(); };
    constexpr auto c4 = [] { return recorded<ProposalNetwork<OneMapFeatures<ResNetTrunk<resnet_50_caffe, 3>>, c4_proposals>>(); };
    std::vector<ModelSpec> models{entry({"COCO-Detection/rpn_R_50_FPN_1x", "region proposals, ResNet-50, FPN", pyramid, Input::caffe, 0, 0, "02ce48"}),
                                  entry({"COCO-Detection/rpn_R_50_C4_1x", "region proposals, ResNet-50, C4", c4, Input::caffe, 0, 0, "450694"})};
    models[0].proposal_ar = 58.0;
    models[0].facts.class_names = {"P2", "P3", "P4", "P5", "P6"};
    models[1].proposal_ar = 51.6;
    models[1].facts.class_names = {"C4"};
    models[1].facts.preprocessing.pad_divisor = 1;
    for (ModelSpec& model : models) model.facts.category_ids.assign(model.facts.class_names.size(), 1);
    return models;
}

}  // namespace regulus
