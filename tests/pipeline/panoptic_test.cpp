// Semantic labels against plain arithmetic, the combination of things and stuff against the golden file and hand-made pictures, and the detector as a whole.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu.hpp>
#include <regulus/models/panoptic_fpn.hpp>
#include <regulus/pipeline/draw.hpp>
#include <regulus/pipeline/panoptic_detector.hpp>
#include <regulus/reference.hpp>
#include <regulus/zoo/zoo.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Bilinear resizing of one plane as its definition says, in double or in float32: centres at .5, borders repeated.
template <class T>
std::vector<T> resized(const std::vector<T>& src, PictureSize in, PictureSize out) {
    std::vector<T> dst;
    const auto along = [](std::int64_t at, std::int64_t from, std::int64_t to) { return std::max(T(0), T(from) / T(to) * (T(at) + T(0.5)) - T(0.5)); };
    for (std::int64_t y = 0; y < out.height; ++y) {
        for (std::int64_t x = 0; x < out.width; ++x) {
            const T v = along(y, in.height, out.height), u = along(x, in.width, out.width);
            const std::int64_t y0 = std::min(std::int64_t(v), in.height - 1), x0 = std::min(std::int64_t(u), in.width - 1);
            const std::int64_t y1 = std::min(y0 + 1, in.height - 1), x1 = std::min(x0 + 1, in.width - 1);
            const T dy = v - T(y0), dx = u - T(x0);
            const auto at = [&](std::int64_t r, std::int64_t c) { return src[std::size_t(r * in.width + c)]; };
            dst.push_back((1 - dy) * ((1 - dx) * at(y0, x0) + dx * at(y0, x1)) + dy * ((1 - dx) * at(y1, x0) + dx * at(y1, x1)));
        }
    }
    return dst;
}

/// Both resizes of every class.
template <class T>
std::vector<std::vector<T>> maps_of(const std::vector<float>& logits, int classes, PictureSize map, int factor, PictureSize crop, PictureSize picture) {
    std::vector<std::vector<T>> maps;
    const std::size_t plane = std::size_t(map.height * map.width);
    for (int c = 0; c < classes; ++c) {
        const PictureSize large{factor * map.height, factor * map.width};
        const auto enlarged = resized<T>({logits.begin() + std::ptrdiff_t(c * plane), logits.begin() + std::ptrdiff_t((c + 1) * plane)}, map, large);
        std::vector<T> cropped;
        for (std::int64_t y = 0; y < crop.height; ++y) {
            for (std::int64_t x = 0; x < crop.width; ++x) cropped.push_back(enlarged[std::size_t(y * large.width + x)]);
        }
        maps.push_back(resized(cropped, crop, picture));
    }
    return maps;
}

BitMask mask_of(std::int64_t height, std::int64_t width, const std::string& drawing) {
    BitMask mask{height, width, {}};
    for (const char c : drawing) mask.bits.push_back(c == '#');
    return mask;
}

Rle box_mask(PictureSize size, std::int64_t top, std::int64_t left, std::int64_t bottom, std::int64_t right) {
    BitMask mask{size.height, size.width, std::vector<std::uint8_t>(std::size_t(size.height * size.width))};
    for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) mask.bits[std::size_t(y * size.width + x)] = 1;
    }
    return rle_encode(mask);
}

LabelMap filled(PictureSize size, std::uint8_t label) { return {size.height, size.width, std::vector<std::uint8_t>(std::size_t(size.height * size.width), label)}; }

constexpr PanopticRule tiny{.stuff_area = 1};

struct Small : PanopticFpn<RegNet<regnetx_200mf>, 64, 5, 7> {};

Image noise(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    std::mt19937 random(7);
    for (std::uint8_t& value : image.pixels) value = std::uint8_t(random() >> 20);
    return image;
}

}  // namespace

TEST_CASE("semantic_labels: the class of the greatest logit, in float32 to the bit, and in double wherever it can be told from the next") {
    std::mt19937 random(4);
    std::uniform_real_distribution<float> value(-3, 3);
    const struct {
        int classes;
        PictureSize map;
        int factor;
        PictureSize crop, picture;
    } runs[] = {{5, {6, 7}, 4, {24, 28}, {24, 28}}, {54, {9, 11}, 4, {33, 41}, {80, 100}}, {54, {24, 20}, 4, {90, 77}, {31, 20}}, {3, {1, 1}, 4, {1, 1}, {1, 1}},
                {2, {1, 1}, 4, {3, 2}, {70, 90}},   {256, {3, 2}, 4, {12, 8}, {13, 7}},     {4, {5, 4}, 1, {5, 4}, {9, 3}},      {1, {4, 4}, 2, {7, 8}, {70, 8}}};
    for (const auto& run : runs) {
        CAPTURE(run.classes);
        CAPTURE(run.picture.height);
        std::vector<float> logits(std::size_t(run.classes * run.map.height * run.map.width));
        for (float& logit : logits) logit = value(random);
        const LabelMap labels = semantic_labels(logits, run.classes, run.map, run.factor, run.crop, run.picture);
        REQUIRE(labels.size() == run.picture);
        const auto exact = maps_of<float>(logits, run.classes, run.map, run.factor, run.crop, run.picture);
        const auto maps = maps_of<double>(logits, run.classes, run.map, run.factor, run.crop, run.picture);
        std::int64_t wrong = 0, near = 0, other = 0;
        for (std::size_t i = 0; i < labels.labels.size(); ++i) {
            double best = -1e9, next = -1e9;
            std::size_t choice = 0;
            for (std::size_t c = 0; c < maps.size(); ++c) {
                if (maps[c][i] > best) next = best, best = maps[c][i], choice = c;
                else next = std::max(next, maps[c][i]);
            }
            // Float32 keeps seven digits of values up to 3, positions of up to 100 pixels move them by 1e-5 at most.
            const bool decided = best - next > 1e-4;
            near += decided ? 0 : 1;
            wrong += decided && labels.labels[i] != choice ? 1 : 0;
            std::size_t greatest = 0;
            for (std::size_t c = 1; c < exact.size(); ++c) greatest = exact[c][i] > exact[greatest][i] ? c : greatest;
            other += labels.labels[i] == greatest ? 0 : 1;
        }
        CHECK(wrong == 0);
        CHECK(other == 0);  // the same steps in float32: the same bits
        CHECK(near <= std::int64_t(labels.labels.size() / 100));
    }
}

TEST_CASE("semantic_labels: equal logits go to the first class; padding does not reach the picture beyond the crop's border") {
    const std::vector<float> equal(3 * 4, 1.5f);
    CHECK(semantic_labels(equal, 3, {2, 2}, 4, {8, 8}, {5, 5}) == filled({5, 5}, 0));
    // Class 1 wins in the right half of the map only, which is padding: with factor 1 the crop leaves no trace of it.
    const std::vector<float> padded{0, 0, 0, 0, -1, 9, -1, 9};
    CHECK(semantic_labels(padded, 2, {2, 2}, 1, {2, 1}, {6, 6}) == filled({6, 6}, 0));
    CHECK(semantic_labels(padded, 2, {2, 2}, 1, {2, 2}, {6, 6}).at(3, 5) == 1);
}

TEST_CASE("semantic_labels: refuses sizes that do not belong together") {
    const std::vector<float> logits(12);
    CHECK_THROWS_WITH_AS(semantic_labels(logits, 3, {2, 2}, 4, {9, 8}, {5, 5}), "semantic_labels: 12 logits of 3 classes (1 .. 256) on a map of 2 x 2, enlarged by 4, do not give 9 x 8 pixels for a picture of 5 x 5", ShapeError);
    CHECK_THROWS_AS(semantic_labels(logits, 2, {2, 2}, 4, {8, 8}, {5, 5}), ShapeError);
    CHECK_THROWS_AS(semantic_labels(logits, 3, {2, 2}, 0, {1, 1}, {5, 5}), ShapeError);
    CHECK_THROWS_AS(semantic_labels(logits, 3, {2, 2}, 4, {0, 8}, {5, 5}), ShapeError);
    CHECK_THROWS_AS(semantic_labels(logits, 3, {2, 2}, 4, {8, 8}, {0, 5}), ShapeError);
    CHECK_THROWS_AS(semantic_labels({}, 257, {2, 2}, 4, {8, 8}, {5, 5}), ShapeError);
    CHECK_THROWS_AS(semantic_labels(logits, 3, {std::int64_t{1} << 40, std::int64_t{1} << 40}, 4, {8, 8}, {5, 5}), ShapeError);
}

TEST_CASE("panoptic: the segments of detectron2's golden file, pixel by pixel") {
    const std::string name = "golden/detection2d/ops/panoptic_combine";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const GoldenFile golden(name);
    const Json::Array& cases = list(member(golden.facts, "cases"));
    REQUIRE(cases.size() == 2);
    for (const Json& run : cases) {
        CAPTURE(text_of(member(run, "name")));
        const PanopticRule rule{float(number(member(run, "instances_score_thresh"))), float(number(member(run, "overlap_threshold"))), whole(member(run, "stuff_area_thresh"))};
        const auto input = [&](const char* key) -> const Tensor& { return golden.tensor(text_of(member(member(run, "inputs"), key))); };
        const Tensor &masks = input("masks"), &scores = input("scores"), &labels = input("labels"), &semantic = input("semantic");
        const std::int64_t count = masks.shape()[0], height = masks.shape()[1], width = masks.shape()[2];
        const auto integer = [](const Tensor& tensor, std::int64_t i) {
            return tensor.dtype() == DType::i64 ? tensor.data<std::int64_t>()[i] : tensor.dtype() == DType::i32 ? std::int64_t(tensor.data<std::int32_t>()[i]) : std::int64_t(static_cast<const std::uint8_t*>(tensor.raw())[i]);
        };
        std::vector<std::int64_t> order;
        for (std::int64_t i = 0; i < count; ++i) order.push_back(i);
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return scores.data<float>()[a] > scores.data<float>()[b]; });
        PanopticCanvas canvas({height, width}, rule);
        for (const std::int64_t i : order) {
            BitMask mask{height, width, {}};
            for (std::int64_t k = 0; k < height * width; ++k) mask.bits.push_back(static_cast<const std::uint8_t*>(masks.raw())[i * height * width + k] != 0);
            canvas.add_thing(rle_encode(mask), scores.data<float>()[i], int(integer(labels, i)));
        }
        LabelMap stuff{height, width, {}};
        for (std::int64_t k = 0; k < height * width; ++k) stuff.labels.push_back(std::uint8_t(integer(semantic, k)));
        canvas.add_stuff(stuff);

        const Json::Array& segments = list(member(run, "segments"));
        REQUIRE(canvas.segments().size() == segments.size());
        for (std::size_t k = 0; k < segments.size(); ++k) {
            const PanopticSegment& ours = canvas.segments()[k];
            CHECK(ours.id == std::uint32_t(whole(member(segments[k], "id"))));
            CHECK(ours.is_thing == *member(segments[k], "isthing").boolean());
            CHECK(ours.label == whole(member(segments[k], "category_id")));
            if (ours.is_thing) CHECK(double(ours.score) == number(member(segments[k], "score")));
            if (ours.is_thing) CHECK(order[ours.detection] == whole(member(segments[k], "instance_id")));
            else CHECK(ours.area == whole(member(segments[k], "area")));
        }
        const Tensor& expected = golden.tensor(text_of(member(member(run, "outputs"), "panoptic")));
        std::int64_t different = 0;
        for (std::int64_t k = 0; k < height * width; ++k) different += integer(expected, k) == std::int64_t(canvas.map().ids[std::size_t(k)]) ? 0 : 1;
        CHECK(different == 0);
    }
}

TEST_CASE("panoptic: a thing keeps its free pixels, unless more than half of it is taken") {
    PanopticCanvas canvas({1, 8}, tiny);
    canvas.add_thing(rle_encode(mask_of(1, 8, "####....")), 0.9f, 3);
    canvas.add_thing(rle_encode(mask_of(1, 8, "..####..")), 0.8f, 4);  // exactly half: stays
    canvas.add_thing(rle_encode(mask_of(1, 8, "...#####")), 0.7f, 5);  // 3 of 5 are taken: goes
    canvas.add_thing(rle_encode(mask_of(1, 8, "........")), 0.6f, 6);  // nothing of it
    canvas.add_thing(rle_encode(mask_of(1, 8, "......#.")), 0.5f, 7);  // a score of exactly one half stays
    canvas.add_thing(rle_encode(mask_of(1, 8, ".......#")), 0.49f, 8);
    canvas.add_thing(rle_encode(mask_of(1, 8, ".......#")), 0.99f, 9);  // after the first below the score all are refused
    CHECK(canvas.map().ids == std::vector<std::uint32_t>{1, 1, 1, 1, 2, 2, 3, 0});
    REQUIRE(canvas.segments().size() == 3);
    CHECK(canvas.segments()[0].area == 4);
    CHECK(canvas.segments()[1].area == 2);
    CHECK(canvas.segments()[1].label == 4);
    CHECK(canvas.segments()[2].label == 7);
    CHECK(canvas.segments()[2].detection == 4);
    canvas.add_stuff({1, 8, {1, 1, 1, 1, 1, 1, 1, 2}});
    CHECK(canvas.map().ids == std::vector<std::uint32_t>{1, 1, 1, 1, 2, 2, 3, 4});
    CHECK(canvas.segments().back().label == 2);  // of label 1 no pixel was free
    CHECK_FALSE(canvas.segments().back().is_thing);
}

TEST_CASE("panoptic: stuff needs 4096 free pixels; label 0 is no stuff") {
    const PictureSize size{128, 64};
    for (const bool one_taken : {false, true}) {
        PanopticCanvas canvas(size, {});
        if (one_taken) canvas.add_thing(box_mask(size, 0, 0, 1, 1), 0.9f, 0);
        LabelMap labels = filled(size, 0);
        std::fill_n(labels.labels.begin(), 4096, std::uint8_t(9));
        canvas.add_stuff(labels);
        REQUIRE(canvas.segments().size() == 1);
        CHECK(canvas.segments()[0].is_thing == one_taken);
        CHECK(canvas.segments()[0].area == (one_taken ? 1 : 4096));
        CHECK(canvas.map().at(127, 63) == 0);
        CHECK(canvas.map().at(63, 63) == (one_taken ? 0 : 1));
    }
    PanopticCanvas canvas(size, {});
    canvas.add_stuff(filled(size, 255));
    REQUIRE(canvas.segments().size() == 1);
    CHECK(canvas.segments()[0].label == 255);
    CHECK(canvas.segments()[0].area == 8192);
}

TEST_CASE("panoptic: pictures of one pixel and of none; sizes that differ are refused") {
    PanopticCanvas one({1, 1}, tiny);
    one.add_thing(rle_encode(mask_of(1, 1, "#")), 0.9f, 0);
    one.add_stuff(filled({1, 1}, 1));
    CHECK(one.map().ids == std::vector<std::uint32_t>{1});
    CHECK(one.segments().size() == 1);
    PanopticCanvas none({0, 0}, tiny);
    none.add_stuff({0, 0, {}});
    CHECK(none.segments().empty());
    CHECK_THROWS_WITH_AS(one.add_thing(rle_encode(mask_of(1, 2, "##")), 0.9f, 0), "panoptic: a mask of 1 x 2 pixels on a picture of 1 x 1", ShapeError);
    CHECK_THROWS_AS(one.add_thing({1, 1, {7}}, 0.9f, 0), ShapeError);
    CHECK_THROWS_WITH_AS(one.add_stuff(filled({2, 1}, 1)), "panoptic: semantic labels of 2 x 1 pixels on a picture of 1 x 1", ShapeError);
    CHECK_THROWS_WITH_AS(PanopticCanvas({-1, 1}, tiny), "panoptic: -1 x 1 is not a picture size", ShapeError);
    CHECK(one.map().ids == std::vector<std::uint32_t>{1});
}

TEST_CASE("combine_panoptic: names, ids, order of scores; a picture without objects is all stuff") {
    ModelFacts facts;
    facts.class_names = {"nut", "bolt"};
    facts.category_ids = {7, 4};
    facts.stuff_names = {"things", "table"};
    facts.stuff_ids = {0, 90};
    facts.panoptic.stuff_area = 1;
    const PictureSize size{4, 8};
    DetectionList detections{size, {}};
    const auto add = [&](float left, float right, float score, int label) {
        Detection detection;
        detection.box = {left, 0, right, 4};
        detection.score = score;
        detection.label = label;
        detection.picture = size;
        detection.mask_side = 8;
        detection.mask_probabilities.assign(64, 1.0f);
        detections.items.push_back(detection);
    };
    add(0, 2, 0.6f, 0);
    add(2, 4, 0.9f, 1);
    add(4, 6, 0.4f, 1);
    const PanopticResult result = combine_panoptic(detections, filled(size, 1), facts);
    REQUIRE(result.segments.size() == 3);
    CHECK(result.detections.size() == 3);
    CHECK(to_string(result.segments[0]) == "bolt 0.90, 8 pixels");
    CHECK(result.segments[0].category_id == 4);
    CHECK(result.segments[0].detection == 1);
    CHECK(result.segments[1].detection == 0);
    CHECK(to_string(result.segments[2]) == "table, 16 pixels");
    CHECK(result.segments[2].category_id == 90);
    CHECK(class_counts(result) == std::vector<std::pair<std::string, int>>{{"nut", 1}, {"bolt", 1}, {"table", 1}});
    CHECK(coco_panoptic_json(coco_panoptic(result, 5, "a.png")) == R"({"image_id":5,"file_name":"a.png","segments_info":[{"id":1,"category_id":4,"area":8,"iscrowd":0},{"id":2,"category_id":7,"area":8,"iscrowd":0},{"id":3,"category_id":90,"area":16,"iscrowd":0}]})");

    const PanopticResult bare = combine_panoptic({size, {}}, filled(size, 2), facts);
    REQUIRE(bare.segments.size() == 1);
    CHECK(bare.segments[0].class_name == "stuff 2");
    CHECK(bare.segments[0].category_id == 2);
    CHECK(combine_panoptic({size, {}}, filled(size, 0), facts).segments.empty());
    detections.items[0].mask_side = 0;
    CHECK_THROWS_AS(combine_panoptic(detections, filled(size, 1), facts), ArgumentError);
}

TEST_CASE("panoptic detector: pictures of several sizes alone give what they gave, the detector's objects beside; the CPU and the reference agree") {
    ModelFacts facts;
    facts.preprocessing.long_side = 160;
    facts.preprocessing.short_side = 96;
    facts.panoptic.stuff_area = 16;
    facts.panoptic.score = 0.1f;
    const Graph graph = recorded<Small>();
    const Weights weights = seeded_weights(graph, "detectron2", 3);
    const PanopticDetector detector(CpuBackend{}, graph, weights, facts);
    const PanopticDetector oracle(ReferenceBackend{}, graph, weights, facts);
    for (const PictureSize size : {PictureSize{75, 120}, PictureSize{200, 131}, PictureSize{1, 1}}) {
        CAPTURE(size.height);
        const Image image = noise(size.height, size.width);
        const PanopticResult ours = detector(image), theirs = oracle(image);
        CHECK(ours.map.size() == size);
        CHECK(detector(image).map == ours.map);
        CHECK(ours.detections.size() == detector.detector()(image).size());
        std::int64_t area = 0, different = 0;
        for (const PanopticSegment& segment : ours.segments) area += segment.area;
        CHECK(area == std::int64_t(ours.map.ids.size()) - std::count(ours.map.ids.begin(), ours.map.ids.end(), 0u));
        for (std::size_t i = 0; i < ours.map.ids.size(); ++i) {
            const auto kind = [&](const PanopticResult& result) { return result.map.ids[i] == 0 ? -1 : result.segments[result.map.ids[i] - 1].label + (result.segments[result.map.ids[i] - 1].is_thing ? 0 : 1000); };
            different += kind(ours) == kind(theirs) ? 0 : 1;
        }
        CHECK(double(different) <= std::max(10.0, 0.005 * double(ours.map.ids.size())));  // as the golden cases allow for a mask
    }
    const Image pictures[] = {noise(75, 120), noise(75, 120)};
    const auto batch = detector(pictures);
    REQUIRE(batch.size() == 2);
    CHECK(batch[0].map == batch[1].map);
}

TEST_CASE("panoptic detector: a graph without a semantic head or without masks is refused") {
    Graph graph = recorded<MaskRcnn<RegNet<regnetx_200mf>, 64, 5>>();
    CHECK_FALSE(gives_segments(graph));
    CHECK_THROWS_WITH_AS(PanopticDetector(CpuBackend{}, graph, Weights{}, ModelFacts{}),
                         "panoptic: mask_rcnn has no semantic head beside masks (outputs \"semantic_logits\" and \"masks\"); use a detector for it, or a Panoptic FPN", ArgumentError);
    graph = recorded<Small>();
    CHECK(gives_segments(graph));
    CHECK(graph.name == "panoptic_fpn");
}

TEST_CASE("draw: each segment in its class's colour, void as it was, without boxes") {
    const PictureSize size{40, 60};
    PanopticResult result;
    result.map = {size.height, size.width, std::vector<std::uint32_t>(std::size_t(size.height * size.width))};
    for (std::int64_t y = 0; y < 40; ++y) {
        for (std::int64_t x = 0; x < 40; ++x) result.map.ids[std::size_t(y * 60 + x)] = x < 20 ? 1 : 2;  // the last 20 columns are void
    }
    result.segments = {{1, true, 3, "bolt", 4, 0.9f, 800, 0}, {2, false, 3, "table", 90, 0, 800, 0}};
    Image image(size.height, size.width);
    std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t(128));
    const Image before = image;
    DrawStyle plain;
    plain.labels = false;
    plain.legend = {{3, "", 0}};  // a legend of one line that covers little
    draw(image, result, plain);
    const auto differs = [&](std::int64_t y, std::int64_t x) { return !std::equal(image.pixel(y, x), image.pixel(y, x) + 3, before.pixel(y, x)); };
    CHECK(differs(20, 10));
    CHECK(differs(20, 30));
    CHECK_FALSE(std::equal(image.pixel(20, 10), image.pixel(20, 10) + 3, image.pixel(20, 30)));  // a thing and stuff of one label
    Image untouched = before;
    draw(untouched, PanopticResult{{}, {size.height, size.width, std::vector<std::uint32_t>(2400)}, {}}, {});
    CHECK(untouched == before);
}
