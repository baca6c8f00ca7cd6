// Truths of a small data set against the loaders' rules, carried out with the loaders' own tools (data_files/train/coco_truths.py).
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <doctest/doctest.h>

#include <regulus/train/coco_truths.hpp>

#include "reference/graph_support.hpp"
#include "train/dense_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

CocoDataset small_dataset() {
    CocoDataset dataset = read_coco_annotations(std::string(REGULUS_TEST_DATA) + "/train/coco_truths.json");
    dataset.annotations[8].polygons[0].resize(4);  // two points: the reader takes no such ring
    return dataset;
}

const std::vector<std::int64_t> categories{7, 3};
const std::vector<PictureSize> resized{{65, 97}, {50, 76}, {40, 50}, {31, 64}, {29, 33}};

std::vector<std::int32_t> values_of(const Tensor& tensor) { return {tensor.data<std::int32_t>(), tensor.data<std::int32_t>() + tensor.numel()}; }

/// Equal to the last bit: boxes by the same steps in the same precision, masks by the same pixels.
void check_rule(const std::string& name, TruthRule rule) {
    const TrainFile file("coco_truths");
    const CocoTruths truths(small_dataset(), categories, rule);
    for (std::size_t image = 0; image < 5; ++image) {
        for (const bool flipped : {false, true}) {
            const std::string key = name + "/" + std::to_string(image + 1) + "/" + (flipped ? "1" : "0");
            CAPTURE(key);
            const bool undrawable = rule == TruthRule::torchvision && image == 0;  // two points are no ring
            if (undrawable) CHECK_THROWS_AS(truths.truth(image, {resized[image], flipped}, true), ArgumentError);
            const PictureTruth found = truths.truth(image, {resized[image], flipped}, !undrawable);
            CHECK(equal(found.truth.boxes, file.at(key + "/boxes")));
            CHECK(equal(found.truth.ignored, file.at(key + "/ignored")));
            CHECK(values_of(found.truth.labels) == values_of(file.at(key + "/labels")));
            if (undrawable) continue;
            REQUIRE(found.masks.size() == std::size_t(found.truth.labels.numel()));
            for (std::size_t i = 0; i < found.masks.size(); ++i) {
                const TruthMask& mask = found.masks[i];
                CAPTURE(i);
                if (const Tensor* const runs = file.tensors.find(key + "/bitmap" + std::to_string(i))) {
                    const std::vector<std::int32_t> counts = values_of(*runs);
                    CHECK(mask.bitmap.height == resized[image].height);
                    CHECK(mask.bitmap.counts == std::vector<std::uint32_t>(counts.begin(), counts.end()));
                    CHECK(mask.polygons.empty());
                    continue;
                }
                const Tensor& points = file.at(key + "/points" + std::to_string(i));
                std::vector<double> all;
                for (const std::vector<double>& ring : mask.polygons) all.insert(all.end(), ring.begin(), ring.end());
                CHECK(all == std::vector<double>(points.data<double>(), points.data<double>() + points.numel()));
                CHECK(mask.bitmap.empty());
            }
        }
    }
}

}  // namespace

TEST_CASE("coco truths: boxes, labels, ignored regions and masks are mmdetection's, detectron2's and torchvision's, plain and flipped") {
    check_rule("mmdetection", TruthRule::mmdetection);
    check_rule("detectron2", TruthRule::detectron2);
    check_rule("torchvision", TruthRule::torchvision);
}

TEST_CASE("coco truths: mmdetection's rings belong to the objects that its bitmaps belong to, and what has none is ignored") {
    const CocoDataset dataset = small_dataset();
    const CocoTruths bitmaps(dataset, categories, TruthRule::mmdetection), rings(dataset, categories, TruthRule::mmdetection_rings);
    CHECK(rings.pictures() == bitmaps.pictures());
    std::size_t with_rings = 0, without = 0;
    for (std::size_t image = 0; image < 5; ++image) {
        for (const bool flipped : {false, true}) {
            CAPTURE(image);
            const PictureSize size = resized[image];
            const PictureTruth by_bitmaps = bitmaps.truth(image, {size, flipped}, true), by_rings = rings.truth(image, {size, flipped}, true);
            std::size_t own = 0;  // of by_rings
            for (std::size_t i = 0; i < by_bitmaps.masks.size(); ++i) {
                const auto same_box = [&](const PictureTruth& other, std::size_t k) {
                    return std::equal(other.truth.boxes.data<float>() + 4 * k, other.truth.boxes.data<float>() + 4 * k + 4, by_bitmaps.truth.boxes.data<float>() + 4 * i);
                };
                if (own == by_rings.masks.size() || !same_box(by_rings, own)) {
                    ++without;
                    continue;
                }
                const TruthMask& mask = by_rings.masks[own++];
                ++with_rings;
                CHECK(mask.bitmap.empty());
                REQUIRE_FALSE(mask.polygons.empty());
                // Drawn into the resized picture they cover what the resized bitmap covers, but for its rim.
                const double area = double(rle_area(rle_from_polygons(mask.polygons, size.height, size.width))), drawn = double(rle_area(by_bitmaps.masks[i].bitmap));
                CHECK(std::abs(area - drawn) < 0.2 * drawn + 12);
            }
            CHECK(own == by_rings.masks.size());
            CHECK(by_rings.truth.ignored.shape()[0] - by_bitmaps.truth.ignored.shape()[0] == std::int64_t(by_bitmaps.masks.size() - own));
            CHECK(equal(rings.truth(image, {size, flipped}).truth.boxes, bitmaps.truth(image, {size, flipped}).truth.boxes));  // without masks nothing lacks rings
        }
    }
    CHECK(with_rings > 5);
    CHECK(without > 0);
    const std::vector<double>& ring = dataset.annotations[0].polygons[0];
    const PictureTruth plain = rings.truth(0, {resized[0], false}, true), mirrored = rings.truth(0, {resized[0], true}, true);
    for (std::size_t i = 0; i < ring.size(); ++i) {
        const double scaled = ring[i] * (i % 2 == 0 ? 97.0 / 60 : 65.0 / 40);
        CHECK(plain.masks[0].polygons[0][i] == doctest::Approx(scaled).epsilon(1e-12));
        CHECK(mirrored.masks[0].polygons[0][i] == doctest::Approx(i % 2 == 0 ? 97 - scaled : scaled).epsilon(1e-12));
    }
}

TEST_CASE("coco truths: which pictures are learnt from") {
    using Places = std::vector<std::size_t>;
    // The second shows a crowd only, the third nothing, the fourth is 31 pixels high.
    CHECK(CocoTruths(small_dataset(), categories, TruthRule::mmdetection).pictures() == Places{0, 1, 4});
    CHECK(CocoTruths(small_dataset(), categories, TruthRule::detectron2).pictures() == Places{0, 3, 4});
    CHECK(CocoTruths(small_dataset(), categories, TruthRule::torchvision).pictures() == Places{0, 1, 3, 4});
    CHECK(CocoTruths(small_dataset(), {90}, TruthRule::mmdetection).pictures() == Places{0});
    CHECK(CocoTruths(small_dataset(), categories, TruthRule::detectron2, 0, true).pictures() == Places{0, 1, 2, 3, 4});
}

TEST_CASE("coco truths: masks that were drawn serve as targets, a truth that was flipped twice is itself") {
    const CocoTruths truths(small_dataset(), categories, TruthRule::mmdetection);
    const PictureTruth found = truths.truth(0, {{65, 97}, false}, true);
    BoxHeadTraining training = mmdetection_box_training(2);
    const RegionSample sample = sample_regions({}, found.truth, training);
    const Tensor targets = mask_targets(sample, found.masks, 14, MaskTargetRule::mmdetection);
    CHECK(targets.shape() == Shape{std::int64_t(found.masks.size()), 14, 14});
    CHECK(greatest(targets) == 1);
    const PictureTruth mirrored = truths.truth(0, {{65, 97}, true}, true);
    for (std::size_t i = 0; i < found.masks.size(); ++i) CHECK(rle_area(found.masks[i].bitmap) == rle_area(mirrored.masks[i].bitmap));
    for (std::int64_t i = 0; i < found.truth.boxes.shape()[0]; ++i) CHECK(97 - mirrored.truth.boxes.data<float>()[4 * i] == doctest::Approx(double(found.truth.boxes.data<float>()[4 * i + 2])));
}

TEST_CASE("coco truths: boxes that are given are those of detectron2's transform_proposals, and go with the picture") {
    const CocoTruths truths(small_dataset(), categories, TruthRule::detectron2);
    const std::vector<std::array<float, 4>> given{{3.25f, 4.5f, 40.75f, 30.125f}, {-5, -6.5f, 69, 41}, {61, 3, 80, 9}, {10.1f, 12.7f, 10.1f, 20}, {0.3f, 0.6f, 7.7f, 9.9f}, {20, 10, 33.3f, 31.7f}};
    const PictureChange plain{{65, 97}}, flipped{{65, 97}, true};
    const auto check = [&](const PictureChange& change, const std::vector<float>& expected) {
        const Tensor boxes = truths.proposals(0, change, given, 3);  // beyond the edge and without a width: no box
        REQUIRE(boxes.shape() == Shape{3, 4});
        for (std::int64_t i = 0; i < 12; ++i) CHECK(boxes.data<float>()[i] == doctest::Approx(expected[std::size_t(i)]).epsilon(1e-6));  // detectron2 rounds each step to float32
    };
    check(plain, {5.254166603088379f, 7.3125f, 65.87916564941406f, 48.953125f, 0, 0, 97, 65, 0.48500001430511475f, 0.9750000238418579f, 12.448332786560059f, 16.087499618530273f});
    check(flipped, {31.120834350585938f, 7.3125f, 91.74583435058594f, 48.953125f, 0, 0, 97, 65, 84.55166625976562f, 0.9750000238418579f, 96.51499938964844f, 16.087499618530273f});
    CHECK(truths.proposals(0, plain, given, 100).shape() == Shape{4, 4});
    CHECK(truths.proposals(0, plain, {}, 100).shape() == Shape{0, 4});
    const std::array<float, 4> far[] = {{0, 0, INFINITY, 5}};
    CHECK_THROWS_WITH_AS(truths.proposals(0, plain, far, 1), "coco truths: given box 0 of picture 1 is not finite", ArgumentError);
    CHECK_THROWS_AS(truths.proposals(5, plain, given, 1), ArgumentError);
}

TEST_CASE("coco truths: what does not fit is refused") {
    CHECK_THROWS_WITH_AS(CocoTruths(small_dataset(), {7, 3, 7}, TruthRule::mmdetection), "coco truths: the category 7 stands for two labels", ArgumentError);
    CocoDataset broken = small_dataset();
    broken.annotations[1].image_id = 99;
    CHECK_THROWS_WITH_AS(CocoTruths(broken, {7}, TruthRule::mmdetection), "coco truths: annotations[1]: \"image_id\" is 99, which \"images\" does not list", ArgumentError);
    const CocoTruths truths(small_dataset(), categories, TruthRule::mmdetection);
    CHECK_THROWS_WITH_AS(truths.truth(5, {{10, 10}}), "coco truths: there is no picture 5, the data set has 5", ArgumentError);
    CHECK_THROWS_WITH_AS(truths.truth(0, {{0, 10}}), "coco truths: picture 1 of 40 x 60 pixels resized to 0 x 10; both need pixels", ArgumentError);
    CocoDataset bare = small_dataset();
    bare.annotations[0].polygons.clear();
    CHECK_THROWS_WITH_AS(CocoTruths(bare, categories, TruthRule::mmdetection).truth(0, {{40, 60}}, true), "coco_mask: annotation 1 has no \"segmentation\"", ArgumentError);
    CHECK(CocoTruths(bare, categories, TruthRule::mmdetection).truth(0, {{40, 60}}).truth.labels.numel() == 4);  // rings are not looked at without masks
}
