#include <doctest/doctest.h>

#include <limits>
#include <span>

#include <regulus/cpu.hpp>
#include <regulus/pipeline/golden.hpp>
#include <regulus/pipeline/golden_compare-impl.hpp>
#include <regulus/reference.hpp>
#include <regulus/zoo/zoo.hpp>

#include "pipeline/spoiled_case.hpp"

using namespace regulus;
using doctest::Contains;
using testing::failures;
using testing::SpoiledCase;

namespace {

#if defined(REGULUS_SANITIZED)  // where each takes ten times as long: together they have every operation
const char* const cases[] = {"mm_retinanet_regnetx_800mf", "mm_faster_rcnn_regnetx_400mf_batch2", "mm_mask_rcnn_regnetx_400mf_empty"};
const char* const detectron2_cases[] = {"d2_mask_rcnn_R_50_FPN_dconv", "d2_mask_rcnn_R_50_FPN_gn", "d2_keypoint_rcnn_R_50_FPN", "d2_fast_rcnn_R_50_FPN", "d2_panoptic_fpn_R_50"};
const char* const torchvision_cases[] = {"tv_maskrcnn_r50_fpn"};
#else
const char* const cases[] = {"mm_mask_rcnn_regnetx_3.2gf", "mm_faster_rcnn_regnetx_3.2gf", "mm_retinanet_regnetx_800mf",
                             "mm_faster_rcnn_regnetx_400mf", "mm_faster_rcnn_regnetx_400mf_batch2", "mm_mask_rcnn_regnetx_400mf_empty",
                             "mm_mask_rcnn_regnetx_4gf", "mm_mask_rcnn_r50", "mm_retinanet_r50"};

const char* const detectron2_cases[] = {"d2_retinanet_R_50_FPN", "d2_faster_rcnn_R_50_FPN_batch2", "d2_mask_rcnn_R_50_FPN", "d2_mask_rcnn_regnetx_4gf",
                                        "d2_lvis_mask_rcnn_R_50_FPN", "d2_cascade_mask_rcnn_R_50_FPN", "d2_mask_rcnn_R_50_FPN_dconv", "d2_faster_rcnn_R_50_C4",
                                        "d2_mask_rcnn_R_50_FPN_gn", "d2_rpn_R_50_FPN", "d2_keypoint_rcnn_R_50_FPN", "d2_fast_rcnn_R_50_FPN", "d2_panoptic_fpn_R_50"};

const char* const torchvision_cases[] = {"tv_fasterrcnn_r50_fpn", "tv_maskrcnn_r50_fpn", "tv_retinanet_r50_fpn_v2", "tv_keypointrcnn_r50_fpn"};
#endif

std::string folder_of(const std::string& name) { return testing::shared_path("golden/detection2d/" + name); }

void all_pass(const Backend& backend, std::span<const char* const> names) {
    for (const char* name : names) {
        CAPTURE(name);
        const GoldenReport report = verify_golden_case(folder_of(name), zoo_models(), backend);
        CHECK(report.checks.size() > 20);
        if (!report.passed()) FAIL_CHECK(to_string(report));
    }
}

}  // namespace

TEST_CASE("golden: nine detectors of mmdetection compute on the cpu what mmdetection computed, node by node") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_r50/case.json");
    all_pass(CpuBackend{}, cases);
}

TEST_CASE("golden: detectors of detectron2 compute on the cpu and on the reference backend what detectron2 computed, node by node") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/d2_retinanet_R_50_FPN/case.json");
    all_pass(CpuBackend{}, detectron2_cases);
#if !defined(REGULUS_SANITIZED)
    all_pass(ReferenceBackend{}, detectron2_cases);
#endif
}

TEST_CASE("golden: detectors of torchvision compute on the cpu and on the reference backend what torchvision computed, node by node") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/tv_fasterrcnn_r50_fpn/case.json");
    all_pass(CpuBackend{}, torchvision_cases);
#if !defined(REGULUS_SANITIZED)
    all_pass(ReferenceBackend{}, torchvision_cases);
#endif
}

TEST_CASE("golden: nine detectors of mmdetection compute on the reference backend what mmdetection computed, node by node") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_r50/case.json");
#if defined(REGULUS_SANITIZED)
    CHECK(verify_golden_case(folder_of("mm_retinanet_regnetx_800mf"), zoo_models(), ReferenceBackend{}).passed());  // the others take too long so
#else
    all_pass(ReferenceBackend{}, cases);
#endif
}

TEST_CASE("golden: a node that is off by a thousandth of its deviation fails, and it alone") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_regnetx_800mf/case.json");
    const SpoiledCase spoiled("detection2d/mm_retinanet_regnetx_800mf");
    spoiled.shift("expected.safetensors", "C3@value", 1e-3);
    const GoldenReport report = verify_golden_case(spoiled.folder(), zoo_models(), CpuBackend{});
    CHECK(failures(report) == std::vector<std::string>{"C3"});
    CHECK_FALSE(report.passed());
    CHECK(to_string(report).find("FAILED: 1 of") != std::string::npos);
}

TEST_CASE("golden: a class of torchvision's that is off fails, and a number of classes that cannot be is refused") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/tv_fasterrcnn_r50_fpn/case.json");
    const SpoiledCase spoiled("detection2d/tv_fasterrcnn_r50_fpn");
    spoiled.shift("expected.safetensors", "class_logits_first64", 0.01);  // the background's of the first region
    spoiled.shift("expected.safetensors", "box_regression_first32", 10);  // the background's box, which nobody has
    spoiled.shift("expected.safetensors", "labels.0", 1000);
    CHECK(failures(verify_golden_case(spoiled.folder(), zoo_models(), CpuBackend{})) == std::vector<std::string>{"class_logits_first64", "labels.0"});
    spoiled.replace_in_json("\"num_classes\":91", "\"num_classes\":1");
    CHECK_THROWS_WITH_AS(read_golden_case(spoiled.folder()), Contains("\"num_classes\" of a model with a background must be 2 .. 100000"), FileError);
}

TEST_CASE("golden: a box, a score, a label that differ fail") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_regnetx_800mf/case.json");
    const auto fails = [](const char* tensor, double change) {
        const SpoiledCase spoiled("detection2d/mm_retinanet_regnetx_800mf");
        spoiled.shift("expected.safetensors", tensor, change);
        return failures(verify_golden_case(spoiled.folder(), zoo_models(), CpuBackend{}));
    };
    CHECK(fails("boxes.0", 0.06) == std::vector<std::string>{"boxes.0"});
    CHECK(fails("boxes.0", 0.03).empty());  // within the limit
    CHECK(fails("scores.0", 2e-3) == std::vector<std::string>{"scores.0"});
    CHECK_FALSE(fails("labels.0", 1).empty());
}

TEST_CASE("golden: other weights than the case's are noticed from the first node on") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_regnetx_800mf/case.json");
    const SpoiledCase spoiled("detection2d/mm_retinanet_regnetx_800mf");
    spoiled.replace_in_json("\"salt\":3", "\"salt\":4");
    const std::vector<std::string> failed = failures(verify_golden_case(spoiled.folder(), zoo_models(), CpuBackend{}));
    REQUIRE(failed.size() > 20);
    CHECK(failed.front() == "stem_conv");
}

TEST_CASE("golden: a case of a model that differs, or that is broken, is refused with a reason") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_regnetx_800mf/case.json");
    const auto verify = [](const SpoiledCase& spoiled) { return verify_golden_case(spoiled.folder(), zoo_models(), CpuBackend{}); };
    CHECK_THROWS_AS(verify_golden_case("/nonexistent", zoo_models(), CpuBackend{}), FileError);
    {
        const SpoiledCase spoiled("detection2d/mm_retinanet_regnetx_800mf");
        spoiled.replace_in_json("retinanet_regnetx-800MF_fpn_1x_coco", "retinanet_r50_fpn_1x_coco");
        CHECK_THROWS_WITH_AS(verify(spoiled), Contains("misshapen"), WeightError);
    }
    {
        const SpoiledCase spoiled("detection2d/mm_retinanet_regnetx_800mf");
        spoiled.replace_in_json("\"zoo\"", "\"zo\"");
        CHECK_THROWS_WITH_AS(verify(spoiled), Contains("there is no \"zoo\""), FileError);
    }
    {
        const SpoiledCase spoiled("detection2d/mm_retinanet_regnetx_800mf");
        spoiled.replace_in_json("dog.jpg", "cat.jpg");
        CHECK_THROWS_WITH_AS(verify(spoiled), Contains("cat.jpg"), FileError);
    }
    {
        const SpoiledCase spoiled("detection2d/mm_retinanet_regnetx_800mf");
        spoiled.shift("expected.safetensors", "C2@index", 2e9);
        CHECK_THROWS_WITH_AS(verify(spoiled), Contains("position"), FileError);
    }
}

TEST_CASE("golden: a NaN on one side is an infinite difference, on no side it is none") {
    detail::golden::Difference difference;
    difference.add(1, 1);
    CHECK(difference.largest == 0);
    difference.add(std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity());
    CHECK(difference.largest == 0);
    difference.add(std::numeric_limits<double>::quiet_NaN(), 1);
    CHECK(std::isinf(difference.largest));
    GoldenCheck check{"x", "of std", std::numeric_limits<double>::quiet_NaN(), 1, -1, ""};
    CHECK_FALSE(check.passed());
    CHECK_FALSE(GoldenReport{}.passed());  // nothing compared is no success
}
