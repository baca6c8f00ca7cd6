// evaluate_coco against numbers that pycocotools computed: the golden file with its curves, and the detections of the demo's networks.
#include <doctest/doctest.h>

#include <cmath>

#include <regulus/core/json.hpp>

#include "data/golden_file.hpp"
#include "evaluate/coco_inputs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

double greatest_difference(const std::vector<double>& expected, const std::vector<double>& got) {
    double greatest = expected.size() == got.size() ? 0 : 1e300;
    for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) greatest = std::max(greatest, std::fabs(expected[i] - got[i]));
    return greatest;
}

std::vector<double> values_of(const CocoEvaluation& evaluation) {
    std::vector<double> values;
    for (const CocoNumber& number : evaluation.numbers) values.push_back(number.value);
    return values;
}

std::vector<double> doubles_of(const Tensor& tensor) { return {tensor.data<double>(), tensor.data<double>() + tensor.shape().numel()}; }

}  // namespace

TEST_CASE("evaluate_coco: numbers, per-category AP and curves of the golden file, for boxes, masks and keypoints") {
    const std::string name = "golden/detection2d/ops/coco_eval";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const std::string text = shared_text(name + ".json");
    const auto members = members_of(text, name);
    const CocoDataset dataset = parse_coco_annotations(members.at("ground_truth"), "ground_truth");
    const std::vector<CocoDetection> all = parse_coco_results(members.at("detections"), "detections");
    CHECK(dataset.annotations.size() == 58);
    CHECK(all.size() == 139);
    const GoldenFile golden(name);

    const struct {
        CocoKind kind;
        std::string name;
    } runs[] = {{CocoKind::boxes, "bbox"}, {CocoKind::masks, "segm"}, {CocoKind::keypoints, "keypoints"}};
    for (const auto& run : runs) {
        CAPTURE(run.name);
        // Each run of the golden file saw results with nothing but what it judged.
        std::vector<CocoDetection> results = all;
        for (CocoDetection& result : results) {
            if (run.kind != CocoKind::boxes) result.bbox.reset();
            if (run.kind != CocoKind::masks) result.segmentation.reset();
            if (run.kind != CocoKind::keypoints) result.keypoints.clear();
        }
        CocoSettings settings;
        if (run.kind == CocoKind::keypoints) settings.category_ids = {1};
        const CocoEvaluation evaluation = evaluate_coco(dataset, results, run.kind, settings);

        // The file rounds the numbers to 9 digits after the point; the arrays are whole doubles.
        CHECK(greatest_difference(numbers(member(member(golden.facts, "stats"), run.name)), values_of(evaluation)) <= 1e-9);
        for (std::size_t k = 0; k < evaluation.category_ids.size(); ++k) {
            const double ap = number(member(member(member(golden.facts, "stats"), run.name + "_per_class_AP"), std::to_string(evaluation.category_ids[k])));
            CHECK(std::fabs(ap - evaluation.category_ap(k)) <= 1e-12);
        }
        std::vector<double> precision, recall;
        const std::size_t last = evaluation.settings.max_dets.size() - 1;
        for (std::size_t t = 0; t < 10; ++t) {
            for (std::size_t r = 0; r < 101; ++r) {
                for (std::size_t k = 0; k < evaluation.category_ids.size(); ++k) precision.push_back(evaluation.precision_at(t, r, k, 0, last));
            }
            for (std::size_t k = 0; k < evaluation.category_ids.size(); ++k) recall.push_back(evaluation.recall_at(t, k, 0, last));
        }
        CHECK(greatest_difference(doubles_of(golden.tensor(run.name)), precision) <= 1e-15);
        CHECK(greatest_difference(doubles_of(golden.tensor(run.name + "_recall")), recall) <= 1e-15);
    }
}

TEST_CASE("evaluate_coco: the numbers of the demo's networks") {
    const std::string annotations = "demo/val/annotations.json";
    REGULUS_REQUIRE_SHARED(annotations);
    const CocoDataset dataset = read_coco_annotations(shared_path(annotations));
    CHECK(dataset.images.size() == 100);

    // What pycocotools 2.0.11 gives for these files, to 15 digits. The metrics files beside them hold the same, rounded to 4 digits after the point.
    const struct {
        std::string network;
        CocoKind kind;
        std::string name;
        std::vector<double> exact;
    } runs[] = {
        {"mask_rcnn",
         CocoKind::boxes,
         "bbox",
         {0.494890115711381, 0.755379902688481, 0.56118239824747, 0.595895346131474, 0.459538206298468, -1, 0.23803041480923, 0.644704363357913,
          0.662010417829079, 0.653440392773726, 0.68732137733142, -1}},
        {"mask_rcnn",
         CocoKind::masks,
         "segm",
         {0.38284223865173, 0.718730238811513, 0.386249890316559, 0.353012497170977, 0.479436320056261, -1, 0.19860048193961, 0.512425659631194,
          0.523095624233469, 0.506701034367701, 0.58604399808704, -1}},
        {"retinanet",
         CocoKind::boxes,
         "bbox",
         {0.362097369397385, 0.57598850916441, 0.402883994540652, 0.467624067575174, 0.307439137435849, -1, 0.185481135011491, 0.563257289010746,
          0.604760911044644, 0.596354402021069, 0.63350406504065, -1}},
    };
    for (const auto& run : runs) {
        CAPTURE(run.network);
        CAPTURE(run.name);
        const std::string files = "demo/models/" + run.network + "_regnetx_200mf_fasteners_val_";
        REGULUS_REQUIRE_SHARED(files + "detections.json");
        const CocoEvaluation evaluation = evaluate_coco(dataset, read_coco_results(shared_path(files + "detections.json")), run.kind);
        CHECK(greatest_difference(run.exact, values_of(evaluation)) <= 1e-9);

        const Json metrics = shared_json(files + "metrics.json");
        const Json& expected = member(metrics, run.name);
        for (const CocoNumber& each : evaluation.numbers) CHECK(std::fabs(number(member(expected, each.name)) - each.value) <= 0.5001e-4);
        for (std::size_t k = 0; k < evaluation.category_ids.size(); ++k) {
            const std::string& category = evaluation.category_names[k];
            CHECK(std::fabs(number(member(member(expected, "AP_per_class"), category)) - evaluation.category_ap(k)) <= 0.5001e-4);
            CHECK(std::fabs(number(member(member(expected, "AP50_per_class"), category)) - evaluation.average_precision({0, int(k), 0, -1})) <= 0.5001e-4);
        }
    }
}

TEST_CASE("evaluate_coco: mmdetection 2 leaves the boxes, so that its mask AP by size goes by box area") {
    const std::string annotations = "demo/val/annotations.json", detections = "demo/models/mask_rcnn_regnetx_200mf_fasteners_val_detections.json";
    REGULUS_REQUIRE_SHARED(annotations);
    REGULUS_REQUIRE_SHARED(detections);
    const CocoDataset dataset = read_coco_annotations(shared_path(annotations));
    const std::vector<CocoDetection> results = read_coco_results(shared_path(detections));
    CocoSettings settings;
    settings.mask_area = MaskArea::of_box_if_any;
    const CocoEvaluation by_box = evaluate_coco(dataset, results, CocoKind::masks, settings), by_mask = evaluate_coco(dataset, results, CocoKind::masks);
    // pycocotools 2.0.11 on the file as it is
    const std::vector<double> exact = {0.38284223865173, 0.718730238811513, 0.386249890316559, 0.452352053065267, 0.382855421304401, -1,
                                       0.19860048193961, 0.512425659631194, 0.523095624233469, 0.506701034367701, 0.58604399808704,  -1};
    CHECK(greatest_difference(exact, values_of(by_box)) <= 1e-9);
    CHECK(by_box.number("AP") == by_mask.number("AP"));
    CHECK(by_box.number("AP_small") != by_mask.number("AP_small"));
}
