// The checkpoint files that other programs wrote, and the broken ones: every name, shape, type and byte, every verdict.
#include <chrono>
#include <cstring>
#include <fstream>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include <regulus/core/json.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "pickle_assembler.hpp"
#include "support/sha256.hpp"
#include "support/shared_json.hpp"

using namespace regulus;
using regulus::testing::sha256;
using regulus::testing::shared_path;

namespace {

const std::string folder = "golden/checkpoints/";

Shape shape_of(const Json& sizes) {
    Shape shape;
    for (const Json& size : *sizes.array()) shape.push_back(*size.integer());
    return shape;
}

std::set<std::string> texts_of(const Json* list) {
    std::set<std::string> texts;
    if (list != nullptr) {
        for (const Json& text : *list->array()) texts.insert(*text.text());
    }
    return texts;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
    return a.dtype() == b.dtype() && a.shape() == b.shape() && (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

void check_tensor(const CheckpointFile& file, const TensorRecord& record, const Json& expected, const std::set<std::string>& may_be_unsupported) {
    const Json::Array& facts = *expected.array();
    INFO(record.name);
    CHECK(record.name == *facts[0].text());
    CHECK(record.dtype == *facts[1].text());
    CHECK(record.shape == shape_of(facts[2]));
    if (!record.element) {
        CHECK(may_be_unsupported.count(record.name) == 1);
        CHECK_THROWS_AS(file.load(record), FileError);
        return;
    }
    const Tensor tensor = file.load(record);
    CHECK(tensor.shape() == record.shape);
    CHECK(name_of(tensor.dtype()) == record.dtype);
    CHECK(sha256(tensor.raw(), tensor.bytes()) == *facts[3].text());
    if (file.is_view(record)) CHECK(reinterpret_cast<std::uintptr_t>(tensor.raw()) % size_of(tensor.dtype()) == 0);
}

}  // namespace

TEST_CASE("sha256: the sums of the standard") {
    CHECK(sha256("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256("", 0) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const std::string million(1'000'000, 'a');
    CHECK(sha256(million.data(), million.size()) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("checkpoints: every group, name, shape, type and byte as the program that wrote the file has it") {
    REGULUS_REQUIRE_SHARED(folder + "expected_valid.json");
    const Json expected = testing::shared_json(folder + "expected_valid.json");
    int files = 0;
    for (const auto& entry : *expected.find("files")->object()) {
        const std::string& name = entry.first;
        const Json& facts = entry.second;
        if (*facts.find("verdict")->text() != "accept") continue;
        ++files;
        INFO(name);
        const CheckpointFile file = inspect_checkpoint(shared_path(folder + "valid/" + name));
        const std::set<std::string> may_be_unsupported = texts_of(facts.find("may_be_unsupported"));
        for (const auto& [group_name, tensors] : *facts.find("groups")->object()) {
            const TensorGroup* group = file.find_group(group_name);
            REQUIRE(group != nullptr);
            REQUIRE(group->tensors.size() == tensors.array()->size());
            const bool sorted = facts.find("order") != nullptr || file.layout == CheckpointLayout::safetensors;  // listed by name, not as in the file
            for (std::size_t i = 0; i < group->tensors.size(); ++i) {
                const std::string& listed = *(*(*tensors.array())[i].array())[0].text();
                const TensorRecord* record = &group->tensors[i];
                if (sorted) {
                    for (const TensorRecord& each : group->tensors) {
                        if (each.name == listed) record = &each;
                    }
                }
                check_tensor(file, *record, (*tensors.array())[i], may_be_unsupported);
            }
        }
        REQUIRE(file.weights_group != CheckpointFile::no_group);
        CHECK(file.groups[file.weights_group].name == *facts.find("weights")->text());
    }
    CHECK(files >= 40);
}

TEST_CASE("checkpoints: content decides what a file is, not its name; in memory it is the same file") {
    REGULUS_REQUIRE_SHARED(folder + "expected_valid.json");
    const Json expected = testing::shared_json(folder + "expected_valid.json");
    for (const auto& entry : *expected.find("files")->object()) {
        if (*entry.second.find("verdict")->text() != "accept") continue;
        INFO(entry.first);
        const auto mapped = MappedFile::open(shared_path(folder + "valid/" + entry.first));
        const CheckpointFile file = inspect_checkpoint(mapped), other = inspect_checkpoint(MappedFile::copy_of(mapped->data(), mapped->size(), "holiday.jpg"));
        CHECK(other.layout == file.layout);
        CHECK(other.weights_group == file.weights_group);
        CHECK(other.metadata == file.metadata);
        REQUIRE(other.groups.size() == file.groups.size());
        for (std::size_t g = 0; g < file.groups.size(); ++g) {
            REQUIRE(other.groups[g].tensors.size() == file.groups[g].tensors.size());
            for (std::size_t i = 0; i < file.groups[g].tensors.size(); ++i) {
                const TensorRecord &a = file.groups[g].tensors[i], &b = other.groups[g].tensors[i];
                CHECK(a.name == b.name);
                if (a.element) CHECK(same_bytes(file.load(a), other.load(b)));
            }
        }
    }
}

TEST_CASE("checkpoints: every group of every file goes through both writers and comes back bit for bit") {
    REGULUS_REQUIRE_SHARED(folder + "expected_valid.json");
    const Json expected = testing::shared_json(folder + "expected_valid.json");
    const testing::TemporaryFile target;
    int groups = 0, tensors = 0;
    for (const auto& entry : *expected.find("files")->object()) {
        if (*entry.second.find("verdict")->text() != "accept") continue;
        INFO(entry.first);
        const CheckpointFile file = inspect_checkpoint(shared_path(folder + "valid/" + entry.first));
        for (const TensorGroup& group : file.groups) {
            Weights all, signed_only;
            for (const TensorRecord& record : group.tensors) {
                if (!record.refusal.empty() || !record.element) continue;
                const Tensor tensor = file.load(record);
                all.add(record.name, tensor);
                const bool has_storage = tensor.dtype() != DType::u16 && tensor.dtype() != DType::u32 && tensor.dtype() != DType::u64;  // PyTorch's typed storages lack these
                if (has_storage) signed_only.add(record.name, tensor);
            }
            const auto check = [&](const Weights& written) {
                const CheckpointFile again = inspect_checkpoint(target.path());
                REQUIRE(again.groups.size() == (written.empty() ? 0 : 1));
                REQUIRE(again.groups[0].tensors.size() == written.size());
                for (std::size_t i = 0; i < written.size(); ++i) {
                    const Weights::Entry& before = written.entries()[i];
                    CHECK(again.groups[0].tensors[i].name == before.name);
                    CHECK(same_bytes(again.load(again.groups[0].tensors[i]), before.tensor));
                    ++tensors;
                }
            };
            ++groups;
            write_safetensors(target.path(), all);
            check(all);
            if (signed_only.empty()) continue;
            write_torch(target.path(), signed_only, TorchContent::bare);
            check(signed_only);
        }
    }
    CHECK(groups >= 44);
    CHECK(tensors > 5000);
}

TEST_CASE("checkpoints: read_weights takes the published weights, without wrappers and copies") {
    REGULUS_REQUIRE_SHARED(folder + "expected_valid.json");
    const auto read = [&](const char* name, const ReadOptions& options = {}) { return read_weights(shared_path(folder + "valid/" + name), options); };
    CHECK(read("torch_new_dataparallel.pth.tar").find("stem.0.weight") != nullptr);
    CHECK(read("torch_new_dataparallel.pth.tar", {.strip_module = false}).find("module.stem.0.weight") != nullptr);
    CHECK(read("mmcv1_zip.pth").size() == 114);
    CHECK(read("mmcv1_zip.pth", {.drop_copies = false}).size() == 115);
    CHECK(read("mmcv1_zip.pth").metadata.at("meta.CLASSES") == R"(["RBC","WBC","Platelets"])");
    CHECK(read("mmcv1_zip.pth").metadata.at("meta.mmcv_version") == "1.3.3");
    const Weights caffe2 = read("caffe2_detection.pkl");
    for (const Weights::Entry& entry : caffe2.entries()) CHECK(entry.name.find("_momentum") == std::string::npos);
    CHECK(read("detectron2_new_protocol5.pkl").metadata.count("__author__") == 1);

    const auto first = [&](const char* name, EmaChoice ema, const std::string& group = "") {
        const Weights weights = read(name, {.group = group, .ema = ema});
        const Tensor& tensor = *weights.find("stem.conv.weight");
        return sha256(tensor.raw(), tensor.bytes()).substr(0, 12);
    };
    CHECK(first("pycls_ema_better.pyth", EmaChoice::published) == "f3be7718d245");
    CHECK(first("pycls_ema_better.pyth", EmaChoice::never) == "c3488fe102f7");
    CHECK(first("pycls_ema_better.pyth", EmaChoice::published, "model_state") == "c3488fe102f7");
    CHECK(first("pycls_model_better.pyth", EmaChoice::published) == "c3488fe102f7");
    CHECK(first("pycls_model_better.pyth", EmaChoice::always) == "f3be7718d245");
    CHECK_THROWS_AS(read("torch_new_zip.pth", {.ema = EmaChoice::always}), FileError);
    CHECK_THROWS_AS(read("torch_new_zip.pth", {.group = "state_dict"}), FileError);

    const Weights rare = read("torch_new_rare_dtypes_zip.pth");
    CHECK(rare.find("plain") != nullptr);
    CHECK(rare.find("complex64") == nullptr);
    CHECK(rare.metadata.at("regulus.left_out").find("complex64 (complex64)") != std::string::npos);
    CHECK_THROWS_AS(read("torch_new_rare_dtypes_zip.pth", {.refuse_unsupported = true}), FileError);
}

TEST_CASE("checkpoints: what holds no state dict is refused in plain words") {
    REGULUS_REQUIRE_SHARED(folder + "expected_valid.json");
    const auto refusal = [&](const char* name) -> std::string {
        const std::string path = shared_path(folder + "valid/" + name);
        try {
            read_weights(path);
        } catch (const FileError& error) {
            CHECK(std::string(error.what()).find(path) != std::string::npos);
            return error.what();
        }
        return "";
    };
    CHECK(refusal("module_zip.pth").find("pickled module") != std::string::npos);
    CHECK(refusal("module_legacy.pth").find("pickled module") != std::string::npos);
    CHECK(refusal("torchscript.pt").find("TorchScript") != std::string::npos);
    CHECK(refusal("quantized.pth").find("\"w\" cannot be read: it is quantised") != std::string::npos);
    CHECK(refusal("sparse.pth").find("sparse") != std::string::npos);
    CHECK(refusal("meta_tensor.pth").find("no data for it") != std::string::npos);
    CHECK(refusal("object_array.npz").find("Python objects") != std::string::npos);
}

TEST_CASE("checkpoints: every malformed file gets its verdict within 100 ms") {
    REGULUS_REQUIRE_SHARED(folder + "malformed/expected.json");
    const Json expected = testing::shared_json(folder + "malformed/expected.json");
    CHECK(expected.object()->size() == 205);
    for (const auto& entry : *expected.object()) {
        const std::string& name = entry.first;
        const Json& facts = entry.second;
        INFO(name);
        const std::string path = shared_path(folder + "malformed/" + name);
        const std::string& verdict = *facts.find("verdict")->text();
        const auto begin = std::chrono::steady_clock::now();
        Weights weights;
        std::string refusal;
        try {
            weights = read_weights(path);
        } catch (const Error& error) { refusal = error.what(); }
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
#if defined(REGULUS_SANITIZED)
        CHECK(seconds < 1.0);
#else
        CHECK(seconds < 0.1);
#endif
        if (verdict == "accept") CHECK(refusal == "");
        if (verdict == "reject") CHECK(refusal != "");
        if (!refusal.empty()) {
            CHECK(refusal.find(path) != std::string::npos);
            continue;
        }
        // What is handed out is right: a = 0..5 and b = 0.5 unless the list says otherwise.
        const Json* values = facts.find("values");
        const Json* other = values != nullptr ? values->find("a") : nullptr;
        if (const Tensor* b = weights.find("b")) {
            for (int i = 0; i < 4; ++i) CHECK(b->data<float>()[i] == 0.5f);
        }
        const Tensor* a = weights.find("a");
        if (values != nullptr && other != nullptr && other->is_null()) continue;
        REQUIRE(a != nullptr);
        if (other != nullptr && other->find("shape") != nullptr) {
            CHECK(a->shape() == shape_of(*other->find("shape")));
        } else {
            REQUIRE(a->shape() == Shape{2, 3});
            for (int i = 0; i < 6; ++i) CHECK(a->data<float>()[i] == (other != nullptr ? 2.0f : static_cast<float>(i)));
        }
    }
    CHECK_FALSE(std::ifstream("regulus_pwned").good());
}

TEST_CASE("checkpoints: the demo's files, zip and legacy, are views of the mapping") {
    REGULUS_REQUIRE_SHARED("demo/models/mask_rcnn_regnetx_200mf_fasteners.pth");
    const CheckpointFile zip = inspect_checkpoint(shared_path("demo/models/mask_rcnn_regnetx_200mf_fasteners.pth"));
    CHECK(zip.layout == CheckpointLayout::torch_zip);
    const TensorGroup& group = zip.groups[zip.weights_group];
    CHECK(group.tensors.size() == 302);
    for (const TensorRecord& record : group.tensors) CHECK(zip.is_view(record));
    CHECK(read_weights(zip).metadata.at("meta.dataset_meta.classes") == R"(["nut","washer","bolt","screw","pin"])");

    const Weights converted = read_weights(shared_path("demo/models/retinanet_regnetx_200mf_fasteners.pth"));
    const Weights legacy = read_weights(shared_path("demo/models/retinanet_regnetx_200mf_fasteners_legacy-bc0772af.pth"));
    CHECK(legacy.size() == 292);
    for (const Weights::Entry& entry : legacy.entries()) {
        const Tensor* other = converted.find(entry.name);
        REQUIRE(other != nullptr);
        CHECK(other->shape() == entry.tensor.shape());
        CHECK(std::memcmp(other->raw(), entry.tensor.raw(), entry.tensor.bytes()) == 0);
    }
}
