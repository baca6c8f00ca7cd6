// Single rules of COCO evaluation, each on a case small enough to judge by eye.
#include <doctest/doctest.h>

#include <limits>

#include "evaluate/coco_inputs.hpp"

using namespace regulus;

namespace {

/// One picture of 200 x 200, one category; objects and detections are squares.
struct OnePicture {
    CocoDataset dataset{{{5, 200, 200, "a.jpg"}}, {{1, "nut", ""}}, {}};
    std::vector<CocoDetection> results;

    CocoAnnotation& object(double x, double y, double side, std::int64_t id = 0) {
        CocoAnnotation annotation;
        annotation.id = id != 0 ? id : std::int64_t(dataset.annotations.size()) + 1;
        annotation.image_id = 5;
        annotation.category_id = 1;
        annotation.bbox = {x, y, side, side};
        annotation.area = side * side;
        annotation.polygons = {{x, y, x, y + side, x + side, y + side, x + side, y}};
        dataset.annotations.push_back(annotation);
        return dataset.annotations.back();
    }
    void found(double x, double y, double side, double score) {
        CocoDetection detection{5, 1, score, std::array<double, 4>{x, y, side, side}, {}, {}};
        const std::vector<double> ring = {x, y, x, y + side, x + side, y + side, x + side, y};
        detection.segmentation = rle_from_polygon(ring, 200, 200);
        results.push_back(detection);
    }
    CocoEvaluation judge(const CocoSettings& settings = {}, CocoKind kind = CocoKind::boxes) const { return evaluate_coco(dataset, results, kind, settings); }
};

}  // namespace

TEST_CASE("evaluate_coco: all found and nothing else is AP 1; sizes that do not occur are -1") {
    OnePicture p;
    p.object(10, 10, 20);
    p.object(60, 60, 40);
    p.found(10, 10, 20, 0.9);
    p.found(60, 60, 40, 0.8);
    for (const CocoKind kind : {CocoKind::boxes, CocoKind::masks}) {
        const CocoEvaluation e = p.judge({}, kind);
        CHECK(e.number("AP") == doctest::Approx(1).epsilon(1e-12));
        CHECK(e.number("AP_small") == doctest::Approx(1).epsilon(1e-12));
        CHECK(e.number("AP_medium") == doctest::Approx(1).epsilon(1e-12));
        CHECK(e.number("AP_large") == -1);
        CHECK(e.number("AR_1") == 0.5);
        CHECK(e.number("AR_10") == 1);
    }
}

TEST_CASE("evaluate_coco: without detections AP is 0, without objects -1, without anything -1") {
    OnePicture none;
    CHECK(none.judge().number("AP") == -1);
    OnePicture missed;
    missed.object(10, 10, 20);
    CHECK(missed.judge().number("AP") == 0);
    CHECK(missed.judge().number("AR_100") == 0);
    OnePicture invented;
    invented.found(10, 10, 20, 0.9);
    CHECK(invented.judge().number("AP") == -1);
    const CocoEvaluation nothing = evaluate_coco({}, {}, CocoKind::masks);
    CHECK(nothing.number("AP") == -1);
    CHECK(nothing.precision.empty());
}

TEST_CASE("evaluate_coco: one false detection before the only true one halves the precision") {
    OnePicture p;
    p.object(10, 10, 20);
    p.found(100, 100, 20, 0.9);
    p.found(10, 10, 20, 0.8);
    CHECK(p.judge().number("AP") == doctest::Approx(0.5).epsilon(1e-12));
    p.results[1].score = 0.95;  // behind it, it does no harm
    CHECK(p.judge().number("AP") == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("evaluate_coco: equal scores keep the order of the results") {
    OnePicture right_first, wrong_first;
    right_first.object(10, 10, 20);
    right_first.found(10, 10, 20, 0.5);
    right_first.found(100, 100, 20, 0.5);
    wrong_first.object(10, 10, 20);
    wrong_first.found(100, 100, 20, 0.5);
    wrong_first.found(10, 10, 20, 0.5);
    CHECK(right_first.judge().number("AP") == doctest::Approx(1).epsilon(1e-12));
    CHECK(wrong_first.judge().number("AP") == doctest::Approx(0.5).epsilon(1e-12));
}

TEST_CASE("evaluate_coco: an annotation with id 0 is taken by a detection, which then counts as wrong") {
    OnePicture p;
    p.object(10, 10, 20).id = 0;
    p.found(10, 10, 20, 0.9);
    CHECK(p.judge().number("AP") == 0);
    p.dataset.annotations[0].id = -3;
    CHECK(p.judge().number("AP") == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("evaluate_coco: a crowd takes any number of detections, which then count for nothing, and its overlap is over the detection's area") {
    OnePicture p;
    p.object(10, 10, 20);
    p.object(50, 50, 100).iscrowd = true;
    p.found(10, 10, 20, 0.5);
    p.found(60, 60, 10, 0.9);
    p.found(80, 80, 10, 0.8);
    for (const CocoKind kind : {CocoKind::boxes, CocoKind::masks}) {
        CHECK(p.judge({}, kind).number("AP") == doctest::Approx(1).epsilon(1e-12));
        CHECK(p.judge({}, kind).truths == std::vector<std::int64_t>{1});
    }
    p.dataset.annotations[1].iscrowd = false;
    CHECK(p.judge().number("AP") < 0.2);
}

TEST_CASE("evaluate_coco: both ends of a range of areas belong to it") {
    OnePicture p;
    p.object(10, 10, 32);  // 1024: small and medium
    p.found(10, 10, 32, 0.9);
    CHECK(p.judge().number("AP_small") == doctest::Approx(1).epsilon(1e-12));
    CHECK(p.judge().number("AP_medium") == doctest::Approx(1).epsilon(1e-12));
    CHECK(p.judge().number("AP_large") == -1);
}

TEST_CASE("evaluate_coco: of two objects that overlap equally the later one is taken") {
    OnePicture p;
    p.object(10, 10, 20).area = 100;    // small
    p.object(10, 10, 20).area = 10000;  // large
    p.found(10, 10, 20, 0.9);
    const CocoEvaluation e = p.judge();
    CHECK(e.number("AR_100") == 0.5);
    CHECK(e.number("AR_small") == 1);  // there the other object is ignored, and so comes last
    CHECK(e.number("AR_large") == 1);
}

TEST_CASE("evaluate_coco: an overlap that meets a threshold is enough; a perfect one is enough for threshold 1") {
    OnePicture p;
    p.object(0, 0, 20);
    p.results.push_back({5, 1, 0.9, std::array<double, 4>{0, 0, 20, 10}, {}, {}});  // IoU 0.5
    CHECK(p.judge().number("AP50") == doctest::Approx(1).epsilon(1e-12));
    CHECK(p.judge().number("AP75") == 0);
    p.results[0].bbox = {{0, 0, 20, 20}};
    CocoSettings settings;
    settings.iou_thresholds = {1};
    CHECK(p.judge(settings).number("AP") == doctest::Approx(1).epsilon(1e-12));
    CHECK(p.judge(settings).number("AP50") == -1);  // not among the thresholds
}

TEST_CASE("evaluate_coco: without categories a wrong category does no harm") {
    OnePicture p;
    p.dataset.categories.push_back({2, "bolt", ""});
    p.object(10, 10, 20);
    p.found(10, 10, 20, 0.9);
    p.results[0].category_id = 2;
    CHECK(p.judge().number("AP") == 0);
    CocoSettings settings;
    settings.use_categories = false;
    CHECK(p.judge(settings).number("AP") == doctest::Approx(1).epsilon(1e-12));
    CHECK(p.judge(settings).category_ids == std::vector<std::int64_t>{-1});
}

TEST_CASE("evaluate_coco: results of unknown categories are counted and count for nothing; pictures and categories can be chosen") {
    OnePicture p;
    p.dataset.images.push_back({9, 200, 200, "b.jpg"});
    p.dataset.categories.push_back({2, "bolt", ""});
    p.object(10, 10, 20);
    p.object(10, 10, 20).image_id = 9;
    p.found(10, 10, 20, 0.9);
    p.found(10, 10, 20, 0.95);
    p.results[1].category_id = 77;
    const CocoEvaluation e = p.judge();
    CHECK(e.strangers == 1);
    CHECK(e.detections == 1);
    CHECK(e.number("AR_100") == 0.5);
    CocoSettings first, other;
    first.image_ids = {5};
    other.category_ids = {2};
    CHECK(p.judge(first).number("AR_100") == 1);
    CHECK(p.judge(first).images == 1);
    CHECK(p.judge(other).number("AP") == -1);
    CHECK(p.judge(other).category_names == std::vector<std::string>{"bolt"});
}

TEST_CASE("evaluate_coco: AP is read at 100 detections when that is among the limits, else at the greatest") {
    OnePicture p;
    for (int i = 0; i < 150; ++i) p.found(100, 100, 5, 0.9);
    p.object(10, 10, 20);
    p.found(10, 10, 20, 0.1);
    CocoSettings many, more;
    many.max_dets = {300, 100, 1000};  // any order
    more.max_dets = {10, 300};
    CHECK(p.judge(many).number("AP") == 0);
    CHECK(p.judge(many).number("AP50") > 0.006);
    CHECK(p.judge(many).number("AR_1000") == 1);
    CHECK(p.judge(more).number("AP") > 0.006);
}

TEST_CASE("evaluate_coco: says what is wrong with results, settings and data sets") {
    OnePicture p;
    p.object(10, 10, 20);
    p.found(10, 10, 20, 0.9);
    const auto says = [](const OnePicture& input, CocoKind kind, const CocoSettings& settings, const char* sentence) {
        CHECK_THROWS_WITH_AS(input.judge(settings, kind), sentence, ArgumentError);
    };
    OnePicture q = p;
    q.results[0].image_id = 6;
    says(q, CocoKind::boxes, {}, "evaluate_coco: results[0] is of image 6, which the annotations do not list: these are results of another data set");
    q = p;
    q.results[0].score = std::numeric_limits<double>::quiet_NaN();
    says(q, CocoKind::boxes, {}, "evaluate_coco: results[0] has a score that is not finite");
    q = p;
    q.results[0].segmentation.reset();
    says(q, CocoKind::masks, {}, "evaluate_coco: results[0] has no segmentation: masks cannot be judged");
    says(p, CocoKind::keypoints, {}, "evaluate_coco: results[0] has 0 keypoint numbers, expected x, y, v of 17 keypoints");
    q = p;
    q.results[0].segmentation = Rle{10, 10, {100}};
    CHECK_THROWS_WITH_AS(q.judge({}, CocoKind::masks), "evaluate_coco: results[0] has a mask of 10 x 10 pixels, its picture 5 has 200 x 200 (height x width)",
                         ShapeError);
    q.results[0].segmentation = Rle{200, 200, {100}};
    CHECK_THROWS_AS(q.judge({}, CocoKind::masks), ShapeError);
    q = p;
    q.dataset.annotations[0].polygons.clear();
    says(q, CocoKind::masks, {}, "coco_mask: annotation 1 has no \"segmentation\"");
    q = p;
    q.dataset.images.push_back(q.dataset.images[0]);
    says(q, CocoKind::boxes, {}, "evaluate_coco: images[0] and images[1] both have the id 5");
    CocoSettings settings;
    settings.max_dets = {0, 10};
    says(p, CocoKind::boxes, settings, "evaluate_coco: max_dets must be 1 or more, got 0");
    settings = {};
    settings.image_ids = {5, 8};
    says(p, CocoKind::boxes, settings, "evaluate_coco: image 8 is not in the data set");
    settings = {};
    settings.use_categories = false;
    says(p, CocoKind::keypoints, settings, "evaluate_coco: keypoints are judged by category: use_categories must be true");
    settings = {};
    settings.iou_thresholds.assign(65, 0.5);
    says(p, CocoKind::boxes, settings, "evaluate_coco: takes at most 64 IoU thresholds, got 65");
    CHECK_THROWS_WITH_AS(
        p.judge().number("AP60"),
        "CocoEvaluation: no number \"AP60\"; there are AP, AP50, AP75, AP_small, AP_medium, AP_large, AR_1, AR_10, AR_100, AR_small, AR_medium, AR_large",
        ArgumentError);
    CHECK_THROWS_WITH_AS(p.judge().average_precision({10, -1, 0, -1}), "CocoEvaluation: threshold must be -1 .. 9, got 10", ArgumentError);
}
