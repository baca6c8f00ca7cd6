#include <doctest/doctest.h>

#include <algorithm>

#include <regulus/evaluate/coco_table.hpp>

using namespace regulus;

namespace {

CocoEvaluation small_evaluation() {
    CocoDataset dataset{{{1, 200, 100, "a"}}, {{4, "Schlüssel", ""}, {2, "a\x1b[2J", ""}}, {}};
    CocoAnnotation object;
    object.id = 1;
    object.image_id = 1;
    object.category_id = 4;
    object.bbox = {10, 10, 20, 20};
    object.area = 400;
    dataset.annotations = {object};
    std::vector<CocoDetection> results(3);
    for (CocoDetection& result : results) result = {1, 4, 0.5, object.bbox, {}, {}};
    results[0].bbox = {{50, 50, 20, 20}};
    results[2].category_id = 9;
    return evaluate_coco(dataset, results, CocoKind::boxes);
}

}  // namespace

TEST_CASE("coco_table: the 12 numbers as text") {
    CHECK(coco_table(small_evaluation()) ==
          "boxes: 1 pictures, 1 objects, 2 detections\n"
          "1 results are of categories that the annotations do not list\n"
          "number          %  what\n"
          "AP          50.00  IoU 0.50:0.95, area all, at most 100\n"
          "AP50        50.00  IoU 0.50, area all, at most 100\n"
          "AP75        50.00  IoU 0.75, area all, at most 100\n"
          "AP_small    50.00  IoU 0.50:0.95, area small, at most 100\n"
          "AP_medium       -  IoU 0.50:0.95, area medium, at most 100\n"
          "AP_large        -  IoU 0.50:0.95, area large, at most 100\n"
          "AR_1         0.00  IoU 0.50:0.95, area all, at most 1\n"
          "AR_10      100.00  IoU 0.50:0.95, area all, at most 10\n"
          "AR_100     100.00  IoU 0.50:0.95, area all, at most 100\n"
          "AR_small   100.00  IoU 0.50:0.95, area small, at most 100\n"
          "AR_medium       -  IoU 0.50:0.95, area medium, at most 100\n"
          "AR_large        -  IoU 0.50:0.95, area large, at most 100\n");
}

TEST_CASE("coco_category_table: a line for each category, aligned by characters, control characters replaced") {
    CHECK(coco_category_table(small_evaluation()) ==
          "category   objects     AP   AP50   AP75  AP_small  AP_medium  AP_large      AR\n"
          "a?[2J            0      -      -      -         -          -         -       -\n"
          "Schlüssel        1  50.00  50.00  50.00     50.00          -         -  100.00\n");
}

TEST_CASE("coco_threshold_table: a line for each threshold") {
    const std::string table = coco_threshold_table(small_evaluation());
    CHECK(table.substr(0, 44) == "IoU      AP      AR\n0.50  50.00  100.00\n0.55");
    CHECK(std::count(table.begin(), table.end(), '\n') == 11);
}
