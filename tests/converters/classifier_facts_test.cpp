// How a classifier sees pictures, written beside its weights and read back.
#include <doctest/doctest.h>

#include <regulus/zoo/classifier_facts.hpp>
#include <regulus/zoo/classifiers.hpp>

using namespace regulus;
using doctest::Contains;

TEST_CASE("classifier facts: every entry of the zoo comes back from its own text as it was") {
    ClassifierFacts other;  // what is read must not come from here
    other.preprocessing.short_side = 999;
    other.preprocessing.crop = 111;
    other.preprocessing.mean = {9, 9, 9};
    other.preprocessing.std = {9, 9, 9};
    other.preprocessing.divisor = 1;
    int compared = 0;
    for (const ClassifierSpec& model : classifier_models()) {
        CAPTURE(model.name);
        ClassifierFacts start = other;
        start.preprocessing.resize = model.facts.preprocessing.resize == ClassifyResize::opencv_u8 ? ClassifyResize::pillow_bicubic : ClassifyResize::opencv_u8;
        const ClassifierFacts back = facts_from_metadata(facts_to_metadata(model.facts), start, "net.safetensors");
        CHECK(back.preprocessing == model.facts.preprocessing);
        ++compared;
    }
    CHECK(compared > 50);
}

TEST_CASE("classifier facts: names come back; what a file does not state stays as it was") {
    ClassifierFacts facts;
    facts.class_names = {"a \"cat\"", "dog\n"};
    CHECK(facts_from_metadata(facts_to_metadata(facts), {}, "x").class_names == facts.class_names);
    const ClassifierFacts kept = facts_from_metadata({{"regulus.preprocessing", "{\"crop\": 64}"}}, facts, "x");
    CHECK(kept.preprocessing.crop == 64);
    CHECK(kept.preprocessing.short_side == 256);
    CHECK(kept.class_names == facts.class_names);
    CHECK(facts_from_metadata({}, facts, "x").preprocessing == facts.preprocessing);
}

TEST_CASE("classifier facts: what cannot be understood is refused with the source and the key") {
    const auto read = [](const char* text) { return facts_from_metadata({{"regulus.preprocessing", text}}, ClassifierFacts{}, "net.safetensors"); };
    CHECK_THROWS_WITH_AS(read("{\"crop\": 0}"), "load: net.safetensors: regulus.preprocessing: \"crop\" must be an integer of 1 .. 8192", FileError);
    CHECK_THROWS_WITH_AS(read("{\"resize\": \"nearest\"}"), Contains("\"resize\" must be one of the names that Regulus writes"), FileError);
    CHECK_THROWS_WITH_AS(read("{\"divisor\": 0}"), Contains("\"divisor\" must be 1 or 255"), FileError);
    CHECK_THROWS_WITH_AS(read("{\"std\": [1, 0, 1]}"), Contains("three numbers above zero"), FileError);
    CHECK_THROWS_WITH_AS(read("{\"short_side\": 8193}"), Contains("\"short_side\" must be an integer of 1 .. 8192"), FileError);
    CHECK_THROWS_WITH_AS(read("{\"mean\": [1, 2, 1e300]}"), Contains("three numbers of single precision"), FileError);
    CHECK_THROWS_WITH_AS(read("{\"mean\": [1, 2]}"), Contains("three numbers"), FileError);
    CHECK_THROWS_WITH_AS(read("{\"resize_rule\": \"none\"}"), Contains("that of a detector"), FileError);
    CHECK_THROWS_AS(read("[]"), FileError);
    CHECK_THROWS_AS(read("{"), FileError);
}
