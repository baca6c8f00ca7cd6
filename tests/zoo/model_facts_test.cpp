#include <doctest/doctest.h>

#include <regulus/zoo/model_spec.hpp>

using namespace regulus;
using doctest::Contains;

namespace {

ModelFacts odd_facts() {
    ModelFacts facts;
    facts.preprocessing.resize_rule = ResizeRule::detectron2_short;
    facts.preprocessing.long_side = 1001;
    facts.preprocessing.short_side = 333;
    facts.preprocessing.interpolation = Interpolation::pillow_bicubic;
    facts.preprocessing.channel_order = ChannelOrder::rgb;
    facts.preprocessing.mean = {0.1f, 1.0f / 3, 123.675f};
    facts.preprocessing.std = {1e-3f, 58.395f, 3.4e38f};
    facts.preprocessing.pad_divisor = 7;
    facts.preprocessing.divisor = 0.3f;
    facts.class_names = {"a \"quoted\" name", "line\nbreak", "gr\xc3\xbcn"};
    facts.category_ids = {3, 1, 90};
    facts.stuff_names = {"things", "\"sky\""};
    facts.stuff_ids = {0, 187};
    return facts;
}

}  // namespace

TEST_CASE("facts: what is written into metadata reads back to the last bit") {
    const ModelFacts facts = odd_facts();
    const ModelFacts back = facts_from_metadata(facts_to_metadata(facts), ModelFacts{}, "file");
    CHECK(back.preprocessing == facts.preprocessing);
    CHECK(back.class_names == facts.class_names);
    CHECK(back.category_ids == facts.category_ids);
    CHECK(back.stuff_names == facts.stuff_names);
    CHECK(back.stuff_ids == facts.stuff_ids);
    CHECK(back.stuff_name(1) == "\"sky\"");
    CHECK(back.stuff_name(2) == "stuff 2");
    CHECK(back.stuff_id(1) == 187);
    CHECK(back.stuff_id(7) == 7);
}

TEST_CASE("facts: every rule that a picture can be resized by has a name in files") {
    for (const ResizeRule rule : {ResizeRule::none, ResizeRule::mmdet_keep_ratio, ResizeRule::detectron2_short, ResizeRule::torchvision_short}) {
        for (const Interpolation interpolation : {Interpolation::opencv_bilinear, Interpolation::pillow_bilinear, Interpolation::pillow_bicubic, Interpolation::torch_bilinear}) {
            ModelFacts facts;
            facts.preprocessing.resize_rule = rule;
            facts.preprocessing.interpolation = interpolation;
            CHECK(facts_from_metadata(facts_to_metadata(facts), ModelFacts{}, "file").preprocessing == facts.preprocessing);
        }
    }
}

TEST_CASE("facts: the file's go before the model's, keys that it lacks keep the model's") {
    const ModelFacts facts = facts_from_metadata({{"regulus.preprocessing", R"({"short_side": 64})"}}, odd_facts(), "file");
    CHECK(facts.preprocessing.short_side == 64);
    CHECK(facts.preprocessing.long_side == 1001);
    CHECK(facts.class_names == odd_facts().class_names);
}

TEST_CASE("facts: class names of mmdetection's checkpoints count when the model has none") {
    const std::map<std::string, std::string> mmdetection{{"meta.dataset_meta.classes", R"(["nut","washer"])"}};
    CHECK(facts_from_metadata(mmdetection, ModelFacts{}, "file").class_names == std::vector<std::string>{"nut", "washer"});
    CHECK(facts_from_metadata({{"meta.CLASSES", R"(["cat"])"}}, ModelFacts{}, "file").class_names == std::vector<std::string>{"cat"});
    CHECK(facts_from_metadata(mmdetection, odd_facts(), "file").class_names == odd_facts().class_names);
    CHECK(facts_from_metadata({{"meta.CLASSES", "('cat', 'dog')"}}, ModelFacts{}, "file").class_names.empty());  // another program's text
}

TEST_CASE("facts: a regulus key that cannot be understood is refused, naming file and key") {
    const auto read = [](const char* key, const char* value) { return facts_from_metadata({{key, value}}, ModelFacts{}, "net.safetensors"); };
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"std": [1, 2]})"), "load: net.safetensors: regulus.preprocessing: \"std\" must be three numbers", FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"long_side": 0})"), Contains("\"long_side\" must be an integer"), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"long_side": 99999999999})"), Contains("\"long_side\""), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"short_side": 65536})"), Contains("\"short_side\" must be an integer of 1 .. 8192"), FileError);  // 13 GB a picture
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"pad_divisor": 1048576})"), Contains("\"pad_divisor\""), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"mean": [0, 0, 1e39]})"), Contains("single precision"), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"std": [1, 1, -1]})"), Contains("three numbers above zero"), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"divisor": 0})"), "load: net.safetensors: regulus.preprocessing: \"divisor\" must be a number above zero of single precision", FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"divisor": 1e39})"), Contains("\"divisor\""), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"divisor": 1e-60})"), Contains("\"divisor\""), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"divisor": "255"})"), Contains("\"divisor\""), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", R"({"channel_order": "grb"})"), Contains("\"channel_order\""), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", "[]"), Contains("must be a JSON object"), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.preprocessing", "{"), Contains("net.safetensors"), FileError);
    CHECK_THROWS_AS(read("regulus.classes", R"({"a": 1})"), FileError);
    CHECK_THROWS_AS(read("regulus.category_ids", R"(["one"])"), FileError);
    CHECK_THROWS_WITH_AS(read("regulus.stuff_ids", "[0, 1.5]"), "load: net.safetensors: regulus.stuff_ids must be a JSON array of integers", FileError);
    CHECK_THROWS_WITH_AS(read("regulus.stuff_classes", "[]"), "load: net.safetensors: regulus.stuff_classes must be a JSON array of names", FileError);
}

TEST_CASE("facts: labels without a name or an id get one that says so") {
    ModelFacts facts;
    facts.class_names = {"nut"};
    facts.category_ids = {7};
    CHECK(facts.class_name(0) == "nut");
    CHECK(facts.class_name(3) == "class 3");
    CHECK(facts.class_name(-1) == "class -1");
    CHECK(facts.category_id(0) == 7);
    CHECK(facts.category_id(3) == 4);
}
