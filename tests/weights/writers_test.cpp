// What our writers write, our readers read back bit for bit; nothing half written is ever seen.
#include <cmath>
#include <cstring>
#include <string>

#include <sys/stat.h>

#include <doctest/doctest.h>

#include <regulus/core/atomic_file.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/to_float32.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "pickle_assembler.hpp"

using namespace regulus;
using regulus::testing::TemporaryFile;

namespace {

const DType torch_types[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::u8, DType::i8, DType::i16, DType::i32, DType::i64, DType::boolean};

// Every type in shapes with odd sizes, no axes, no elements.
Weights sample(bool unsigned_types) {
    Weights weights;
    weights.metadata = {{"classes", "[\"Mutter\",\"Schraube \xC3\xBC\"]"}, {"empty", ""}, {"text", "line\n\"quoted\" \\ \x01"}};
    int number = 0;
    const auto add = [&](DType dtype) {
        for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 4}, Shape{1, 2, 1, 3, 1, 1, 2, 1}}) {
            Tensor tensor(shape, dtype);
            auto* bytes = static_cast<std::uint8_t*>(tensor.raw());
            for (std::size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = static_cast<std::uint8_t>(dtype == DType::boolean ? i % 2 : i * 37 + static_cast<std::size_t>(number));
            weights.add(std::string("layer.") + std::to_string(number++) + "." + name_of(dtype), std::move(tensor));
        }
    };
    for (const DType dtype : torch_types) add(dtype);
    if (unsigned_types) {
        for (const DType dtype : {DType::u16, DType::u32, DType::u64}) add(dtype);
    }
    return weights;
}

void check_same(const Weights& read, const Weights& written) {
    REQUIRE(read.size() == written.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
        const Weights::Entry& a = read.entries()[i];
        const Weights::Entry& b = written.entries()[i];
        INFO(b.name);
        CHECK(a.name == b.name);
        CHECK(a.tensor.dtype() == b.tensor.dtype());
        CHECK(a.tensor.shape() == b.tensor.shape());
        REQUIRE(a.tensor.bytes() == b.tensor.bytes());
        CHECK((a.tensor.bytes() == 0 || std::memcmp(a.tensor.raw(), b.tensor.raw(), a.tensor.bytes()) == 0));
    }
}

bool exists(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0;
}

}  // namespace

TEST_CASE("write_safetensors: names, order, types, shapes, bytes and metadata come back, every tensor as a view") {
    const Weights weights = sample(true);
    const TemporaryFile target;
    write_safetensors(target.path(), weights);
    const CheckpointFile file = inspect_checkpoint(target.path());
    CHECK(file.layout == CheckpointLayout::safetensors);
    for (const TensorRecord& record : file.groups[0].tensors) CHECK(file.is_view(record) == (record.shape.numel() != 0));
    const Weights read = read_weights(file);
    check_same(read, weights);
    CHECK(read.metadata == weights.metadata);
    const std::string bytes = target.bytes();
    CHECK((8 + detail::load_little<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(bytes.data()))) % 64 == 0);
}

TEST_CASE("inspect_checkpoint: bytes in memory are a file like any other, and live as long as a tensor of theirs") {
    const Weights weights = sample(true);
    const TemporaryFile target;
    write_safetensors(target.path(), weights);
    Weights read;
    {
        std::string bytes = target.bytes();
        const auto file = MappedFile::copy_of(bytes.data(), bytes.size(), "embedded");
        CHECK(reinterpret_cast<std::uintptr_t>(file->data()) % 64 == 0);
        bytes.assign(bytes.size(), 'x');
        const CheckpointFile checkpoint = inspect_checkpoint(file);
        CHECK(checkpoint.path == "embedded");
        for (const TensorRecord& record : checkpoint.groups[0].tensors) CHECK(checkpoint.is_view(record) == (record.shape.numel() != 0));
        read = read_weights(checkpoint);
    }
    check_same(read, weights);
    CHECK_THROWS_WITH_AS(inspect_checkpoint(MappedFile::copy_of(nullptr, 0, "nothing")), "\"nothing\": is empty", FileError);
}

TEST_CASE("write_torch: names, order, types, shapes and bytes come back in all three forms") {
    const Weights weights = sample(false);
    const TemporaryFile target;
    for (const TorchContent content : {TorchContent::bare, TorchContent::state_dict, TorchContent::with_meta}) {
        write_torch(target.path(), weights, content);
        const CheckpointFile file = inspect_checkpoint(target.path());
        CHECK(file.layout == CheckpointLayout::torch_zip);
        CHECK(file.groups.size() == 1);
        CHECK(file.groups[0].name == (content == TorchContent::bare ? "" : "state_dict"));
        for (const TensorRecord& record : file.groups[0].tensors) CHECK(file.is_view(record) == (record.shape.numel() != 0));
        const Weights read = read_weights(file);
        check_same(read, weights);
        if (content == TorchContent::with_meta) CHECK(read.metadata.at("meta.classes") == weights.metadata.at("classes"));
        else CHECK(read.metadata.empty());
    }
}

TEST_CASE("write_torch: the pickle uses no opcode or global beyond those of torch.load(weights_only=True)") {
    Weights weights;
    weights.add("w", Tensor::zeros(Shape{2, 300}));
    const TemporaryFile target;
    write_torch(target.path(), weights);
    // Assembled by hand from PyTorch's layout: OrderedDict, one SETITEMS, one tensor of storage "0".
    using namespace regulus::testing;
    const std::string small = "K\x02"s, columns = "J"s + little<std::uint32_t>(300), all = "J"s + little<std::uint32_t>(600);
    const std::string expected = "\x80\x02"s + "ccollections\nOrderedDict\n)R(" + text("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + all +
                                 "tQK\0("s + small + columns + "t(" + columns + "K\x01t\x89" + "ccollections\nOrderedDict\n)RtRu(u.";
    CHECK(target.bytes().find(expected) != std::string::npos);
}

TEST_CASE("writers: what cannot be written leaves the old file and no other") {
    const TemporaryFile target("old bytes");
    Weights weights;
    weights.add("w", Tensor::zeros(Shape{3}, DType::u32));
    CHECK_THROWS_WITH_AS(write_torch(target.path(), weights), "write_torch: tensor \"w\" is uint32, which PyTorch's storages lack: convert it to a signed type", WeightError);
    CHECK(target.bytes() == "old bytes");
    Weights bad_name;
    bad_name.add("\xFF", Tensor::zeros(Shape{3}));
    CHECK_THROWS_AS(write_safetensors(target.path(), bad_name), FileError);
    CHECK(target.bytes() == "old bytes");
    CHECK_THROWS_AS(write_safetensors("no-such-folder/w.safetensors", weights), FileError);
    CHECK_THROWS_AS(write_safetensors(".", weights), FileError);
    {
        AtomicFile file(target.path());
        file.write("half of the new bytes");
    }
    CHECK(target.bytes() == "old bytes");
    AtomicFile file(target.path());
    file.write("new bytes");
    file.commit();
    CHECK(target.bytes() == "new bytes");
    CHECK_FALSE(exists("no-such-folder"));
}

TEST_CASE("to_float32: every type by its meaning") {
    const auto one = [](DType dtype, std::initializer_list<std::uint8_t> bytes) {
        Tensor tensor(Shape{}, dtype);
        std::memcpy(tensor.raw(), std::data(bytes), bytes.size());
        return *to_float32(tensor).data<float>();
    };
    CHECK(one(DType::f16, {0x00, 0x3E}) == 1.5f);
    CHECK(one(DType::bf16, {0xC0, 0xBF}) == -1.5f);
    CHECK(one(DType::f64, {0, 0, 0, 0, 0, 0, 0xF8, 0x3F}) == 1.5f);
    CHECK(one(DType::u8, {200}) == 200.0f);
    CHECK(one(DType::i8, {200}) == -56.0f);
    CHECK(one(DType::u16, {0xFF, 0xFF}) == 65535.0f);
    CHECK(one(DType::i16, {0xFF, 0xFF}) == -1.0f);
    CHECK(one(DType::u32, {0xFF, 0xFF, 0xFF, 0xFF}) == 4294967296.0f);
    CHECK(one(DType::i32, {0xFE, 0xFF, 0xFF, 0xFF}) == -2.0f);
    CHECK(one(DType::i64, {0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}) == -3.0f);
    CHECK(one(DType::boolean, {1}) == 1.0f);
    const Tensor same = Tensor::zeros(Shape{4});
    CHECK(to_float32(same).raw() == same.raw());
}
