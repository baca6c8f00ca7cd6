#include <doctest/doctest.h>

#include <regulus/core/sha256.hpp>
#include <regulus/cpu.hpp>
#include <regulus/pipeline/golden.hpp>
#include <regulus/pipeline/golden_classification.hpp>
#include <regulus/reference.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "pipeline/spoiled_case.hpp"

using namespace regulus;
using doctest::Contains;
using testing::failures;
using testing::SpoiledCase;

namespace {

const char* const cases[] = {"mmpretrain_regnetx_1.6gf",      "mmpretrain_regnetx_8.0gf",     "pycls_regnetx_3.2gf",          "pycls_regnetx_400mf",
                             "pycls_regnetx_400mf_batch3",    "pycls_regnety_400mf",          "timm_regnetx_8.0gf",           "timm_regnety_16gf",
                             "timm_regnety_4.0gf",            "torchvision_regnetx_400mf",    "torchvision_regnety_1.6gf",    "torchvision_regnety_800mf",
                             "torchvision_resnet101",         "torchvision_resnet50",         "torchvision_resnext101_32x4d", "torchvision_resnext101_32x8d"};

std::string folder_of(const std::string& name) { return testing::shared_path("golden/classification/" + name); }

GoldenReport verify(const std::string& folder, const Backend& backend = CpuBackend{}) { return verify_golden_classification(folder, classifier_models(), backend); }

void all_pass(const Backend& backend) {
    for (const char* name : cases) {
        CAPTURE(name);
        REQUIRE(is_classification_case(folder_of(name)));
        const GoldenReport report = verify(folder_of(name), backend);
        CHECK(report.checks.size() >= 16);
        if (!report.passed()) FAIL_CHECK(to_string(report));
    }
}

}  // namespace

TEST_CASE("golden classification: 16 classifiers of four code bases compute on the cpu what their programs computed, node by node") {
    REGULUS_REQUIRE_SHARED("golden/classification/torchvision_resnet50/case.json");
    all_pass(CpuBackend{});
}

TEST_CASE("golden classification: the same on the reference backend") {
    REGULUS_REQUIRE_SHARED("golden/classification/torchvision_resnet50/case.json");
#if defined(REGULUS_SANITIZED)
    CHECK(verify(folder_of("pycls_regnety_400mf"), ReferenceBackend{}).passed());  // the others take too long so
#else
    all_pass(ReferenceBackend{});
#endif
}

TEST_CASE("golden classification: each kind of check notices a change of its own, and it alone") {
    REGULUS_REQUIRE_SHARED("golden/classification/pycls_regnetx_400mf/case.json");
    const auto fails = [](const char* name, const char* tensor, double change) {
        const SpoiledCase spoiled("classification/" + std::string(name));
        spoiled.shift("expected.safetensors", tensor, change);
        return failures(verify(spoiled.folder()));
    };
    using Names = std::vector<std::string>;
    CHECK(fails("pycls_regnetx_400mf", "input", 5e-6) == Names{"input"});
    CHECK(fails("pycls_regnetx_400mf", "s2@value", 1e-3) == Names{"s2"});
    CHECK(fails("pycls_regnetx_400mf", "s4.b1@value", 0.05) == Names{"s4.b1"});
    CHECK(fails("pycls_regnetx_400mf", "logits", 0.05) == Names{"logits"});
    CHECK(fails("pycls_regnetx_400mf", "logits_float64", 1e-3) == Names{"logits_float64"});
    CHECK(fails("pycls_regnetx_400mf", "top5_index", 1) == Names{"top5_index"});
    CHECK(fails("pycls_regnetx_400mf", "top5_probability", 0.1) == Names{"top5_probability"});
    CHECK(fails("torchvision_regnetx_400mf", "input_u8", 1) == Names{"input_u8"});
}

TEST_CASE("golden classification: another picture, other weights, another model are noticed") {
    REGULUS_REQUIRE_SHARED("golden/classification/pycls_regnetx_400mf/case.json");
    {
        const SpoiledCase spoiled("classification/pycls_regnetx_400mf");
        spoiled.replace_in_json("bird.JPEG", "dog.jpg");
        const std::vector<std::string> failed = failures(verify(spoiled.folder()));
        REQUIRE_FALSE(failed.empty());
        CHECK(failed.front() == "decoded");
    }
    {
        const SpoiledCase spoiled("classification/pycls_regnetx_400mf");
        spoiled.replace_in_json("\"salt\":", "\"salt\":1");
        const std::vector<std::string> failed = failures(verify(spoiled.folder()));
        REQUIRE(failed.size() > 10);
        CHECK(failed.front() == "stem");
    }
    {
        const SpoiledCase spoiled("classification/pycls_regnetx_400mf");
        spoiled.replace_in_json("pycls/RegNetX-400MF", "pycls/RegNetX-200MF");
        CHECK_THROWS_WITH_AS(verify(spoiled.folder()), Contains("misshapen"), WeightError);
    }
    {
        const SpoiledCase spoiled("classification/pycls_regnetx_400mf");
        spoiled.replace_in_json("pycls/RegNetX-400MF", "pycls/RegNetQ-400MF");
        CHECK_THROWS_AS(verify(spoiled.folder()), ArgumentError);
    }
    {
        const SpoiledCase spoiled("classification/pycls_regnetx_400mf");
        spoiled.replace_in_json("rgb_sha256", "rgb_sha257");
        CHECK_THROWS_WITH_AS(verify(spoiled.folder()), Contains("rgb_sha256"), FileError);
    }
}

TEST_CASE("golden classification: a detector's case is none, a folder without a case is an error") {
    CHECK_THROWS_AS(is_classification_case("/nonexistent"), FileError);
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_r50/case.json");
    CHECK_FALSE(is_classification_case(testing::shared_path("golden/detection2d/mm_retinanet_r50")));
}

TEST_CASE("sha256: the examples of FIPS 180-4") {
    const auto sum = [](const std::string& text) { return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}); };
    CHECK(sum("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sum("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sum(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
