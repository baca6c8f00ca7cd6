#include <doctest/doctest.h>

#include <cstdio>
#include <string>

#include <regulus/data/file.hpp>
#include <regulus/evaluate/coco_dataset.hpp>

using namespace regulus;

namespace {

const std::string images = R"("images":[{"id":7,"width":6,"height":4,"file_name":"a \u00e9.jpg","license":3},{"id":2,"width":10,"height":10}])";
const std::string categories = R"("categories":[{"id":3,"name":"nut","supercategory":"part"},{"id":1,"name":"bolt"}])";

std::string file_of(const std::string& annotation) { return "{" + images + "," + categories + R"(,"annotations":[)" + annotation + "]}"; }

std::string object(const std::string& more) { return R"({"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3.5,2],"area":6)" + more + "}"; }

}  // namespace

TEST_CASE("read_coco_annotations: pictures, categories, boxes, polygons, both kinds of run lengths, keypoints") {
    const std::string text = R"( {"info":{"year":2017,"x":[1,{"]":"}\"["}]},)" + images + "," + categories + R"(,"licenses":[], "annotations" : [
        {"id":10,"image_id":7,"category_id":3,"bbox":[1,2,3.5,2],"area":6.25,"iscrowd":0,"segmentation":[[1,1,5,1,5,3,1,3],[0,0,2,0,1.5,2]],"extra":null},
        {"id":11,"image_id":7,"category_id":1,"bbox":[0,0,6,4],"area":4,"iscrowd":1,"segmentation":{"size":[4,6],"counts":[0,4,20]}},
        {"id":0,"image_id":7,"category_id":1,"bbox":[0,0,6,4],"area":4,"segmentation":{"counts":"0 4d0","size":[4,6]}},
        {"id":12,"image_id":2,"category_id":1,"bbox":[0,0,6,4],"area":4,"keypoints":[1,2,2, 0,0,0, 3,4.5,1],"segmentation":[]}
    ]} )";
    std::string valid = text;
    valid.replace(valid.find("0 4d0"), 5, rle_to_string({4, 6, {0, 4, 20}}));
    const CocoDataset dataset = parse_coco_annotations(valid, "test");
    REQUIRE(dataset.images.size() == 2);
    CHECK(dataset.images[0].id == 7);
    CHECK(dataset.images[0].width == 6);
    CHECK(dataset.images[0].height == 4);
    CHECK(dataset.images[0].file_name == "a \xc3\xa9.jpg");
    CHECK(dataset.images[1].file_name.empty());
    REQUIRE(dataset.categories.size() == 2);
    CHECK(dataset.categories[0].supercategory == "part");
    REQUIRE(dataset.annotations.size() == 4);
    const CocoAnnotation &polygons = dataset.annotations[0], &runs = dataset.annotations[1], &compressed = dataset.annotations[2],
                         &person = dataset.annotations[3];
    CHECK(polygons.bbox == std::array<double, 4>{1, 2, 3.5, 2});
    CHECK(polygons.area == 6.25);
    CHECK(polygons.polygons == std::vector<std::vector<double>>{{1, 1, 5, 1, 5, 3, 1, 3}, {0, 0, 2, 0, 1.5, 2}});
    CHECK_FALSE(polygons.rle.has_value());
    CHECK(runs.iscrowd);
    CHECK(*runs.rle == Rle{4, 6, {0, 4, 20}});
    CHECK_FALSE(compressed.iscrowd);
    CHECK(*compressed.rle == *runs.rle);
    CHECK(person.keypoints.size() == 9);
    CHECK(person.num_keypoints == 2);
    CHECK_FALSE(person.has_mask());
    CHECK(rle_area(coco_mask(runs, dataset.images[0])) == 4);
    CHECK(rle_area(coco_mask({.bbox = {}, .polygons = {{1, 1, 5, 1, 5, 3, 1, 3}}, .rle = {}, .keypoints = {}}, dataset.images[0])) == 8);
    CHECK_THROWS_WITH_AS(coco_mask(person, dataset.images[1]), "coco_mask: annotation 12 has no \"segmentation\"", ArgumentError);
}

TEST_CASE("read_coco_annotations: says which element is wrong, and how") {
    const struct {
        std::string text, sentence;
    } cases[] = {
        {"", "f: offset 0 of the JSON text: the text ends where an object should stand"},
        {"[]", "f: offset 0 of the JSON text: expected an object"},
        {"{}", "f: lacks \"images\": annotation files hold lists of images, categories and annotations"},
        {"{" + images + "," + categories + "}", "f: lacks \"annotations\": annotation files hold lists of images, categories and annotations"},
        {R"({"images":{}})", "f: offset 10 of the JSON text: expected the array of images"},
        {R"({"images":[],"images":[]})", "f: offset 13 of the JSON text: the object has \"images\" twice"},
        {R"({"images":[)", "f: offset 11 of the JSON text: the text ends where a value should stand"},
        {R"({"images":[{"id":1)", "f: offset 11 of the JSON text: an array or object is not closed"},
        {R"({"images":["a)", "f: offset 13 of the JSON text: the text ends within a string"},
        {R"({"images":[1 2]})", "f: images[0]: must be an object"},
        {R"({"images":[{"id":1,"width":6}]})", "f: images[0]: lacks \"height\", which must be an integer of 1 .. 2^20"},
        {R"({"images":[{"id":"1","width":6,"height":4}]})", "f: images[0]: \"id\" must be an integer"},
        {R"({"images":[{"id":1,"width":6,"height":4,}]})", "f: images[0]: offset 29 of the JSON text: expected a name in double quotes"},
        {R"({"images":[{"id":1,"width":-6,"height":4}]})", "f: images[0]: \"width\" must be an integer of 1 .. 2^20"},
        {R"({"images":[{"id":1,"width":6,"height":4]]})", "f: images[0]: offset 28 of the JSON text: expected ','"},
        {R"({"info":nul})", "f: \"info\": offset 0 of the JSON text: expected a value"},
        {file_of("") + "x", "f: offset " + std::to_string(file_of("").size()) + " of the JSON text: text after the value"},
        {file_of("7"), "f: annotations[0]: must be an object"},
        {file_of(R"({"id":1})"), "f: annotations[0]: lacks \"image_id\", which must be an integer"},
        {file_of(object("") + "," + object("")), "f: annotations[0] and annotations[1] both have the id 1"},
        {file_of(R"({"id":1,"image_id":8,"category_id":3,"bbox":[1,2,3,4],"area":1})"), "f: annotations[0]: \"image_id\" is 8, which \"images\" does not list"},
        {file_of(R"({"id":1,"image_id":7,"category_id":4,"bbox":[1,2,3,4],"area":1})"),
         "f: annotations[0]: \"category_id\" is 4, which \"categories\" does not list"},
        {file_of(R"({"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3],"area":1})"),
         "f: annotations[0]: \"bbox\" must be 4 numbers x, y, width, height, none beyond 1e12"},
        {file_of(R"({"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3,1e13],"area":1})"),
         "f: annotations[0]: \"bbox\" must be 4 numbers x, y, width, height, none beyond 1e12"},
        {file_of(R"({"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3,4],"area":"1"})"), "f: annotations[0]: \"area\" must be a number, not beyond 1e12"},
        {file_of(object(R"(,"iscrowd":2)")), "f: annotations[0]: \"iscrowd\" must be 0 or 1"},
        {file_of(object(R"(,"segmentation":5)")), "f: annotations[0]: \"segmentation\" must be a list of rings or an object of run lengths"},
        {file_of(object(R"(,"segmentation":[[1,2,3,4,5,6],[1,2,3,4]])")),
         "f: annotations[0]: \"segmentation\" must be run lengths or rings x0, y0, x1, y1, ... of 3 corners or more, ring 1 is not"},
        {file_of(object(R"(,"segmentation":{"size":[4,6]})")),
         "f: annotations[0]: \"segmentation\" must be an object of \"size\": [height, width] and \"counts\", a text or a list of runs"},
        {file_of(object(R"(,"segmentation":{"size":[4,6],"counts":[4,-1]})")),
         "f: annotations[0]: \"segmentation\" must be made of runs of 0 .. 2^32 - 1 pixels"},
        {file_of(object(R"(,"segmentation":{"size":[4,6],"counts":[4,21]})")),
         "f: annotations[0]: \"segmentation\": rle: the runs cover 25 pixels, the mask of 4 x 6 has 24"},
        {file_of(object(R"(,"segmentation":{"size":[4,6],"counts":"!"})")),
         "f: annotations[0]: \"segmentation\": rle_from_string: byte 0 is not one of '0' .. 'o'"},
        {file_of(object(R"(,"segmentation":{"size":[2,6],"counts":[12]})")),
         "f: annotations[0]: \"segmentation\" is of 2 x 6 pixels, its picture has 4 x 6 (height x width)"},
        {file_of(object(R"(,"keypoints":[1,2])")), "f: annotations[0]: \"keypoints\" must be numbers x, y, v for each keypoint, none beyond 1e12"},
        {R"({"images":[],"categories":[{"id":1,"name":"a"},{"id":1,"name":"b"}],"annotations":[]})", "f: categories[0] and categories[1] both have the id 1"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.text);
        CHECK_THROWS_WITH_AS(parse_coco_annotations(each.text, "f"), each.sentence.c_str(), FileError);
    }
}

TEST_CASE("read_coco_annotations: a file cut off anywhere, or with any byte changed, is read or refused, never worse") {
    const std::string whole = file_of(object(R"(,"segmentation":[[1,2,3,4,5,6]])") +
                                      R"(,{"id":2,"image_id":7,"category_id":1,"bbox":[0,0,6,4],"area":4,"segmentation":{"size":[4,6],"counts":[0,4,20]}})");
    REQUIRE(parse_coco_annotations(whole, "f").annotations.size() == 2);
    for (std::size_t length = 0; length < whole.size(); ++length) CHECK_THROWS_AS(parse_coco_annotations(whole.substr(0, length), "f"), FileError);
    int refused = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const char c : {'"', '}', ']', '[', '{', ',', '\\', '-', '9', '\0', '\xff'}) {
            std::string changed = whole;
            changed[i] = c;
            try {
                parse_coco_annotations(changed, "f");
            } catch (const FileError&) {
                ++refused;
            }
        }
    }
    CHECK(refused > 1000);
}

TEST_CASE("read_coco_annotations: deep nesting is refused, not followed") {
    CHECK_THROWS_AS(parse_coco_annotations("{\"info\":" + std::string(1 << 20, '['), "f"), FileError);
    CHECK_THROWS_AS(parse_coco_annotations("{\"info\":" + std::string(1 << 16, '[') + std::string(1 << 16, ']') + "}", "f"), FileError);
}

TEST_CASE("read_coco_results: boxes, masks, keypoints; what is wrong") {
    const std::string mask = rle_to_string({4, 6, {0, 4, 20}});
    const auto results = parse_coco_results(R"([{"image_id":7,"category_id":1,"bbox":[1,2,3,4],"score":0.25},
        {"image_id":7,"category_id":1,"score":1,"segmentation":{"size":[4,6],"counts":")" +
                                                mask + R"("}}, {"image_id":7,"category_id":1,"bbox":[],"score":-1e-3,"keypoints":[1,2,0.5]}])",
                                            "f");
    REQUIRE(results.size() == 3);
    CHECK(results[0].score == 0.25);
    CHECK(*results[0].bbox == std::array<double, 4>{1, 2, 3, 4});
    CHECK_FALSE(results[0].segmentation.has_value());
    CHECK_FALSE(results[1].bbox.has_value());
    CHECK(*results[1].segmentation == Rle{4, 6, {0, 4, 20}});
    CHECK(results[2].keypoints == std::vector<double>{1, 2, 0.5});
    CHECK_FALSE(results[2].bbox.has_value());
    CHECK(parse_coco_results(" [ ] ", "f").empty());

    const struct {
        std::string text, sentence;
    } cases[] = {
        {"{}", "f: offset 0 of the JSON text: expected the array of results"},
        {R"([{"image_id":7,"category_id":1,"score":1}])", "f: results[0]: needs \"bbox\", \"segmentation\" or \"keypoints\""},
        {R"([{"image_id":7,"category_id":1,"bbox":[1,2,3,4]}])", "f: results[0]: lacks \"score\", which must be a number, not beyond 1e12"},
        {R"([{"image_id":7,"category_id":1,"score":1,"segmentation":[[1,2,3,4,5,6]]}])",
         "f: results[0]: \"segmentation\" must be an object of run lengths (results hold no polygons)"},
        {R"([{"image_id":7,"category_id":1,"bbox":[1,2,3,4],"score":NaN}])", "f: results[0]: offset 55 of the JSON text: expected a value"},
        {"[] []", "f: offset 3 of the JSON text: text after the value"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.text);
        CHECK_THROWS_WITH_AS(parse_coco_results(each.text, "f"), each.sentence.c_str(), FileError);
    }
}

TEST_CASE("read_coco_results: reads what write_coco_results wrote; a missing file is named") {
    CocoResult result{7, 3, {0.1, 2.5, 3, 4}, 0.3f, {}};
    result.segmentation = Rle{4, 6, {1, 4, 19}};
    const std::string path = "coco_dataset_test_results.json";
    write_coco_results(path, std::vector{result, result});
    const auto read = read_coco_results(path);
    std::remove(path.c_str());
    REQUIRE(read.size() == 2);
    CHECK(float(read[1].score) == 0.3f);
    CHECK(*read[1].bbox == result.bbox);
    CHECK(*read[1].segmentation == *result.segmentation);
    const auto direct = coco_detections(std::vector{result});
    CHECK(direct[0].score == double(0.3f));
    CHECK(*direct[0].segmentation == *result.segmentation);
    CHECK_THROWS_AS(read_coco_results("no/such/file.json"), FileError);
    CHECK_THROWS_AS(read_coco_annotations("no/such/file.json"), FileError);
}
