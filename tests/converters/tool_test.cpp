// `regulus convert` and `regulus inspect` from outside: files in, files out.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>

#include <sys/wait.h>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/regnet2mmdet.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/core/json.hpp>
#include <regulus/core/sha256.hpp>
#include <regulus/data/file.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>
#include <regulus/zoo/classifiers.hpp>
#include <regulus/zoo/zoo.hpp>

#include "support/shared.hpp"
#include "weights/pickle_assembler.hpp"

#if defined(REGULUS_TOOL)

using namespace regulus;

namespace {

struct Answer {
    int code = -1;
    std::string out;
};

/// What the tool prints on both streams, and its exit code.
Answer run(const std::string& arguments) {
    Answer answer;
    FILE* pipe = popen(("'" REGULUS_TOOL "' " + arguments + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return answer;
    char buffer[4096];
    while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe)) answer.out.append(buffer, size);
    const int status = pclose(pipe);
    answer.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return answer;
}

/// A folder of its own, removed in the end.
struct Folder {
    std::string path;
    Folder() {
        path = (std::filesystem::temp_directory_path() / "regulus_tool_XXXXXX").string();
        REQUIRE(mkdtemp(path.data()) != nullptr);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string operator/(const std::string& name) const { return path + "/" + name; }
};

bool same(const Weights& a, const Weights& b) {
    if (a.size() != b.size()) return false;
    for (const auto& entry : a.entries()) {
        const Tensor* other = b.find(entry.name);
        if (other == nullptr || other->dtype() != entry.tensor.dtype() || !(other->shape() == entry.tensor.shape())) return false;
        if (entry.tensor.bytes() != 0 && std::memcmp(other->raw(), entry.tensor.raw(), entry.tensor.bytes()) != 0) return false;
    }
    return true;
}

/// A published classifier's file as its own program writes it.
Weights published(const std::string& name, const std::string& code_base) {
    const Graph graph = recorded(find_classifier(classifier_models(), name));
    return from_regulus(seeded_weights(graph, code_base, 4), graph, code_base);
}

#define REQUIRE_TOOL()                                            \
    if (access(REGULUS_TOOL, X_OK) != 0) {                        \
        ++regulus::testing::skipped_count();                      \
        MESSAGE("skipped: the tool regulus is not built");        \
        return;                                                   \
    }

}  // namespace

TEST_CASE("convert: a classifier goes from code base to code base and back with the same bits, and its preprocessing goes along") {
    REQUIRE_TOOL();
    const Folder folder;
    const Weights pycls = published("pycls/RegNetY-200MF", "pycls");
    write_torch(folder / "net.pyth", pycls, TorchContent::bare);
    REQUIRE(run("convert " + (folder / "net.pyth") + " " + (folder / "ours.safetensors")).code == 0);
    const Weights ours = read_weights(folder / "ours.safetensors");
    CHECK(ours.metadata.at("regulus.model") == "pycls/RegNetY-200MF");
    CHECK(ours.metadata.at("regulus.preprocessing").find("\"resize\": \"opencv_float\"") != std::string::npos);
    REQUIRE(run("convert " + (folder / "ours.safetensors") + " " + (folder / "timm.pth") + " --to timm").code == 0);
    REQUIRE(run("convert " + (folder / "timm.pth") + " " + (folder / "back.pth") + " --to pycls --model pycls/RegNetY-200MF").code == 0);
    CHECK(same(read_weights(folder / "back.pth"), pycls));
    const Answer none = run("convert " + (folder / "ours.safetensors") + " " + (folder / "mm.pth") + " --to mmpretrain");
    CHECK(none.code == 2);  // it has no squeeze-excite
    CHECK(access((folder / "mm.pth").c_str(), F_OK) != 0);
}

TEST_CASE("convert: one net round all code bases and both layouts, and home with the same bits") {
    REQUIRE_TOOL();
    const Folder folder;
    const Weights pycls = published("pycls/RegNetX-200MF", "pycls");
    write_torch(folder / "0.pth", pycls, TorchContent::bare);
    const std::pair<const char*, const char*> stops[] = {{"timm", ".pth"}, {"torchvision", ".safetensors"}, {"mmpretrain", ".pth"}, {"regulus", ".safetensors"}, {"pycls", ".pth"}};
    std::string from = folder / "0.pth";
    for (std::size_t i = 0; i < std::size(stops); ++i) {
        const std::string code_base = stops[i].first, to = folder / (std::to_string(i + 1) + stops[i].second);
        CAPTURE(code_base);
        REQUIRE(run("convert --model pycls/RegNetX-200MF " + from + " " + to + " --to " + code_base).code == 0);
        from = to;
    }
    CHECK(same(read_weights(from), pycls));
    CHECK(run("convert --model pycls/RegNetX-200MF " + from + " " + (folder / "no.pth") + " --to mmdetection").code == 2);  // which has no name for a classifier's head
}

TEST_CASE("convert, inspect, classify: what regnet2mmdet writes, with its head and without") {
    REQUIRE_TOOL();
    const Folder folder;
    const Weights pycls = published("pycls/RegNetX-200MF", "pycls");
    Weights backbone;
    for (const auto& entry : pycls.entries()) {
        if (entry.name.find("head.") == std::string::npos) backbone.add(entry.name, entry.tensor);
    }
    write_torch(folder / "whole.pth", regnet2mmdet(pycls).weights, TorchContent::state_dict);
    write_torch(folder / "backbone.pth", regnet2mmdet(pycls, {.keep_head = false}).weights, TorchContent::state_dict);
    const Answer seen = run("inspect " + (folder / "whole.pth"));
    CHECK(seen.out.find("names of: mmdetection\n") != std::string::npos);
    CHECK(seen.out.find("fits: pycls/RegNetX-200MF\n") != std::string::npos);

    REQUIRE(run("convert " + (folder / "whole.pth") + " " + (folder / "again.pth") + " --to pycls").code == 0);
    CHECK(same(read_weights(folder / "again.pth"), pycls));
    REQUIRE(run("convert " + (folder / "backbone.pth") + " " + (folder / "ours.safetensors")).code == 0);
    CHECK(read_weights(folder / "ours.safetensors").metadata.at("regulus.model") == "pycls/RegNetX-200MF");
    REQUIRE(run("convert " + (folder / "ours.safetensors") + " " + (folder / "again.pth") + " --to pycls").code == 0);
    CHECK(same(read_weights(folder / "again.pth"), backbone));
    REQUIRE(run("convert " + (folder / "backbone.pth") + " " + (folder / "again.pth") + " --to mmdetection").code == 0);
    CHECK(read_weights(folder / "again.pth").find("backbone.layer3.0.downsample.1.running_var") != nullptr);

    Image grey(40, 50);
    std::fill(grey.pixels.begin(), grey.pixels.end(), std::uint8_t(99));
    write_image(folder / "grey.png", grey);
    const Answer named = run("classify --top 1 --weights " + (folder / "whole.pth") + " " + (folder / "grey.png"));
    CHECK(named.code == 0);
    CHECK(named.out.find("class ") != std::string::npos);
    for (const char* const model : {"", " --model pycls/RegNetX-200MF", " --model timm/regnetx_002"}) {
        const Answer refused = run("classify --weights " + (folder / "backbone.pth") + " " + (folder / "grey.png") + model);
        CHECK(refused.code == 2);
        CHECK(refused.out.find("without a head (there is no \"fc.weight\")") != std::string::npos);
    }
}

TEST_CASE("convert --raw: every tensor of a file with two groups keeps its name behind its group's, its type and its bits") {
    REQUIRE_TOOL();
    REGULUS_REQUIRE_SHARED("golden/checkpoints/valid/pycls_ema_better.pyth");
    const std::string src = testing::shared_path("golden/checkpoints/valid/pycls_ema_better.pyth");
    const Folder folder;
    REQUIRE(run("convert --raw " + src + " " + (folder / "all.safetensors")).code == 0);
    const Weights all = read_weights(folder / "all.safetensors");
    Weights expected;
    for (const char* group : {"model_state", "ema_state"}) {
        ReadOptions options;
        options.group = group;
        const Weights part = read_weights(src, options);
        for (const auto& entry : part.entries()) expected.add(std::string(group) + "." + entry.name, entry.tensor);
    }
    CHECK(same(all, expected));
    REQUIRE(run("convert --raw --group ema_state " + src + " " + (folder / "one.safetensors")).code == 0);
    CHECK(read_weights(folder / "one.safetensors").find("stem.conv.weight") != nullptr);
    CHECK(run("convert --raw --group nothing " + src + " " + (folder / "two.safetensors")).code == 2);
    CHECK(run("convert --raw --to timm " + src + " " + (folder / "two.safetensors")).code == 2);
}

TEST_CASE("inspect: every file that other programs wrote is opened or refused as expected, and so is every broken one") {
    REQUIRE_TOOL();
    REGULUS_REQUIRE_SHARED("golden/checkpoints/expected_valid.json");
    const auto json_of = [](const std::string& relative) {
        const auto bytes = read_file(testing::shared_path(relative), 1 << 24);
        return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, relative);
    };
    const std::string folder = "golden/checkpoints/";
    const Json valid = json_of(folder + "expected_valid.json");
    for (const auto& entry : *valid.find("files")->object()) {
        const std::string& name = entry.first;
        const Json& facts = entry.second;
        CAPTURE(name);
        const std::string path = testing::shared_path(folder + "valid/" + name), verdict = *facts.find("verdict")->text();
        const Answer answer = run("inspect --json " + path);
        if (verdict != "accept") {  // files that hold no tensor we can use open, and say so; the others are refused in one sentence
            CHECK(answer.code != 1);
            CHECK(answer.out.find(name) != std::string::npos);
            continue;
        }
        REQUIRE(answer.code == 0);
        const Json said = parse_json(answer.out, "inspect");
        CHECK(*said.find("weights")->text() == *facts.find("weights")->text());
        for (const auto& group : *facts.find("groups")->object()) {
            const Json* found = nullptr;
            for (const Json& each : *said.find("groups")->array()) {
                if (*each.find("name")->text() == group.first) found = &each;
            }
            REQUIRE(found != nullptr);
            CHECK(found->find("tensors")->array()->size() == group.second.array()->size());
        }
    }
    const Json malformed = json_of(folder + "malformed/expected.json");
    int refused = 0;
    for (const auto& entry : *malformed.object()) {
        CAPTURE(entry.first);
        const std::string& verdict = *entry.second.find("verdict")->text();
        const Answer answer = run("inspect " + testing::shared_path(folder + "malformed/" + entry.first));
        CHECK((answer.code == 0 || answer.code == 2));
        CHECK(answer.out.find(entry.first) != std::string::npos);
        if (verdict == "accept") CHECK(answer.code == 0);
        refused += answer.code == 2 ? 1 : 0;
    }
    CHECK(refused > 150);
}

TEST_CASE("convert --ema, --group: trained weights or their average, as asked") {
    REQUIRE_TOOL();
    const Folder folder;
    const Graph graph = recorded(find_classifier(classifier_models(), "timm/regnetx_002"));
    const Weights trained = from_regulus(seeded_weights(graph, "timm", 4), graph, "timm"), average = from_regulus(seeded_weights(graph, "timm", 77), graph, "timm");
    const auto arrays = [](const Weights& weights) {
        std::string pickle = "}(";
        for (const auto& entry : weights.entries()) {
            const Shape& shape = entry.tensor.shape();
            const std::string bytes(static_cast<const char*>(entry.tensor.raw()), entry.tensor.bytes()), type = entry.tensor.dtype() == DType::f32 ? "f4" : "i8";
            pickle += testing::text(entry.name);
            if (shape.rank() == 0) pickle += testing::ndarray(type, "<", {}, bytes);
            else if (shape.rank() == 1) pickle += testing::ndarray(type, "<", {shape[0]}, bytes);
            else if (shape.rank() == 2) pickle += testing::ndarray(type, "<", {shape[0], shape[1]}, bytes);
            else pickle += testing::ndarray(type, "<", {shape[0], shape[1], shape[2], shape[3]}, bytes);
        }
        return pickle + "u";
    };
    const testing::TemporaryFile both(testing::program(testing::dict({{"state_dict", arrays(trained)}, {"state_dict_ema", arrays(average)}})));  // as timm keeps them
    const auto converted = [&](const std::string& options) {
        const Answer answer = run("convert " + both.path() + " " + (folder / "out.pth") + " --to timm --model timm/regnetx_002 " + options);
        CAPTURE(answer.out);
        REQUIRE(answer.code == 0);
        return read_weights(folder / "out.pth");
    };
    CHECK(same(converted(""), average));  // timm evaluates with it
    CHECK(same(converted("--ema always"), average));
    CHECK(same(converted("--ema never"), trained));
    CHECK(same(converted("--group state_dict"), trained));
    CHECK(same(converted("--group state_dict_ema"), average));
    const Answer none = run("convert " + (folder / "out.pth") + " " + (folder / "again.pth") + " --to timm --model timm/regnetx_002 --ema always");
    CHECK(none.code == 2);
    CHECK(none.out.find("holds no moving average") != std::string::npos);
}

TEST_CASE("classify, detect, convert, inspect: a file of a hundred thousand tensors is refused at once, not compared with every model") {
    REQUIRE_TOOL();
    const Folder folder;
    Weights many;
    const Tensor one = Tensor::zeros({1}, DType::f32);
    for (int i = 0; i < 100'000; ++i) many.add("layer3." + std::to_string(i) + ".conv1.weight", one);
    write_safetensors(folder / "many.safetensors", many);
    Image grey(40, 50);
    write_image(folder / "grey.png", grey);
    for (const std::string& command : {"classify --weights FILE " + (folder / "grey.png"), "detect --weights FILE " + (folder / "grey.png"), "convert FILE " + (folder / "out.pth") + " --to timm", std::string("inspect FILE")}) {
        CAPTURE(command);
        std::string with_file = command;
        with_file.replace(with_file.find("FILE"), 4, folder / "many.safetensors");
        const auto begin = std::chrono::steady_clock::now();
        const Answer answer = run(with_file);
        CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 30);  // a second here; minutes when every model is compared
        CHECK(answer.code == (command == "inspect FILE" ? 0 : 2));
        if (answer.code == 2) CHECK(answer.out.find("fits none of the known") != std::string::npos);
    }
}

TEST_CASE("inspect, convert: a detector of torchvision is recognised, and goes to our file and back with the same bits") {
    REQUIRE_TOOL();
    const Folder folder;
    const Graph graph = recorded(find_model(zoo_models(), "torchvision/retinanet_resnet50_fpn_v2"));
    const Weights theirs = from_regulus(seeded_weights(graph, "torchvision", 4), graph, "torchvision");
    write_torch(folder / "net.pth", theirs, TorchContent::bare);
    const Answer inspected = run("inspect --json " + (folder / "net.pth"));
    CHECK(inspected.code == 0);
    const Json json = parse_json(inspected.out, "inspect");
    CHECK(*json.find("code_base")->text() == "torchvision");
    CHECK(*json.find("architecture")->text() == "RetinaNet: ResNet, stem 64, widths 256, 512, 1024, 2048, depths 3, 4, 6, 3, group width 64, 128, 256, 512");
    REQUIRE(json.find("models")->array()->size() == 1);
    CHECK(*(*json.find("models")->array())[0].text() == "torchvision/retinanet_resnet50_fpn_v2");
    REQUIRE(run("convert " + (folder / "net.pth") + " " + (folder / "ours.safetensors")).code == 0);
    const Weights ours = read_weights(folder / "ours.safetensors");
    CHECK(ours.metadata.at("regulus.model") == "torchvision/retinanet_resnet50_fpn_v2");
    CHECK(ours.metadata.at("regulus.preprocessing").find("\"interpolation\": \"torch_bilinear\", \"channel_order\": \"rgb\", \"divisor\": 255") != std::string::npos);
    REQUIRE(run("convert " + (folder / "ours.safetensors") + " " + (folder / "back.pth") + " --to torchvision").code == 0);
    CHECK(same(read_weights(folder / "back.pth"), theirs));
}

TEST_CASE("inspect: says whose names, which network and which entry of the zoo, and whether the sum in the file's name is right") {
    REQUIRE_TOOL();
    const Folder folder;
    write_torch(folder / "net.pth", published("timm/regnetx_002.pycls_in1k", "timm"), TorchContent::bare);
    const auto bytes = read_file(folder / "net.pth", 1 << 28);
    const std::string named = folder / ("net-" + sha256(bytes).substr(0, 8) + ".pth"), wrong = folder / "net-01234567.pth";
    REQUIRE(std::rename((folder / "net.pth").c_str(), named.c_str()) == 0);
    const Answer right = run("inspect --json " + named);
    CHECK(right.code == 0);
    const Json json = parse_json(right.out, "inspect");
    CHECK(*json.find("code_base")->text() == "timm");
    CHECK(*json.find("architecture")->text() == "classifier of 1000 classes: RegNetX, stem 32, widths 24, 56, 152, 368, depths 1, 1, 4, 7, group width 8");
    REQUIRE(json.find("models")->array()->size() == 1);
    CHECK(*(*json.find("models")->array())[0].text() == "timm/regnetx_002.pycls_in1k");
    CHECK(*json.find("sha256")->text() == sha256(bytes));
    CHECK(*json.find("sha256_as_named")->boolean());
    const Answer fits = run("inspect " + named + " --model pycls/RegNetX-200MF"), differs = run("inspect " + named + " --model pycls/RegNetX-400MF");
    CHECK(fits.code == 0);
    CHECK(fits.out.find("fits pycls/RegNetX-200MF") != std::string::npos);
    CHECK(differs.code == 1);
    CHECK(differs.out.find("(timm: s1.b1.conv1.conv.weight)") != std::string::npos);
    REQUIRE(std::rename(named.c_str(), wrong.c_str()) == 0);
    const Answer damaged = run("inspect " + wrong);
    CHECK(damaged.code == 1);
    CHECK(damaged.out.find("DIFFERS from the file's name") != std::string::npos);
}

#endif
