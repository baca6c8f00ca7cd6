#include <doctest/doctest.h>

#include <string>

#include <regulus/evaluate/coco_panoptic.hpp>

using namespace regulus;

namespace {

const std::string images = R"("images":[{"id":7,"width":6,"height":4,"file_name":"a.jpg"},{"id":2,"width":10,"height":10}])";
const std::string categories = R"("categories":[{"id":3,"name":"nut","isthing":1,"color":[1,2,3]},{"id":1,"name":"table","supercategory":"x","isthing":0}])";

std::string file_of(const std::string& annotations) { return "{" + images + "," + categories + R"(,"annotations":[)" + annotations + "]}"; }
std::string picture(const std::string& segments) { return R"({"image_id":7,"file_name":"a.png","segments_info":[)" + segments + "]}"; }

}  // namespace

TEST_CASE("read_coco_panoptic: pictures, categories, segments; results need no areas") {
    const std::string two = picture(R"({"id":1,"category_id":3,"area":5,"bbox":[0,0,1,1],"iscrowd":0},{"id":16777215,"category_id":1,"area":24,"iscrowd":1})") +
                            R"(,{"image_id":2,"file_name":"sub/b.png","segments_info":[]})";
    const PanopticDataset dataset = parse_coco_panoptic(file_of(two), "test");
    REQUIRE(dataset.images.size() == 2);
    CHECK(dataset.images[0].height == 4);
    REQUIRE(dataset.categories.size() == 2);
    CHECK(dataset.categories[0].isthing);
    CHECK_FALSE(dataset.categories[1].isthing);
    CHECK(dataset.categories[1].name == "table");
    REQUIRE(dataset.annotations.size() == 2);
    REQUIRE(dataset.annotations[0].segments.size() == 2);
    CHECK(dataset.annotations[0].segments[0].area == 5);
    CHECK_FALSE(dataset.annotations[0].segments[0].iscrowd);
    CHECK(dataset.annotations[0].segments[1].id == 16777215);
    CHECK(dataset.annotations[0].segments[1].iscrowd);
    CHECK(dataset.annotations[1].file_name == "sub/b.png");

    const auto results = parse_coco_panoptic_results("{\"images\":3,\"annotations\":[" + picture(R"({"id":9,"category_id":77})") + "]}", "test");
    REQUIRE(results.size() == 1);
    CHECK(results[0].image_id == 7);
    CHECK(results[0].segments[0].category_id == 77);
    CHECK(results[0].segments[0].area == 0);
}

TEST_CASE("coco_panoptic_json: what is written reads back") {
    const std::vector<PanopticAnnotation> written{{7, "a \"b\".png", {{1, 3, 5, false}, {2, 200, 19, true}}}, {8, "c.png", {}}};
    CHECK(coco_panoptic_json(written[1]) == R"({"image_id":8,"file_name":"c.png","segments_info":[]})");
    const auto read = parse_coco_panoptic_results(coco_panoptic_json(written), "test");
    REQUIRE(read.size() == 2);
    CHECK(read[0].file_name == written[0].file_name);
    REQUIRE(read[0].segments.size() == 2);
    CHECK(read[0].segments[1].id == 2);
    CHECK(read[0].segments[1].category_id == 200);
    CHECK(read[0].segments[1].area == 19);
    CHECK(read[0].segments[1].iscrowd);
    CHECK(read[1].segments.empty());
    CHECK(parse_coco_panoptic_results(coco_panoptic_json(std::vector<PanopticAnnotation>{}), "test").empty());
}

TEST_CASE("read_coco_panoptic: says which element is wrong, and how") {
    const struct {
        std::string text, message;
    } cases[] = {
        {"{" + images + "," + categories + "}", "test: lacks \"annotations\": panoptic annotation files hold lists of images, categories and annotations"},
        {file_of("3"), "test: annotations[0]: must be an object"},
        {file_of(R"({"image_id":7,"segments_info":[]})"), "test: annotations[0]: lacks \"file_name\", which must be a text"},
        {file_of(R"({"image_id":7,"file_name":"../a.png","segments_info":[]})"), "test: annotations[0]: \"file_name\" must be a path relative to the folder of PNG files, without \"..\""},
        {file_of(R"({"image_id":7,"file_name":"/a.png","segments_info":[]})"), "test: annotations[0]: \"file_name\" must be a path relative to the folder of PNG files, without \"..\""},
        {file_of(R"({"image_id":7,"file_name":"a/../../a.png","segments_info":[]})"), "test: annotations[0]: \"file_name\" must be a path relative to the folder of PNG files, without \"..\""},
        {file_of(R"({"image_id":7,"file_name":"a.png"})"), "test: annotations[0]: lacks \"segments_info\", which must be a list"},
        {file_of(picture("{}")), "test: annotations[0]: segments_info[0]: lacks \"id\", which must be an integer"},
        {file_of(picture(R"({"id":0,"category_id":3,"area":5})")), "test: annotations[0]: segments_info[0]: \"id\" must be an integer of 1 .. 2^24 - 1, the colours of a PNG"},
        {file_of(picture(R"({"id":16777216,"category_id":3,"area":5})")), "test: annotations[0]: segments_info[0]: \"id\" must be an integer of 1 .. 2^24 - 1, the colours of a PNG"},
        {file_of(picture(R"({"id":1,"category_id":3})")), "test: annotations[0]: segments_info[0]: lacks \"area\", which must be an integer"},
        {file_of(picture(R"({"id":1,"category_id":3,"area":25})")), "test: annotations[0]: segment 1 has an area of 25, its picture has 24 pixels"},
        {file_of(picture(R"({"id":1,"category_id":3,"area":0})")), "test: annotations[0]: segment 1 has an area of 0, its picture has 24 pixels"},
        {file_of(picture(R"({"id":1,"category_id":5,"area":1})")), "test: annotations[0]: segment 1 has category 5, which \"categories\" does not list"},
        {file_of(picture(R"({"id":1,"category_id":3,"area":1,"iscrowd":2})")), "test: annotations[0]: segments_info[0]: \"iscrowd\" must be 0 or 1"},
        {file_of(picture(R"({"id":1,"category_id":3,"area":1},{"id":1,"category_id":1,"area":1})")), "test: annotations[0]: segments_info[0] and segments_info[1] both have the id 1"},
        {file_of(picture("") + "," + picture("")), "test: annotations[0] and annotations[1] are both of picture 7"},
        {file_of(R"({"image_id":5,"file_name":"a.png","segments_info":[]})"), "test: annotations[0]: \"image_id\" is 5, which \"images\" does not list"},
        {R"({"images":[],"categories":[{"id":3,"name":"nut"}],"annotations":[]})", "test: categories[0]: lacks \"isthing\", which must be 0 or 1"},
        {R"({"images":[],"images":[]})", "test: offset 13 of the JSON text: the object has \"images\" twice"},
        {R"({"images":[)", "test: offset 11 of the JSON text: the text ends where a value should stand"},
    };
    for (const auto& wrong : cases) {
        CAPTURE(wrong.text);
        CHECK_THROWS_WITH_AS(parse_coco_panoptic(wrong.text, "test"), wrong.message.c_str(), FileError);
    }
    CHECK_THROWS_WITH_AS(parse_coco_panoptic_results("{}", "test"), "test: lacks \"annotations\", the list of each picture's segments", FileError);
    CHECK_THROWS_WITH_AS(parse_coco_panoptic_results("{\"annotations\":[" + picture("") + "," + picture("") + "]}", "test"), "test: annotations[0] and annotations[1] are both of picture 7", FileError);
    CHECK_THROWS_AS(read_coco_panoptic("no such file.json"), FileError);
}
