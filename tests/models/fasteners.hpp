#pragma once
// The demo's two detectors, as a user writes own models: facts of shared/demo/models/*.json.
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/retina_net.hpp>

namespace regulus::testing {

inline constexpr RcnnSizes fasteners_sizes{.rpn_candidates = 500, .proposals = 300, .box_features = 256, .mask_convs = 2, .mask_channels = 64};

struct Fasteners : MaskRcnn<RegNet<regnetx_200mf>, 64, 5, fasteners_sizes> {
    static constexpr RcnnSettings settings{.anchor_scale = 3, .finest_scale = 28};
};

inline constexpr RetinaSizes fasteners_retina_sizes{.tower_depth = 2};

struct FastenersRetina : RetinaNet<RegNet<regnetx_200mf>, 64, 5, fasteners_retina_sizes> {
    static constexpr RetinaSettings settings{.anchor_scale = 2};
};

}  // namespace regulus::testing
