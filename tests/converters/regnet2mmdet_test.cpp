// What mmdetection's script regnet2mmdet.py makes of pycls's files, held against the state dicts of mmdetection's own RegNets.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

#include <regulus/converters/regnet2mmdet.hpp>
#include <regulus/core/json.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "support/shared_json.hpp"

using namespace regulus;

namespace {

/// Zeros of a peer's list of [name, shape, ...].
Weights zeros_of(const Json& state_dict) {
    Weights weights;
    weights.source = "net.pyth";
    for (const Json& entry : *state_dict.array()) {
        const std::string& name = *(*entry.array())[0].text();
        Shape shape;
        for (const Json& size : *(*entry.array())[1].array()) shape.push_back(*size.integer());
        weights.add(name, Tensor::zeros(shape, shape.rank() == 0 ? DType::i64 : DType::f32));
    }
    return weights;
}

/// One block in one stage: the smallest net that is one.
Weights small_net() {
    Weights weights;
    weights.source = "net.pyth";
    float value = 0;
    const auto add = [&](const std::string& name, const Shape& shape) {
        Tensor tensor(shape, DType::f32);
        for (std::int64_t i = 0; i < shape.numel(); ++i) tensor.data<float>()[i] = value += 1;
        weights.add(name, tensor);
    };
    const auto norm = [&](const std::string& name) {
        for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) add(name + part, {2});
    };
    add("stem.conv.weight", {2, 3, 3, 3});
    norm("stem.bn");
    add("s1.b1.proj.weight", {2, 2, 1, 1});
    norm("s1.b1.bn");
    for (const char* part : {"a", "b", "c"}) {
        add(std::string("s1.b1.f.") + part + ".weight", {2, 2, 1, 1});
        norm(std::string("s1.b1.f.") + part + "_bn");
    }
    add("head.fc.weight", {3, 2});
    add("head.fc.bias", {3});
    return weights;
}

Weights without(const Weights& weights, const std::string& name) {
    Weights result;
    result.source = weights.source;
    for (const auto& entry : weights.entries()) {
        if (entry.name != name) result.add(entry.name, entry.tensor);
    }
    return result;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
    return a.dtype() == b.dtype() && a.shape() == b.shape() && (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

/// A file in the folder of temporary files, removed in the end.
struct TemporaryFile {
    std::string path;
    explicit TemporaryFile(const std::string& suffix) {
        path = (std::filesystem::temp_directory_path() / ("regulus_regnet2mmdet_" + std::to_string(getpid()) + suffix)).string();
    }
    ~TemporaryFile() { std::remove(path.c_str()); }
};

}  // namespace

TEST_CASE("regnet2mmdet: what pycls publishes has, converted, exactly the names and shapes of mmdetection's RegNets, and fc") {
    REGULUS_REQUIRE_SHARED("golden/classification/inventory_pycls.json");
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/mmdet/mask-rcnn_regnetx-12GF_fpn_1x_coco.json");
    const std::map<std::string, std::string> configurations{
        {"RegNetX-400MF", "faster-rcnn_regnetx-400MF_fpn_ms-3x_coco"}, {"RegNetX-800MF", "retinanet_regnetx-800MF_fpn_1x_coco"},
        {"RegNetX-1.6GF", "retinanet_regnetx-1.6GF_fpn_1x_coco"},      {"RegNetX-3.2GF", "retinanet_regnetx-3.2GF_fpn_1x_coco"},
        {"RegNetX-4.0GF", "mask-rcnn_regnetx-4GF_fpn_1x_coco"},        {"RegNetX-6.4GF", "mask-rcnn_regnetx-6.4GF_fpn_1x_coco"},
        {"RegNetX-8.0GF", "mask-rcnn_regnetx-8GF_fpn_1x_coco"},        {"RegNetX-12GF", "mask-rcnn_regnetx-12GF_fpn_1x_coco"}};
    const Json published = testing::shared_json("golden/classification/inventory_pycls.json");
    for (const auto& pair : configurations) {
        const std::string name = pair.first, configuration = pair.second;
        CAPTURE(name);
        const Weights converted = regnet2mmdet(zeros_of(*published.find("models")->find(name)->find("state_dict"))).weights;
        const Json detector = testing::shared_json("golden/detection2d/inventory/mmdet/" + configuration + ".json");
        std::size_t backbone = 0;
        int wrong = 0;
        for (const Json& entry : *detector.find("state_dict")->array()) {
            const std::string& key = *(*entry.array())[0].text();
            if (key.rfind("backbone.", 0) != 0) continue;
            ++backbone;
            Shape shape;
            for (const Json& size : *(*entry.array())[1].array()) shape.push_back(*size.integer());
            const Tensor* tensor = converted.find(key.substr(9));
            if (tensor == nullptr || !(tensor->shape() == shape)) ++wrong;
        }
        CHECK(wrong == 0);
        CHECK(backbone > 100);
        CHECK(converted.size() == backbone + 2);
        CHECK(converted.find("fc.weight") != nullptr);
        CHECK(converted.find("fc.bias") != nullptr);
    }
}

TEST_CASE("regnet2mmdet: a name goes where the script sends it, and what the script leaves out is left out") {
    CHECK(regnet2mmdet_name("stem.conv.weight") == "conv1.weight");
    CHECK(regnet2mmdet_name("stem.bn.num_batches_tracked") == "bn1.num_batches_tracked");
    CHECK(regnet2mmdet_name("head.fc.bias") == "fc.bias");
    CHECK(regnet2mmdet_name("head.conv.weight") == "head.conv.weight");  // passes as it is
    CHECK(regnet2mmdet_name("s3.b1.proj.weight") == "layer3.0.downsample.0.weight");
    CHECK(regnet2mmdet_name("s3.b1.bn.running_var") == "layer3.0.downsample.1.running_var");
    CHECK(regnet2mmdet_name("s4.b12.f.b_bn.bias") == "layer4.11.bn2.bias");
    CHECK(regnet2mmdet_name("pixel_mean").empty());
    CHECK_THROWS_WITH_AS(regnet2mmdet_name("s1.b1.f.se.f_ex.0.weight"),
                         "regnet2mmdet: \"s1.b1.f.se.f_ex.0.weight\" belongs to a RegNetY; mmdetection's RegNet has no squeeze-excite, and its script cannot convert one either", WeightError);
    CHECK_THROWS_AS(regnet2mmdet_name("s1.b2.proj.weight"), WeightError);
    CHECK_THROWS_AS(regnet2mmdet_name("s1.b1.f.d.weight"), WeightError);
    CHECK_THROWS_AS(regnet2mmdet_name("s1.b0.f.a.weight"), WeightError);
}

TEST_CASE("regnet2mmdet: what is no whole RegNet of pycls is refused, and the sentence names what is missing") {
    const Weights net = small_net();
    CHECK(regnet2mmdet(net).weights.size() == net.size());
    CHECK_THROWS_WITH_AS(regnet2mmdet(without(net, "stem.bn.running_var")), "regnet2mmdet: net.pyth is no RegNet of pycls: \"stem.bn.running_var\" is missing", WeightError);
    Weights gap = net;  // stage 3 without stage 2, block 2 without its other parts
    gap.add("s3.b2.f.a.weight", Tensor::zeros({2, 2, 1, 1}, DType::f32));
    CHECK_THROWS_WITH_AS(regnet2mmdet(gap), doctest::Contains("\"s2.b1.proj.weight\""), WeightError);
    CHECK_THROWS_WITH_AS(regnet2mmdet(regnet2mmdet(net).weights), doctest::Contains("has the names of mmdetection already"), WeightError);
    for (const auto& entry : net.entries()) {
        if (entry.name.rfind("head.", 0) == 0) continue;  // the script needs no classifier
        CAPTURE(entry.name);
        CHECK_THROWS_AS(regnet2mmdet(without(net, entry.name)), WeightError);
    }
}

TEST_CASE("regnet2mmdet: other names are reported, the classifier is dropped only when asked for") {
    Weights net = small_net();
    net.add("pixel_mean", Tensor::zeros({3}, DType::f32));
    const Regnet2MmdetResult kept = regnet2mmdet(net);
    CHECK(kept.skipped == std::vector<std::string>{"pixel_mean"});
    CHECK(kept.weights.size() == net.size() - 1);
    Regnet2MmdetOptions options;
    options.keep_head = false;
    CHECK(regnet2mmdet(net, options).weights.size() == net.size() - 3);
    CHECK(regnet2mmdet(net, options).weights.find("fc.weight") == nullptr);
}

TEST_CASE("regnet2mmdet: every layout gives the same file, values bit for bit, in the order of the source") {
    const Weights net = small_net();
    const TemporaryFile torch(".pth"), safe(".safetensors"), dst("_out.pth");
    write_torch(torch.path, net, TorchContent::bare);
    write_safetensors(safe.path, net);
    for (const std::string& src : {torch.path, safe.path}) {
        CAPTURE(src);
        regnet2mmdet(src, dst.path);
        const CheckpointFile file = inspect_checkpoint(dst.path);
        REQUIRE(file.groups.size() == 1);
        CHECK(file.groups[0].name == "state_dict");
        CHECK(file.metadata.empty());
        const Weights written = read_weights(file);
        REQUIRE(written.size() == net.size());
        for (std::size_t i = 0; i < net.size(); ++i) {
            CHECK(written.entries()[i].name == regnet2mmdet_name(net.entries()[i].name));
            CHECK(same_bytes(written.entries()[i].tensor, net.entries()[i].tensor));
        }
    }
}

TEST_CASE("regnet2mmdet: of a pycls file it takes model_state, and the average only when asked") {
    REGULUS_REQUIRE_SHARED("golden/checkpoints/valid/pycls_ema_better.pyth");
    const std::string src = testing::shared_path("golden/checkpoints/valid/pycls_ema_better.pyth");
    const TemporaryFile dst("_ema.pth");
    const auto agrees = [&](const char* group) {
        ReadOptions options;
        options.group = group;
        const Weights source = read_weights(src, options), written = read_weights(dst.path);
        int wrong = source.size() == written.size() ? 0 : 1;
        for (const auto& entry : source.entries()) {
            const Tensor* tensor = written.find(regnet2mmdet_name(entry.name));
            wrong += tensor != nullptr && same_bytes(*tensor, entry.tensor) ? 0 : 1;
        }
        return wrong == 0;
    };
    CHECK(regnet2mmdet(src, dst.path).better_average);
    CHECK(agrees("model_state"));
    CHECK_FALSE(agrees("ema_state"));
    Regnet2MmdetOptions options;
    options.ema = true;
    CHECK_FALSE(regnet2mmdet(src, dst.path, options).better_average);
    CHECK(agrees("ema_state"));
    const std::string legacy = testing::shared_path("golden/checkpoints/valid/pycls_2020_legacy.pyth");
    CHECK_FALSE(regnet2mmdet(legacy, dst.path).better_average);
    CHECK(read_weights(dst.path).find("layer3.1.bn3.num_batches_tracked") != nullptr);
    CHECK_THROWS_AS(regnet2mmdet(legacy, dst.path, options), FileError);
}

TEST_CASE("regnet2mmdet: a refused source leaves the destination as it was; source and destination may be one file") {
    const TemporaryFile src("_src.pth"), dst("_kept.pth");
    std::ofstream(dst.path) << "kept";
    write_torch(src.path, without(small_net(), "stem.conv.weight"), TorchContent::bare);
    CHECK_THROWS_AS(regnet2mmdet(src.path, dst.path), WeightError);
    std::ifstream kept(dst.path);
    CHECK(std::string(std::istreambuf_iterator<char>(kept), {}) == "kept");
    write_torch(src.path, small_net(), TorchContent::bare);
    regnet2mmdet(src.path, src.path);
    CHECK(read_weights(src.path).size() == small_net().size());
}
