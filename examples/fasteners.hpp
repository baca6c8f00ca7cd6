#pragma once
// An own model, as a user of Regulus writes it: the detectors of the demo, "count the fasteners on a tray". Sizes and settings are those of the
// mmdetection configs that they were trained with; the compiler checks that they fit together.
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/retina_net.hpp>
#include <regulus/zoo/model_spec.hpp>

// How both see a picture and what they find on it.
inline regulus::ModelFacts fastener_facts() {
    regulus::ModelFacts facts;
    facts.preprocessing.long_side = 400;  // resized to fit 400 x 248; BGR, mean and std as by default
    facts.preprocessing.short_side = 248;
    facts.class_names = {"nut", "washer", "bolt", "screw", "pin"};
    facts.category_ids = {1, 2, 3, 4, 5};
    return facts;
}

// Mask R-CNN with a slim head on RegNetX-200MF: 64 channels in the pyramid, 5 classes.
inline constexpr regulus::RcnnSizes fasteners_sizes{.rpn_candidates = 500, .proposals = 300, .box_features = 256, .mask_convs = 2, .mask_channels = 64};

struct Fasteners : regulus::MaskRcnn<regulus::RegNet<regulus::regnetx_200mf>, 64, 5, fasteners_sizes> {
    static constexpr regulus::RcnnSettings settings{.anchor_scale = 3, .finest_scale = 28};
    static regulus::ModelFacts facts() { return fastener_facts(); }
};

// RetinaNet on the same backbone: no second stage, no masks.
inline constexpr regulus::RetinaSizes fasteners_retina_sizes{.tower_depth = 2};

struct FastenersRetinaNet : regulus::RetinaNet<regulus::RegNet<regulus::regnetx_200mf>, 64, 5, fasteners_retina_sizes> {
    static constexpr regulus::RetinaSettings settings{.anchor_scale = 2};
    static regulus::ModelFacts facts() { return fastener_facts(); }
};
