#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <sstream>
#include <thread>

#include <regulus/core/json.hpp>
#include <regulus/cpu.hpp>
#include <regulus/data/file.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/pipeline/detector.hpp>
#include <regulus/pipeline/draw.hpp>
#include <regulus/reference.hpp>
#include <regulus/weights/read_weights.hpp>

#include "../../examples/fasteners.hpp"

/// Drawing text brings in fontconfig, which keeps some memory until the end of the program and leaves it to the system.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }

using namespace regulus;
using doctest::Contains;

namespace {

const std::string pictures = REGULUS_TEST_DATA "/fasteners/";

Weights shipped_weights() { return read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors"); }

const AnyDetector& shipped_detector() {
    static const Detector<Fasteners> detector{CpuBackend{}, shipped_weights(), CompileOptions{.threads = 2}};
    return detector;
}

Image picture(int number) {
    char name[32];
    std::snprintf(name, sizeof name, "val_%04d.jpg", number);
    return read_image(pictures + name);
}

/// One detection of mmdetection's results file.
struct Peer {
    std::int64_t image_id;
    std::int64_t category_id;
    std::array<double, 4> box;  // x y width height
    double score;
    Rle mask;
};

std::vector<Peer> mmdetection_results() {
    const auto bytes = read_file(pictures + "mmdetection_detections.json", 1 << 26);
    const Json json = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "results");
    const auto number = [](const Json& value) { return value.real() != nullptr ? *value.real() : double(*value.integer()); };
    std::vector<Peer> results;
    for (const Json& entry : *json.array()) {
        Peer peer{*entry.find("image_id")->integer(), *entry.find("category_id")->integer(), {}, number(*entry.find("score")), {}};
        for (std::size_t i = 0; i < 4; ++i) peer.box[i] = number((*entry.find("bbox")->array())[i]);
        const Json& mask = *entry.find("segmentation");
        peer.mask = rle_from_string(*mask.find("counts")->text(), *(*mask.find("size")->array())[0].integer(), *(*mask.find("size")->array())[1].integer());
        results.push_back(std::move(peer));
    }
    return results;
}

double iou(const std::array<double, 4>& a, const std::array<double, 4>& b) {
    const double width = std::min(a[0] + a[2], b[0] + b[2]) - std::max(a[0], b[0]);
    const double height = std::min(a[1] + a[3], b[1] + b[3]) - std::max(a[1], b[1]);
    if (width <= 0 || height <= 0) return 0;
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height);
}

bool equal(const DetectionList& a, const DetectionList& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i].box != b[i].box || a[i].score != b[i].score || a[i].label != b[i].label || a[i].mask_probabilities != b[i].mask_probabilities) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("detector: boxes are clipped to the original picture, and what is empty then left out, where the model's facts say so") {
    const std::vector<float> corners{-8, -6, 20, 30,   // reaches out above and to the left
                                     10, 10, 90, 70,   // out of the whole picture of 80 x 60
                                     82, 20, 95, 30,   // beside it
                                     5, 40, 5, 50,     // no width
                                     std::nanf(""), 1, 2, 3};
    Outputs outputs;
    Tensor boxes(Shape{5, 4}, DType::f32), scores = Tensor::zeros(Shape{5}), labels(Shape{5}, DType::i32), count(Shape{1}, DType::i32), info(Shape{1, 4}, DType::f32);
    std::copy(corners.begin(), corners.end(), boxes.data<float>());
    for (int i = 0; i < 5; ++i) labels.data<std::int32_t>()[i] = i;
    count.data<std::int32_t>()[0] = 5;
    outputs.add("boxes", boxes);
    outputs.add("scores", scores);
    outputs.add("labels", labels);
    outputs.add("count", count);
    std::fill_n(info.data<float>(), 4, 0.5f);  // the network saw a picture of half the size
    PreparedBatch batch;
    batch.image_info = info;
    batch.original_sizes = {{120, 160}};
    ModelFacts facts;
    CHECK(collect_detections(outputs, batch, facts, false)[0].size() == 5);
    facts.clips_boxes = true;
    const DetectionList found = collect_detections(outputs, batch, facts, false)[0];
    REQUIRE(found.size() == 2);
    CHECK(found[0].box == std::array<float, 4>{0, 0, 40, 60});
    CHECK(found[1].box == std::array<float, 4>{20, 20, 160, 120});
    CHECK(found[1].label == 1);
}

TEST_CASE("detector: boxes go to the original picture by a quotient or by a factor, as the model's facts say; without objects there is an empty list") {
    const auto collected = [](std::int32_t objects, const ModelFacts& facts, bool in_original_pixels) {
        Outputs outputs;
        Tensor boxes(Shape{1, 4}, DType::f32), count(Shape{1}, DType::i32), info(Shape{1, 4}, DType::f32);
        for (int i = 0; i < 4; ++i) boxes.data<float>()[i] = 33.3f + float(i % 2);
        count.data<std::int32_t>()[0] = objects;
        outputs.add("boxes", boxes);
        outputs.add("scores", Tensor::zeros(Shape{1}));
        outputs.add("labels", Tensor::zeros(Shape{1}, DType::i32));
        outputs.add("count", count);
        outputs.add("masks", Tensor::zeros(Shape{1, 28, 28}));
        const float sizes[] = {255, 342, 255.f / 374.f, 342.f / 500.f};
        std::copy_n(sizes, 4, info.data<float>());
        PreparedBatch batch;
        batch.image_info = info;
        batch.original_sizes = {{374, 500}};
        return collect_detections(outputs, batch, facts, in_original_pixels)[0];
    };
    ModelFacts facts;
    CHECK(collected(0, facts, false).empty());
    CHECK(collected(1, facts, false)[0].box[0] == 33.3f / (342.f / 500.f));
    CHECK(collected(1, facts, false)[0].paste_rule == PasteRule::sampled);
    facts.multiplies_boxes = true;
    facts.paste_rule = PasteRule::torchvision;
    CHECK(collected(0, facts, false).empty());
    const Detection found = collected(1, facts, false)[0];
    const float across = 500.f / 342.f, down = 374.f / 255.f;
    CHECK(found.box == std::array<float, 4>{33.3f * across, 34.3f * down, 33.3f * across, 34.3f * down});
    CHECK(found.box[0] != 33.3f / (342.f / 500.f));  // the last bit
    CHECK(found.paste_rule == PasteRule::torchvision);
    CHECK(collected(1, facts, true)[0].box[0] == 33.3f);
}

TEST_CASE("detector: keypoints are decoded in the network's box, then scaled to the picture as read; COCO's results hold numbers of pixels") {
    Outputs outputs;
    Tensor boxes(Shape{2, 4}, DType::f32), scores = Tensor::zeros(Shape{2}), labels = Tensor::zeros(Shape{2}, DType::i32), count(Shape{1}, DType::i32), info(Shape{1, 4}, DType::f32);
    const std::vector<float> corners{10, 20, 14, 24, 30, 30, 30, 40};
    std::copy(corners.begin(), corners.end(), boxes.data<float>());
    count.data<std::int32_t>()[0] = 2;
    Tensor maps = Tensor::zeros(Shape{2, 3, 4, 4});
    for (int k = 0; k < 3; ++k) maps.data<float>()[16 * k + 5 * k] = 100;  // row k, column k
    outputs.add("boxes", boxes);
    outputs.add("scores", scores);
    outputs.add("labels", labels);
    outputs.add("count", count);
    outputs.add("keypoints", maps);
    const float sizes[] = {60, 80, 0.5f, 0.25f};  // half the height, a quarter of the width
    std::copy(sizes, sizes + 4, info.data<float>());
    PreparedBatch batch;
    batch.image_info = info;
    batch.original_sizes = {{120, 320}};
    ModelFacts facts;
    facts.clips_boxes = true;
    const DetectionList found = collect_detections(outputs, batch, facts, false)[0];
    REQUIRE(found.size() == 1);  // the second box has no width
    REQUIRE(found[0].has_keypoints());
    CHECK(found[0].keypoints == std::vector<Keypoint>{{42, 41, 1}, {46, 43, 1}, {50, 45, 1}});
    CHECK(coco_results(found, 9)[0].keypoints == std::vector<float>{41.5f, 40.5f, 1, 45.5f, 42.5f, 1, 49.5f, 44.5f, 1});
    ModelFacts counting = facts;
    counting.keypoint_origin = 0;
    CHECK(coco_results(collect_detections(outputs, batch, counting, false)[0], 9)[0].keypoints == std::vector<float>{42, 41, 1, 46, 43, 1, 50, 45, 1});
    facts.keypoint_score = KeypointScore::logit;
    CHECK(collect_detections(outputs, batch, facts, false)[0][0].keypoints[1].score == 100);

    // Boxes that leave the graph in pixels of the picture: the same points.
    const std::vector<float> scaled{40, 40, 56, 48, 120, 60, 120, 80};
    std::copy(scaled.begin(), scaled.end(), boxes.data<float>());
    CHECK(collect_detections(outputs, batch, facts, true)[0][0].keypoints[2] == Keypoint{50, 45, 100});

    count.data<std::int32_t>()[0] = 0;
    CHECK(collect_detections(outputs, batch, facts, false)[0].empty());
    count.data<std::int32_t>()[0] = 2;
    Outputs wrong;
    for (const auto& [name, tensor] : outputs.entries()) wrong.add(name, name == "keypoints" ? Tensor::zeros(Shape{1, 3, 4, 4}) : tensor);
    CHECK_THROWS_WITH_AS(collect_detections(wrong, batch, facts, false), "detector: keypoints must be maps of logits [objects, points, side, side], got [1, 3, 4, 4]", ShapeError);
}

TEST_CASE("shipped detector: on twelve pictures it finds what mmdetection found with the float32 checkpoint") {
    // The file holds half-precision weights: scores move by up to 2e-3 and a few rounded decisions with them (measured over 100 pictures: 0.6 % of
    // the detections, IoU of the others >= 0.998).
    std::vector<Peer> peers = mmdetection_results();
    std::size_t unpaired = 0, found = 0;
    double worst_mask = 1;
    for (int i = 0; i < 12; ++i) {
        const DetectionList detections = shipped_detector()(picture(i));
        CHECK(detections.picture == PictureSize{360, 480});
        found += detections.size();
        std::vector<const Detection*> free;
        for (const Detection& detection : detections) free.push_back(&detection);
        for (const Peer& peer : peers) {
            if (peer.image_id != i + 1) continue;
            std::size_t best = free.size();
            double best_iou = 0.99;
            for (std::size_t k = 0; k < free.size(); ++k) {
                const double overlap = free[k]->category_id == peer.category_id && std::abs(double(free[k]->score) - peer.score) < 5e-3 ? iou(coco_box(free[k]->box), peer.box) : 0;
                if (overlap > best_iou) best = k, best_iou = overlap;
            }
            if (best == free.size()) {
                ++unpaired;
                continue;
            }
            if (rle_area(peer.mask) > 100) worst_mask = std::min(worst_mask, rle_iou(free[best]->mask_rle(), peer.mask));
            free.erase(free.begin() + std::ptrdiff_t(best));
        }
        unpaired += free.size();
    }
    MESSAGE(found << " detections, mmdetection " << peers.size() << ", unpaired " << unpaired << ", least mask IoU " << worst_mask);
    CHECK(unpaired <= peers.size() / 50);
    CHECK(worst_mask > 0.9);
}

TEST_CASE("detector: classes, ids and preprocessing come from the weights' file") {
    const ModelFacts& facts = shipped_detector().facts();
    CHECK(facts.class_names == std::vector<std::string>{"nut", "washer", "bolt", "screw", "pin"});
    CHECK(facts.preprocessing.long_side == 400);
    // A type that states nothing gets all from the file.
    const Detector<MaskRcnn<RegNet<regnetx_200mf>, 64, 5, fasteners_sizes>> plain{CpuBackend{}, shipped_weights()};
    CHECK(plain.facts().class_names == facts.class_names);
    CHECK(plain.facts().preprocessing == facts.preprocessing);
}

TEST_CASE("detector: a batch gives each picture what it gets alone when all have one size") {
    const std::vector<Image> batch{picture(0), picture(1), picture(2)};
    const std::vector<DetectionList> together = shipped_detector()(std::span<const Image>(batch));
    REQUIRE(together.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const DetectionList alone = shipped_detector()(batch[i]);
        REQUIRE(together[i].size() == alone.size());
        for (std::size_t k = 0; k < alone.size(); ++k) {
            CHECK(together[i][k].label == alone[k].label);
            CHECK(std::abs(together[i][k].score - alone[k].score) < 1e-4f);  // kernels may sum in another order
        }
    }
}

TEST_CASE("detector: pictures of unlike sizes in one batch come back in their own pixels") {
    const Image hero = read_image(REGULUS_SOURCE_DIR "/examples/pictures/hero_0000.jpg");
    const std::vector<Image> batch{picture(0), hero};
    const std::vector<DetectionList> found = shipped_detector()(std::span<const Image>(batch));
    CHECK(found[0].picture == PictureSize{360, 480});
    CHECK(found[1].picture == PictureSize{720, 960});
    float right = 0;
    for (const Detection& detection : found[1]) right = std::max(right, detection.box[2]);
    CHECK(right > 480);
    CHECK(right <= 960.5f);
    CHECK(class_counts(above(found[1], 0.5f)).size() == 5);
}

TEST_CASE("detector: threads share one detector and get what one thread gets") {
    const AnyDetector& detector = shipped_detector();
    std::array<DetectionList, 4> expected, got;
    for (int i = 0; i < 4; ++i) expected[std::size_t(i)] = detector(picture(i));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { got[std::size_t(i)] = detector(picture(i)); });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < 4; ++i) CHECK(equal(got[i], expected[i]));
}

TEST_CASE("detector: a context of one's own gives the same, and sizes may change from call to call") {
    Context context;
    const Image small = picture(3);
    Image tall(700, 100);
    CHECK(equal(shipped_detector()(context, small), shipped_detector()(small)));
    CHECK_NOTHROW(shipped_detector()(context, tall));
    CHECK(equal(shipped_detector()(context, small), shipped_detector()(small)));
}

TEST_CASE("detector: a picture of one pixel, and one without anything on it, are no error; an empty one is") {
    CHECK(shipped_detector()(Image(1, 1)).size() <= 100);
    CHECK(above(shipped_detector()(Image(240, 320)), 0.5f).empty());
    CHECK_THROWS_AS(shipped_detector()(Image(0, 10)), ShapeError);
    CHECK_THROWS_AS(shipped_detector()(std::span<const Image>()), ShapeError);
}

TEST_CASE("detector: the reference backend finds the same as oneDNN") {
    const Detector<Fasteners> reference{ReferenceBackend{}, shipped_weights()};
    const Image image = picture(4);
    const DetectionList a = shipped_detector()(image), b = reference(image);
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].label == b[i].label);
        CHECK(std::abs(a[i].score - b[i].score) < 1e-4f);
        for (std::size_t j = 0; j < 4; ++j) CHECK(std::abs(a[i].box[j] - b[i].box[j]) < 0.01f);
    }
}

TEST_CASE("detector: weights of another model are refused with what differs, a graph without boxes as well") {
    CHECK_THROWS_WITH_AS((Detector<FastenersRetinaNet>{CpuBackend{}, shipped_weights()}), Contains("missing"), WeightError);
    Graph graph;
    graph.name = "nothing";
    CHECK_THROWS_WITH_AS(gives_original_pixels(graph), Contains("nothing is no detector"), ArgumentError);
    CHECK_FALSE(gives_original_pixels(recorded<Fasteners>()));
    CHECK(gives_original_pixels(recorded<FastenersRetinaNet>()));
}

TEST_CASE("detector: a memory budget that is too small is an error before anything runs") {
    const Detector<Fasteners> detector{CpuBackend{}, shipped_weights(), CompileOptions{.memory_budget = 1000}};
    CHECK_THROWS_AS(detector(picture(0)), BackendError);
}

TEST_CASE("detector: prepare makes the plan that the call uses") {
    const Detector<Fasteners> detector{CpuBackend{}, shipped_weights()};
    CHECK_NOTHROW(detector.prepare({360, 480}));
    CHECK(detector.program().memory(InputSize{1, 256, 352}).arena > 0);  // 331 x 248 padded
}

TEST_CASE("detections: masks, counts, results and text") {
    const DetectionList found = above(shipped_detector()(picture(0)), 0.5f);
    REQUIRE(found.size() > 3);
    const Detection& first = found[0];
    CHECK(first.has_mask());
    const BitMask mask = first.mask();
    CHECK(mask.height == 360);
    CHECK(mask.width == 480);
    CHECK(rle_encode(mask) == first.mask_rle());
    CHECK(rle_area(first.mask_rle()) > 50);

    int sum = 0;
    for (const auto& [name, count] : class_counts(found)) sum += count;
    CHECK(sum == int(found.size()));

    const std::vector<CocoResult> results = coco_results(found, 42);
    REQUIRE(results.size() == found.size());
    CHECK(results[0].image_id == 42);
    CHECK(results[0].category_id == first.label + 1);
    CHECK(results[0].segmentation.has_value());
    CHECK_FALSE(coco_results(found, 42, false)[0].segmentation.has_value());

    Detection plain;
    plain.class_name = "nut";
    plain.score = 0.987f;
    plain.box = {1, 2.25f, 30, 4};
    std::ostringstream text;
    text << plain << "|";
    CHECK(text.str() == "nut 0.99 at 1.0 2.2 30.0 4.0|");
    CHECK_THROWS_AS(plain.mask(), ArgumentError);
    CHECK_THROWS_AS(plain.mask_rle(), ArgumentError);

    for (std::size_t i = 1; i < found.size(); ++i) CHECK(found[i - 1].score >= found[i].score);
}

TEST_CASE("detections: drawing changes the picture and keeps its size") {
    Image image = picture(0);
    const Image before = image;
    draw(image, above(shipped_detector()(before), 0.5f));
    CHECK(image.size() == before.size());
    CHECK_FALSE(image == before);
}
