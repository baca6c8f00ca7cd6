// What opening a file costs in memory. Memory mapped is counted as the file's size.
#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include <regulus/core/json.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "pickle_assembler.hpp"
#include "support/counted_memory.hpp"
#include "support/shared_json.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// 40 tensors of 64 x 256 float32: 2.6 MB.
Weights sample() {
    Weights weights;
    for (int i = 0; i < 40; ++i) {
        Tensor tensor(Shape{64, 256}, DType::f32);
        for (std::int64_t k = 0; k < tensor.numel(); ++k) tensor.data<float>()[k] = float(k + i);
        weights.add("layer" + std::to_string(i) + ".weight", std::move(tensor));
    }
    return weights;
}

std::string bytes_of(const Tensor& tensor) { return {static_cast<const char*>(tensor.raw()), tensor.bytes()}; }

/// The tensors in PyTorch's layout of before version 1.6.
std::string as_legacy(const Weights& weights) {
    std::string object = "}(", keys = "](", stores;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const Weights::Entry& entry = weights.entries()[i];
        const std::string key = std::to_string(i);
        const std::string store = tuple({text("storage"), global("torch", "FloatStorage"), text(key), text("cpu"), integer(entry.tensor.numel()), "N"}) + "Q";
        object += text(entry.name) + tensor(store, 0, {64, 256}, {256, 1});
        keys += text(key);
        stores += little<std::uint64_t>(std::uint64_t(entry.tensor.numel())) + bytes_of(entry.tensor);
    }
    return legacy_preamble() + program(object + "u") + program(keys + "e") + stores;
}

/// As detectron2 writes them at pickle protocol 3: {"model": {name: array}}.
std::string as_arrays(const Weights& weights) {
    std::string arrays = "}(";
    for (const Weights::Entry& entry : weights.entries()) arrays += text(entry.name) + ndarray("f4", "<", {64, 256}, bytes_of(entry.tensor));
    return program(dict({{"model", arrays + "u"}}));
}

std::string as_npz(const Weights& weights) {
    ZipItems items;
    for (const Weights::Entry& entry : weights.entries()) items.emplace_back(entry.name + ".npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (64, 256), }", bytes_of(entry.tensor)));
    return zip(items);
}

}  // namespace

TEST_CASE("memory: opening a file costs its mapping and at most a tenth of its size, in every layout that holds elements as they are") {
    const Weights weights = sample();
    const TemporaryFile zip_file, safe_file, legacy_file(as_legacy(weights)), array_file(as_arrays(weights)), npz_file(as_npz(weights));
    write_torch(zip_file.path(), weights, TorchContent::state_dict);
    write_safetensors(safe_file.path(), weights);
    for (const TemporaryFile* file : {&zip_file, &safe_file, &legacy_file, &array_file, &npz_file}) {
        CheckpointFile opened;
        const std::size_t opening = heap_of([&] { opened = inspect_checkpoint(file->path()); });
        INFO(std::string(name_of(opened.layout)) << ": " << opening << " bytes of heap for a file of " << opened.file_bytes);
        CHECK(opened.file_bytes > 2'600'000);
        CHECK(opening <= opened.file_bytes / 10);
        REQUIRE(opened.weights_group != CheckpointFile::no_group);
        REQUIRE(opened.groups[opened.weights_group].tensors.size() == 40);
        // Legacy files and pickles put elements where the text before them ends: where that is no multiple of four, they are copied when they are read.
        std::size_t copied = 0;
        for (const TensorRecord& record : opened.groups[opened.weights_group].tensors) copied += opened.is_view(record) ? 0 : 64 * 256 * 4;
        if (opened.layout == CheckpointLayout::torch_zip || opened.layout == CheckpointLayout::safetensors) CHECK(copied == 0);
        Weights read;
        const std::size_t reading = heap_of([&] { read = read_weights(opened); });
        CHECK(reading <= copied + opened.file_bytes / 10);
        for (std::size_t i = 0; i < read.size(); ++i) REQUIRE(bytes_of(read.entries()[i].tensor) == bytes_of(weights.entries()[i].tensor));
    }
}

TEST_CASE("memory: arrays that a pickle keeps as text are unpacked when it is opened, to what they hold and no more") {
    const Weights weights = sample();
    std::size_t elements = 0;
    std::string arrays = "}(";
    for (const Weights::Entry& entry : weights.entries()) {
        std::string as_text;  // Latin-1 as UTF-8, as Python 3 writes bytes at protocol 2
        for (const char c : bytes_of(entry.tensor)) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte >= 0x80) as_text += static_cast<char>(0xC0 | byte >> 6);
            as_text += static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3F) : byte);
        }
        const std::string dtype = global("numpy", "dtype") + tuple({text("f4"), "\x89", "\x88"}) + "R" + tuple({integer(3), text("<"), "N", "N", "N", integer(-1), integer(-1), integer(0)}) + "b";
        arrays += text(entry.name) + call("numpy.core.multiarray", "_reconstruct", {global("numpy", "ndarray"), tuple_of({0}), "C\1b"}) +
                  tuple({integer(1), tuple_of({64, 256}), dtype, "\x89", call("_codecs", "encode", {text(as_text), text("latin1")})}) + "b";
        elements += entry.tensor.bytes();
    }
    const TemporaryFile file(program(dict({{"model", arrays + "u"}})));
    CheckpointFile opened;
    const std::size_t opening = heap_of([&] { opened = inspect_checkpoint(file.path()); });
    INFO(opening << " bytes of heap for a file of " << opened.file_bytes << " that holds " << elements);
    CHECK(opening <= elements + opened.file_bytes / 10);
    CHECK(opening <= opened.file_bytes);
    const Weights read = read_weights(opened);
    for (std::size_t i = 0; i < read.size(); ++i) REQUIRE(bytes_of(read.entries()[i].tensor) == bytes_of(weights.entries()[i].tensor));
}

TEST_CASE("memory: the demo's checkpoints open within 1.1 times their size") {
    REGULUS_REQUIRE_SHARED("demo/models/mask_rcnn_regnetx_200mf_fasteners.pth");
    for (const char* const name : {"mask_rcnn_regnetx_200mf_fasteners.pth", "retinanet_regnetx_200mf_fasteners.pth", "retinanet_regnetx_200mf_fasteners_legacy-bc0772af.pth"}) {
        const std::string path = shared_path(std::string("demo/models/") + name);
        CheckpointFile opened;
        const std::size_t opening = heap_of([&] { opened = inspect_checkpoint(path); });
        INFO(std::string(name) << ": " << opening << " bytes of heap for a file of " << opened.file_bytes);
        CHECK(opening <= opened.file_bytes / 10);
    }
}

TEST_CASE("memory: a malformed file is refused, or taken, without large allocations") {
    REGULUS_REQUIRE_SHARED("golden/checkpoints/malformed/expected.json");
    const Json expected = shared_json("golden/checkpoints/malformed/expected.json");
    std::size_t most = 0;
    for (const auto& entry : *expected.object()) {
        const std::string path = shared_path("golden/checkpoints/malformed/" + entry.first);
        const std::size_t size = MappedFile::open(path)->size();
        const std::size_t heap = heap_of([&] {
            try {
                read_weights(path);
            } catch (const FileError&) {}
        });
        INFO(entry.first << ": " << heap << " bytes of heap for a file of " << size);
        CHECK(heap <= 1'000'000 + 100 * size);  // a byte of a pickle makes at most one value, of 80 bytes
        most = std::max(most, heap);
    }
    CHECK(most < 16u << 20);
}
