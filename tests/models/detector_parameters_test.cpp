// Whole detectors with 80 classes: parameter counts as published configs have them (mmdetection 3.3 builds the same numbers; spec/detection2d.md, A.2), and
// every parameter's shape against the state dicts in golden/detection2d/inventory.

#include <doctest/doctest.h>

#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/retina_net.hpp>

#include "fasteners.hpp"
#include "models/inventory.hpp"

using namespace regulus;

namespace {

template <class Model>
std::int64_t count() {
    return recorded<Model>().parameter_count();
}

template <class Backbone>
void check_counts(std::int64_t retina, std::int64_t faster, std::int64_t mask) {
    CHECK(count<RetinaNet<Backbone>>() == retina);
    CHECK(count<FasterRcnn<Backbone>>() == faster);
    CHECK(count<MaskRcnn<Backbone>>() == mask);
}

template <class Model>
void check_shapes(const std::string& config) {
    CAPTURE(config);
    CHECK(testing::shapes_of(recorded<Model>()) == testing::stored_shapes(testing::mmdetection_inventory(config)));
}

}  // namespace

TEST_CASE("detectors: parameter counts of the published configs") {
    check_counts<ResNet<resnet_50>>(37968692, 41753056, 44396336);
    check_counts<ResNet<resnet_101>>(56960820, 60745184, 63388464);
    check_counts<ResNet<resnext_101_32x4d>>(56589364, 60373728, 63017008);
    check_counts<RegNet<regnetx_800mf>>(17238036, 24143552, 26786832);
    check_counts<RegNet<regnetx_1_6gf>>(19583876, 25938480, 28581760);
    check_counts<RegNet<regnetx_3_2gf>>(25852340, 31991904, 34635184);
    check_counts<RegNet<regnetx_4_0gf>>(33268212, 38592672, 41235952);
    check_counts<RegNet<regnetx_6_4gf>>(37867316, 42606048, 45249328);
    check_counts<RegNet<regnetx_8_0gf>>(51637172, 55671392, 58314672);
    check_counts<RegNet<regnetx_12gf>>(58768084, 62101888, 64745168);
}

TEST_CASE("detectors: parameter counts of the demo's two models") {
    CHECK(count<testing::Fasteners>() == 3506238);
    CHECK(count<testing::FastenersRetina>() == 2907041);
}

TEST_CASE("detectors: as many parameters of each shape as mmdetection's state dicts") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/mmdet/retinanet_r50_fpn_1x_coco.json");
    check_shapes<RetinaNet<ResNet<resnet_50>>>("retinanet_r50_fpn_1x_coco");
    check_shapes<RetinaNet<RegNet<regnetx_800mf>>>("retinanet_regnetx-800MF_fpn_1x_coco");
    check_shapes<RetinaNet<RegNet<regnetx_1_6gf>>>("retinanet_regnetx-1.6GF_fpn_1x_coco");
    check_shapes<FasterRcnn<ResNet<resnet_101>>>("faster-rcnn_r101_fpn_1x_coco");
    check_shapes<FasterRcnn<RegNet<regnetx_400mf>>>("faster-rcnn_regnetx-400MF_fpn_ms-3x_coco");
    check_shapes<MaskRcnn<ResNet<resnext_101_32x4d>>>("mask-rcnn_x101-32x4d_fpn_1x_coco");
    check_shapes<MaskRcnn<RegNet<regnetx_3_2gf>>>("mask-rcnn_regnetx-3.2GF_fpn_1x_coco");
    check_shapes<MaskRcnn<RegNet<regnetx_4_0gf>>>("mask-rcnn_regnetx-4GF_fpn_1x_coco");
    check_shapes<MaskRcnn<RegNet<regnetx_6_4gf>>>("mask-rcnn_regnetx-6.4GF_fpn_1x_coco");
    check_shapes<MaskRcnn<RegNet<regnetx_8_0gf>>>("mask-rcnn_regnetx-8GF_fpn_1x_coco");
    check_shapes<MaskRcnn<RegNet<regnetx_12gf>>>("mask-rcnn_regnetx-12GF_fpn_1x_coco");
}
