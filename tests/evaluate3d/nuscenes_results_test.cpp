// nuScenes' submissions and ground truth as JSON: what is written is read back; what is wrong is said.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/evaluate/nuscenes_convert.hpp>
#include <regulus/evaluate/nuscenes_results.hpp>

#include "evaluate3d/random_boxes.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

bool same(const NuScenesBox& a, const NuScenesBox& b) {
    const auto equal = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    return a.translation == b.translation && a.size == b.size && a.rotation == b.rotation && a.label == b.label && a.attribute == b.attribute &&
           equal(a.velocity[0], b.velocity[0]) && equal(a.velocity[1], b.velocity[1]) && a.score == b.score && a.points == b.points;
}

const std::string box = "{\"sample_token\":\"t\",\"translation\":[1,2,3],\"size\":[2,4,1.5],\"rotation\":[1,0,0,0],\"velocity\":[0,0.5],\"detection_name\":\"bus\",\"detection_score\":0.25,"
                        "\"attribute_name\":\"vehicle.moving\"}";

std::string with(const std::string& from, const std::string& to) {
    std::string text = box;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

std::string file_of(const std::string& boxes) { return "{\"meta\":{\"use_lidar\":true},\"results\":{\"t\":[" + boxes + "]}}"; }

void refused(const std::string& text, const std::string& message) { CHECK_THROWS_WITH_AS(parse_nuscenes_results(text, "f"), ("f: " + message).c_str(), FileError); }

}  // namespace

TEST_CASE("nuScenes results: what is written is read back, digit for digit and in its order") {
    RandomBoxes random(3);
    std::vector<NuScenesTruth> truth;
    std::vector<NuScenesResult> results;
    random.nuscenes(15, 10, truth, results);
    results[3].sample_token = "quote \" and \xC3\xA4";
    REQUIRE_FALSE(results[0].boxes.empty());
    results[0].boxes[0].velocity = {-0.0, 0.0};
    const NuScenesSubmission read = parse_nuscenes_results(nuscenes_results_json(results, {true, false, true, false, true}), "f");
    CHECK(read.meta.use_camera);
    CHECK_FALSE(read.meta.use_lidar);
    CHECK(read.meta.use_external);
    REQUIRE(read.samples.size() == results.size());
    for (std::size_t s = 0; s < results.size(); ++s) {
        CHECK(read.samples[s].sample_token == results[s].sample_token);
        REQUIRE(read.samples[s].boxes.size() == results[s].boxes.size());
        for (std::size_t i = 0; i < results[s].boxes.size(); ++i) CHECK(same(read.samples[s].boxes[i], results[s].boxes[i]));
    }
    CHECK(std::signbit(read.samples[0].boxes[0].velocity[0]));
    CHECK_FALSE(std::signbit(read.samples[0].boxes[0].velocity[1]));
}

TEST_CASE("nuScenes ground truth: what is written is read back, with places of the vehicle, racks and unknown velocities") {
    RandomBoxes random(4);
    std::vector<NuScenesTruth> truth;
    std::vector<NuScenesResult> results;
    random.nuscenes(15, 10, truth, results);
    const std::vector<NuScenesTruth> read = parse_nuscenes_truth(nuscenes_truth_json(truth), "f");
    REQUIRE(read.size() == truth.size());
    for (std::size_t s = 0; s < truth.size(); ++s) {
        CHECK(read[s].ego == truth[s].ego);
        REQUIRE(read[s].boxes.size() == truth[s].boxes.size());
        for (std::size_t i = 0; i < truth[s].boxes.size(); ++i) CHECK(same(read[s].boxes[i], truth[s].boxes[i]));
        REQUIRE(read[s].bicycle_racks.size() == truth[s].bicycle_racks.size());
        for (std::size_t i = 0; i < truth[s].bicycle_racks.size(); ++i) CHECK(read[s].bicycle_racks[i].size == truth[s].bicycle_racks[i].size);
    }
    const NuScenesEvaluation a = evaluate_nuscenes(truth, results), b = evaluate_nuscenes(read, results);
    CHECK(a.nd_score == b.nd_score);
}

TEST_CASE("nuScenes results: every kind of fault is refused by sample, box and member") {
    CHECK(parse_nuscenes_results(file_of(box), "f").samples[0].boxes[0].label == nuscenes_label::bus);
    CHECK(parse_nuscenes_results("{\"results\":{}}", "f").samples.empty());
    const std::string who = "sample t box 0: ";
    refused("{}", "lacks \"results\": a submission is {\"meta\": {...}, \"results\": {sample token: [boxes]}}");
    refused("{\"results\":{\"t\":[],\"t\":[]}}", "offset 19 of the JSON text: \"results\" has \"t\" twice");
    refused("{\"results\":{},\"results\":{}}", "offset 14 of the JSON text: the object has \"results\" twice");
    refused("{\"meta\":{\"use_map\":1},\"results\":{}}", "\"meta\": \"use_map\" must be true or false");
    refused(file_of(box).substr(0, 100), "offset 43 of the JSON text: an array or object is not closed");
    refused(file_of(box) + "x", "offset " + std::to_string(file_of(box).size()) + " of the JSON text: text after the value");
    refused(file_of("3"), who + "must be an object");
    refused(file_of(with("\"t\"", "\"u\"")), who + "\"sample_token\" must be \"t\", under which the box stands");
    refused(file_of(with("[1,2,3]", "[1,2]")), who + "\"translation\" must be 3 numbers, none beyond 1e12");
    refused(file_of(with("[1,2,3]", "[1,2,1e13]")), who + "\"translation\" must be 3 numbers, none beyond 1e12");
    refused(file_of(with("[1,2,3]", "[1,2,\"3\"]")), who + "\"translation\" must be 3 numbers, none beyond 1e12");
    refused(file_of(with("[2,4,1.5]", "[2,0,1.5]")), who + "\"size\" must be width, length and height above 0");
    refused(file_of(with("[1,0,0,0]", "null")), who + "\"rotation\" must be 4 numbers, none beyond 1e12");
    refused(file_of(with("\"bus\"", "\"van\"")), who + "\"detection_name\" must be one of the ten classes (car, truck, bus, ...), not \"van\"");
    refused(file_of(with("vehicle.moving", "flying")), who + "\"attribute_name\" must be empty or one of the eight attributes (vehicle.moving, ...), not \"flying\"");
    refused(file_of(with("0.25", "\"high\"")), who + "\"detection_score\" must be a number, not beyond 1e12");
    refused(file_of(with("\"detection_score\":0.25,", "")), who + "lacks \"detection_score\", which must be a number, not beyond 1e12");
    CHECK_THROWS_AS(parse_nuscenes_results(file_of(with("0.25", "NaN")), "f"), FileError);
    CHECK_THROWS_AS(parse_nuscenes_results(file_of(with("0.25", "1e999")), "f"), FileError);
    CHECK_THROWS_AS(parse_nuscenes_results(std::string(100000, '['), "f"), FileError);
    CHECK_THROWS_AS(parse_nuscenes_results("{\"results\":" + std::string(100000, '['), "f"), FileError);
}

TEST_CASE("nuScenes results: no beginning of a file, and no file with a byte changed, does more than throw FileError") {
    const std::string whole = file_of(box + "," + box);
    for (std::size_t length = 0; length < whole.size(); ++length) CHECK_THROWS_AS(parse_nuscenes_results(whole.substr(0, length), "f"), FileError);
    RandomBoxes random(5);
    int read = 0;
    for (int i = 0; i < 3000; ++i) {
        std::string text = whole;
        for (int k = random.whole(1, 3); k > 0; --k) text[std::size_t(random.whole(0, int(text.size()) - 1))] = char(random.whole(0, 255));
        try {
            parse_nuscenes_results(text, "f");
            ++read;
        } catch (const FileError&) {
        }
    }
    CHECK(read < 3000);
}

TEST_CASE("nuScenes ground truth: the vehicle's place is needed, from \"ego\" or from a box") {
    const std::string bare = "{\"results\":{\"t\":[" + with("\"detection_score\":0.25,", "") + "]}";
    CHECK_THROWS_WITH_AS(parse_nuscenes_truth(bare + "}", "f"), "f: sample t: nothing says where the vehicle was; give \"ego\": {token: [x, y, z]}", FileError);
    CHECK(parse_nuscenes_truth(bare + ",\"ego\":{\"t\":[5,6,7]}}", "f")[0].ego == std::array<double, 3>{5, 6, 7});
    const auto read = parse_nuscenes_truth("{\"results\":{\"t\":[" + with("\"detection_score\":0.25,", "\"ego_translation\":[-4,-4,-4],\"num_pts\":9,") + "]}}", "f");
    CHECK(read[0].ego == std::array<double, 3>{5, 6, 7});
    CHECK(read[0].boxes[0].points == 9);
    CHECK_THROWS_WITH_AS(parse_nuscenes_truth(bare + ",\"ego\":{\"t\":[5,6]}}", "f"), "f: sample t: \"ego\" must be 3 numbers, none beyond 1e12", FileError);
}

TEST_CASE("nuScenes results: the writer refuses what the evaluation would") {
    NuScenesBox bad;
    bad.size = {1, 2, 3};
    bad.score = std::numeric_limits<double>::infinity();
    const std::vector<NuScenesResult> results = {{"t", {bad}}};
    CHECK_THROWS_WITH_AS(nuscenes_results_json(results), "nuscenes_sample_json: box 0 of sample t: the score must be finite", ArgumentError);
    const std::vector<NuScenesResult> twice = {{"t", {}}, {"t", {}}};
    CHECK_THROWS_WITH_AS(nuscenes_results_json(twice), "nuscenes_results_json: the sample t is there twice", ArgumentError);
}

TEST_CASE("nuscenes_truth: the ten classes by category, racks apart, points added, attributes by name") {
    NuScenesTables tables;
    tables.samples = {{"a", 0, 0, 0}, {"b", 0, 0, 1}};
    tables.lidar.resize(2);
    tables.lidar[1].ego_to_global.translation = {7, 8, 9};
    tables.categories = {"vehicle.bus.bendy", "static_object.bicycle_rack", "animal", "movable_object.trafficcone"};
    tables.attributes = {"vehicle.moving", "flying"};
    const auto annotation = [](std::size_t sample, std::size_t category, std::vector<std::size_t> attributes) {
        NuScenesAnnotation a;
        a.token = "x";
        a.sample = sample;
        a.category = category;
        a.attributes = std::move(attributes);
        a.size = {1, 2, 3};
        a.num_lidar_pts = 4;
        a.num_radar_pts = 3;
        return a;
    };
    tables.annotations = {annotation(1, 0, {0}), annotation(1, 1, {}), annotation(0, 2, {}), annotation(0, 3, {})};
    const auto truth = nuscenes_truth(tables);
    REQUIRE(truth.size() == 2);
    CHECK(truth[1].ego == std::array<double, 3>{7, 8, 9});
    REQUIRE(truth[1].boxes.size() == 1);
    CHECK(truth[1].boxes[0].label == nuscenes_label::bus);
    CHECK(truth[1].boxes[0].attribute == nuscenes_attribute_of("vehicle.moving"));
    CHECK(truth[1].boxes[0].points == 7);
    CHECK(truth[1].bicycle_racks.size() == 1);
    REQUIRE(truth[0].boxes.size() == 1);
    CHECK(truth[0].boxes[0].label == nuscenes_label::traffic_cone);
    tables.annotations = {annotation(0, 0, {1})};
    CHECK_THROWS_WITH_AS(nuscenes_truth(tables), "nuscenes_truth: the annotation x has an unknown attribute \"flying\"", ArgumentError);
    tables.annotations = {annotation(0, 0, {0, 0})};
    CHECK_THROWS_WITH_AS(nuscenes_truth(tables), "nuscenes_truth: the annotation x has more than one attribute", ArgumentError);
}
