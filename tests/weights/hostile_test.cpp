// Files that want to hurt: each is refused with a sentence that names the file, and nothing of it runs.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "pickle_assembler.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

struct Case {
    const char* name;
    std::string bytes;
    const char* because;  ///< part of the message
};

std::string refusal_once(const std::shared_ptr<const MappedFile>& file) {
    std::string refusal;
    try {
        read_weights(inspect_checkpoint(file));
    } catch (const FileError& error) {
        refusal = error.what();
        CHECK(refusal.find(file->path()) != std::string::npos);
    }
    return refusal;
}

/// "" for a file that is read. Within 100 ms of the processor's time, sanitizers apart; a virtual machine that was stopped meanwhile gets two more chances.
std::string refusal_of(const std::shared_ptr<const MappedFile>& file) {
    const std::clock_t begin = std::clock();
    const std::string refusal = refusal_once(file);
    [[maybe_unused]] double least = double(std::clock() - begin) / CLOCKS_PER_SEC;
#if !defined(REGULUS_SANITIZED)
    for (int again = 0; again < 2 && least >= 0.1; ++again) {
        const std::clock_t start = std::clock();
        CHECK(refusal_once(file) == refusal);
        least = std::min(least, double(std::clock() - start) / CLOCKS_PER_SEC);
    }
    CHECK(least < 0.1);
#endif
    return refusal;
}

/// From a file and from memory, where the sanitizer sees a step beyond the last byte: the same.
std::string read(const std::string& bytes) {
    const TemporaryFile file(bytes);
    const std::string refusal = refusal_of(MappedFile::open(file.path()));
    CHECK(refusal_of(MappedFile::copy_of(bytes.data(), bytes.size(), file.path())) == refusal);
    return refusal;
}

void check_refused(const std::vector<Case>& cases) {
    for (const Case& each : cases) {
        INFO(each.name);
        const std::string message = read(each.bytes);
        INFO(message);
        CHECK(message.find(each.because) != std::string::npos);
    }
}

std::string attack(const std::string& module, const std::string& name) { return torch_zip_with(call(module, name, {text("x")})); }

std::string repeated(const std::string& piece, std::size_t count) {
    std::string out;
    out.reserve(piece.size() * count);
    for (std::size_t i = 0; i < count; ++i) out += piece;
    return out;
}

std::string pickled(const std::string& a) { return program(dict({{"model", dict({{"a", a}})}})); }

std::string legacy(const std::string& object, const std::string& keys, const std::string& stores) {
    return legacy_preamble() + program(object) + program(keys) + stores;
}

std::string legacy_tensor(std::int64_t numel) {
    const std::string store = tuple({text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), integer(numel), "N"}) + "Q";
    return dict({{"a", tensor(store, 0, {numel}, {1})}});
}

const std::string keys = "](" + text("0") + "e";
const std::string six = floats({0, 1, 2, 3, 4, 5});
const std::string ab = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}})";

}  // namespace

TEST_CASE("hostile: the pieces of these cases make good files when nothing is wrong") {
    CHECK(read(torch_zip_with(good_a())) == "");
    CHECK(read(pickled(ndarray("f4", "<", {2, 3}, six))) == "");
    CHECK(read(legacy(legacy_tensor(6), keys, little<std::uint64_t>(6) + six)) == "");
    CHECK(read(safetensors(ab, six)) == "");
    CHECK(read(zip({{"a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", six)}})) == "");
    CHECK(read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", six)) == "");
    CHECK(read("(dp0\nS'a'\np1\n" + ndarray("f4", "<", {2, 3}, six) + "s.") == "");  // protocol 0
    CHECK(read(torch_zip(call("collections", "OrderedDict", {"](" + ("](" + text("a") + good_a() + "e") + "e"}))) == "");  // Python 2's OrderedDict
}

TEST_CASE("hostile: calls that only an attack needs are refused by name") {
    const std::pair<const char*, const char*> calls[] = {{"os", "system"}, {"posix", "popen"}, {"nt", "system"}, {"subprocess", "check_output"}, {"builtins", "exec"}, {"__builtin__", "eval"},
                                                         {"builtins", "__import__"}, {"builtins", "open"}, {"sys", "exit"}, {"shutil", "rmtree"}, {"socket", "create_connection"}, {"runpy", "run_path"},
                                                         {"importlib", "import_module"}, {"webbrowser", "open"}, {"ctypes", "CDLL"}, {"pickle", "loads"}, {"marshal", "loads"}, {"operator", "attrgetter"},
                                                         {"torch.hub", "load"}, {"urllib.request", "urlopen"}, {"pty", "spawn"}, {"pip", "main"}};
    for (const auto& each : calls) {
        const std::string called = std::string(each.first) + "." + each.second;
        const std::string message = read(attack(each.first, each.second));
        INFO(called);
        CHECK(message.find("wants to call " + called + "; nothing was run") != std::string::npos);
    }
    check_refused({
        {"dropped result", torch_zip(call("os", "system", {text("x")}) + "0" + dict({{"a", good_a()}})), "os.system"},
        {"INST", torch_zip_with("(" + text("x") + "ios\nsystem\n"), "os.system"},
        {"OBJ", torch_zip_with("(" + global("os", "system") + text("x") + "o"), "os.system"},
        {"NEWOBJ", torch_zip_with(global("os", "system") + ")\x81"), "os.system"},
        {"NEWOBJ_EX", torch_zip_with(global("os", "system") + ")}\x92"), "os.system"},
        {"STACK_GLOBAL", torch_zip_with(text("os") + text("system") + "\x93)R"), "os.system"},
        {"in the meta", torch_zip(dict({{"meta", dict({{"x", call("os", "system", {text("x")})}})}, {"state_dict", dict({{"a", good_a()}})}})), "os.system"},
        {"in a plain pickle", pickled(call("os", "system", {text("x")})), "os.system"},
        {"in the legacy keys", legacy(legacy_tensor(6), call("os", "system", {}), little<std::uint64_t>(6) + six), "os.system"},
        {"inside _rebuild_from_type_v2", torch_zip_with(call("torch._tensor", "_rebuild_from_type_v2", {global("os", "system"), global("torch", "Tensor"), "(t", "N"})), "unknown function"},
    });
}

TEST_CASE("hostile: unknown classes beside the weights stay inert and do no harm") {
    const std::string thing = global("my.training.hooks", "Thing") + ")\x81" + dict({{"x", integer(1)}}) + "b";
    const TemporaryFile file(torch_zip(dict({{"hook", thing}, {"getattr", call("__builtin__", "getattr", {global("my", "Class"), text("min")}) + ")R"}, {"state_dict", dict({{"a", good_a()}})}})));
    const CheckpointFile checkpoint = inspect_checkpoint(file.path());
    CHECK(checkpoint.unknown_globals == std::vector<std::string>{"my.training.hooks.Thing"});
    CHECK(read_weights(checkpoint).size() == 1);
}

TEST_CASE("hostile: pickle programs that break the machine's rules or limits") {
    check_refused({
        {"too many opcodes", torch_zip("}" + repeated("N0", 600'000)), "more than 1000000 opcodes"},
        {"stack too deep", torch_zip(repeated("N", 20'000)), "more than 10000 values"},
        {"marks too deep", torch_zip(repeated("(", 20'000)), "more than 10000 values"},
        {"memo index", torch_zip("}r\xFF\xFF\xFF\x7F"), "memo index 2147483647"},
        {"memo limit", torch_zip("}r"s + little<std::uint32_t>(100'000)), "memo index 100000"},
        {"memo text", torch_zip("}p-1\n"), "expected a memo index"},
        {"memo of nothing", torch_zip("q\0"s), "the stack is empty"},
        {"get of nothing", torch_zip("h\5"s), "never stored"},
        {"pop below a mark", torch_zip("N(R"), "the stack is empty"},
        {"copies without end", torch_zip("](" + repeated("N", 9'000) + "e0" + "](" + repeated("](NNe", 1'000) + "eq\1" + repeated("ccollections\nOrderedDict\n(h\1tR", 5'000)), "copies more than"},
        {"extension code", torch_zip("\x82\x01"), "extension codes"},
        {"buffer outside", torch_zip("\x97"), "buffer outside the file"},
        {"protocol 6", zip(records("\x80\x06}.")), "newer than 5"},
        {"float without digits", torch_zip("Fabc\n"), "expected a number"},
        {"broken string", torch_zip("S'abc\n"), "without its quotes"},
        {"broken escape", torch_zip("S'\\xZZ'\n"), "broken escape"},
        {"surrogate", torch_zip("V\\ud800\n"), "broken escape"},
        {"latin1 beyond", program(dict({{"a", call("_codecs", "encode", {text("x"), text("rot13")})}})), "another encoding"},
        {"call of a number", torch_zip_with("K\1)R"), "no class or function"},
        {"arguments no tuple", torch_zip_with(global("torch", "Size") + "]R"), "tuple of arguments"},
        {"state of a number", torch_zip_with("K\1}b"), "no state"},
        {"long module name", torch_zip(global(std::string(2000, 'm'), "x")), "impossible name"},
        {"text cut short", torch_zip("X\xFF\xFF\xFF\x7F"), "cut short"},
        {"key without value", torch_zip("(K\1d"), "key without a value"},
        {"persistent id in a plain pickle", program(dict({{"a", good_a()}})), "persistent id in a plain pickle"},
        {"bytes after STOP", zip(records(program(dict({{"a", good_a()}})) + "x")), "bytes after the end"},
    });
}

TEST_CASE("hostile: a text named again and again through the memo costs no time") {
    const std::string megabytes = text(std::string(8u << 20, 'k')) + "q\1";
    const std::string key_of_dicts = "}" + repeated("(" + repeated("h\1}", 2'000) + "u", 50);      // 100000 dicts under one giant name
    const std::string lists = "}(" + text("x") + "](" + repeated("h\1", 3) + "eq\2" + repeated(text("y") + "h\2", 3'000) + "u";  // 3000 times one list of giants
    const std::string many_dicts = "}" + [] {
        std::string out;
        for (int batch = 0; batch < 50; ++batch) {
            out += "(";
            for (int i = 0; i < 1'000; ++i) out += text("k" + std::to_string(batch * 1'000 + i)) + "}";
            out += "u";
        }
        return out;
    }();
    for (const std::string& body : {megabytes + "0" + key_of_dicts, megabytes + "0" + lists, many_dicts}) {
        const auto begin = std::chrono::steady_clock::now();
        CHECK(read(torch_zip(body)).find("holds no tensors") != std::string::npos);
        CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 2.0);
    }
}

TEST_CASE("hostile: tensors and arrays that do not fit their bytes") {
    const std::int64_t huge = std::int64_t(1) << 62;
    check_refused({
        {"beyond", torch_zip_with(tensor(storage("0", 6), 1, {2, 3}, {3, 1})), "reaches beyond its storage"},
        {"product overflows", torch_zip_with(tensor(storage("0", 6), 0, {huge, huge}, {0, 0})), "impossible size"},
        {"stride overflows", torch_zip_with(tensor(storage("0", 6), 0, {3, 3}, {huge, huge})), "reaches beyond"},
        {"nine dimensions", torch_zip_with(tensor(storage("0", 6), 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})), "limit is 8"},
        {"repeats to terabytes", torch_zip_with(tensor(storage("0", 6), 0, {1 << 20, 1 << 20}, {0, 0})), "repeat their elements"},
        {"storage grows", torch_zip_with(tensor(storage("0", 7), 0, {6}, {1})), "24 bytes, its tensors declare 28"},
        {"key with a path", torch_zip_with(tensor(storage("../../x", 6), 0, {6}, {1})), "has no record"},
        {"other type", torch_zip(dict({{"a", good_a()}, {"b", tensor(storage("0", 6, "DoubleStorage"), 0, {2}, {1})}})), "declared in two ways"},
        {"short array", pickled(ndarray("f4", "<", {2, 3}, six.substr(4))), "with 20 bytes"},
        {"array of objects", pickled(ndarray("O8", "|", {1}, std::string(8, 'x'))), "\"O8\" is not supported"},
        {"array without state", pickled(call("numpy.core.multiarray", "_reconstruct", {global("numpy", "ndarray"), tuple_of({0}), "C\1b"})), "no data for it"},
        {"npy code", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os'),), }", six), "tuple of sizes"},
        {"npy twice", npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", six), "not the dict"},
        {"npy too long", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", six), "24 bytes of data"},
        {"npz entry", zip({{"a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", six)}, {"b.txt", "x"}}), "no .npy array"},
    });
}

TEST_CASE("hostile: legacy files whose parts contradict each other") {
    const std::string good_store = little<std::uint64_t>(6) + six;
    check_refused({
        {"cut in the data", legacy(legacy_tensor(6), keys, good_store.substr(0, 20)), "cut short"},
        {"cut before the count", legacy(legacy_tensor(6), keys, ""), "is missing"},
        {"count 2^61", legacy(legacy_tensor(6), keys, little<std::uint64_t>(std::uint64_t(1) << 61) + six), "declare 6"},
        {"key twice", legacy(legacy_tensor(6), "](" + text("0") + text("0") + "e", good_store), "lists 2 storages"},
        {"unknown key", legacy(legacy_tensor(6), "](" + text("9") + "e", good_store), "belongs to no tensor"},
        {"bytes behind", legacy(legacy_tensor(6), keys, good_store + "x"), "bytes after the last storage"},
    });
}

TEST_CASE("hostile: zip archives that say two things") {
    const std::string good = torch_zip_with(good_a());
    const std::size_t directory = good.find("PK\1\2");
    const std::size_t end = good.find("PK\5\6");
    const std::size_t second = good.find("PK\1\2", directory + 1);
    const std::size_t local = good.find("PK\3\4", 1);
    check_refused({
        {"bytes before", "x" + good, "no checkpoint"},
        {"bytes behind", good + "x", "no end record"},
        {"two counts", patched(good, end + 8, "\x05"), "two counts"},
        {"count too high", patched(patched(good, end + 8, "\x05"), end + 10, "\x05"), "expected an entry"},
        {"count too low", patched(patched(good, end + 8, "\x03"), end + 10, "\x03"), "longer than its entries"},
        {"disk", patched(good, end + 4, "\x01"), "several disks"},
        {"encrypted", patched(good, second + 8, "\x01"), "encrypted"},
        {"method", patched(good, second + 10, "\x0C"), "unknown method 12"},
        {"deflated only in the directory", patched(good, second + 10, "\x08"), "another in its local header"},
        {"local name", patched(good, local + 30, "X"), "another in its local header"},
        {"local size", patched(good, local + 22, "\x01"), "another size or checksum"},
        {"local checksum", patched(good, local + 14, "\x01\x02"), "another size or checksum"},
        {"local header gone", patched(good, local, "XX"), "no local header"},
        {"data changed", patched(good, local + 30 + 14 + 3, "\x7F"), "checksum"},
        {"pickle changed", patched(good, 30 + 16 + 9, "z"), "checksum"},
        {"overlap", patched(good, second + 42, std::string(4, '\0')), "overlap"},
        {"larger than its place", patched(patched(good, second + 20, "\xFF"), second + 24, "\xFF"), "overlap"},
        {"two of one name", zip({{"archive/data.pkl", program("}")}, {"archive/data.pkl", program("}")}}), "two zip entries named"},
        {"two roots", zip({{"a/data.pkl", program("}")}, {"b/data.pkl", program("}")}}), "two checkpoints"},
        {"zero byte in a name", zip({{"archive/data.pkl\0x"s, program("}")}}), "zero byte"},
        {"TorchScript", zip({{"m/data.pkl", program("}")}, {"m/code/__torch__.py", "x"}}), "TorchScript"},
        {"byte order", zip({{"m/data.pkl", program("}")}, {"m/byteorder", "middle"}}), "byte order"},
        {"empty zip", "PK\5\6" + std::string(18, '\0'), "empty zip"},
    });
}

TEST_CASE("hostile: zip64, whose numbers have 64 bits") {
    const std::string good = torch_zip_with(good_a());
    const std::size_t directory = good.find("PK\1\2"), end = good.find("PK\5\6");
    // The same archive with a zip64 end record before the old one; `change` overwrites bytes of it.
    const auto zip64 = [&](std::uint64_t count, std::uint64_t size, std::uint64_t offset, std::size_t change = 0, const std::string& bytes = "") {
        std::string record = "PK\6\6"s + little<std::uint64_t>(44) + little<std::uint16_t>(45) + little<std::uint16_t>(45) + little<std::uint64_t>(0) + little<std::uint64_t>(count) + little<std::uint64_t>(count) +
                             little<std::uint64_t>(size) + little<std::uint64_t>(offset);
        record.replace(change, bytes.size(), bytes);
        const std::string locator = "PK\6\7"s + little<std::uint32_t>(0) + little<std::uint64_t>(end) + little<std::uint32_t>(1);
        return good.substr(0, end) + record + locator + "PK\5\6\0\0\0\0"s + std::string(12, '\xFF') + "\0\0"s;
    };
    CHECK(read(zip64(4, end - directory, directory)) == "");
    check_refused({
        {"more entries than allowed", zip64(100'001, end - directory, directory), "declares 100001 entries, the limit is 100000"},
        {"2^60 entries", zip64(std::uint64_t(1) << 60, end - directory, directory), "the limit is 100000"},
        {"more entries than fit", zip64(1'000, end - directory, directory), "more than its directory holds"},
        {"directory of 2^63 bytes", zip64(4, std::uint64_t(1) << 63, directory), "does not end where"},
        {"offset and size overflow", zip64(4, ~std::uint64_t(0) - directory + 1 + (end - directory), directory), "does not end where"},
        {"directory elsewhere", zip64(4, end - directory, directory - 1), "does not end where"},
        {"record of another size", zip64(4, end - directory, directory, 4, little<std::uint64_t>(45)), "wrong size"},
        {"two counts", zip64(4, end - directory, directory, 24, little<std::uint64_t>(5)), "two counts"},
        {"no record", zip64(4, end - directory, directory, 0, "XXXX"), "not where its locator says"},
        {"sizes left to a field that is not there", patched(patched(good, directory + 20, "\xFF\xFF\xFF\xFF"), directory + 24, "\xFF\xFF\xFF\xFF"), "overlap"},
    });
}

TEST_CASE("hostile: names and metadata beyond 16 MiB are no names") {
    const std::string name = "X" + little<std::uint32_t>((16u << 20) + 1) + std::string((16u << 20) + 1, 'n');
    CHECK(read(torch_zip("}(" + name + good_a() + "u")).find("holds no tensors") != std::string::npos);
    const TemporaryFile file(torch_zip("}(" + text("a") + good_a() + text("note") + name + "u"));
    CHECK(inspect_checkpoint(file.path()).metadata.empty());
}

TEST_CASE("hostile: safetensors headers that lie") {
    const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) { return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}"; };
    check_refused({
        {"length 2^63", little<std::uint64_t>(std::uint64_t(1) << 63) + "{}", "limit is 100 MB"},
        {"length beyond", little<std::uint64_t>(1000) + ab, "in a file of"},
        {"overlap", safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[4],"data_offsets":[4,20]}})", six.substr(4)), "overlaps"},
        {"gap", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", six.substr(16)), "belong to no tensor"},
        {"bytes behind", safetensors(ab, six + "x"), "bytes after the last tensor"},
        {"offsets reversed", safetensors(one("\"F32\"", "[6]", "[24,0]"), six), "lies at"},
        {"offset beyond", safetensors(one("\"F32\"", "[7]", "[0,28]"), six), "lies at [0, 28)"},
        {"offset 2^64", safetensors(one("\"F32\"", "[6]", "[0,18446744073709551616]"), six), "no two integers"},
        {"offset 1e1", safetensors(one("\"F32\"", "[6]", "[0,2.4e1]"), six), "no two integers"},
        {"shape", safetensors(one("\"F32\"", "[5]", "[0,24]"), six), "24 bytes, which is not [5] of float32"},
        {"shape overflows", safetensors(one("\"F32\"", "[4294967296,4294967296,4]", "[0,24]"), six), "impossible shape"},
        {"rank 9", safetensors(one("\"U8\"", "[1,1,1,1,1,1,1,1,24]", "[0,24]"), six), "at most 8 sizes"},
        {"dtype", safetensors(one("\"F33\"", "[6]", "[0,24]"), six), "unknown dtype F33"},
        {"name twice", safetensors(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}})", six.substr(16)), "\"a\" twice"},
        {"metadata", safetensors(R"({"__metadata__":{"a":1}})", ""), "is no text"},
        {"deep", safetensors("{\"a\":" + std::string(1000, '['), ""), "nested deeper"},
    });
}

TEST_CASE("hostile: no prefix and no flipped byte of a good file is read wrongly or crashes") {
    Weights weights;
    for (const char* name : {"first", "second"}) {
        Tensor tensor(Shape{2, 3}, DType::f32);
        for (int i = 0; i < 6; ++i) tensor.data<float>()[i] = static_cast<float>(i) + 0.25f;
        weights.add(name, std::move(tensor));
    }
    const TemporaryFile torch_file, safe_file;
    write_torch(torch_file.path(), weights, TorchContent::state_dict);
    write_safetensors(safe_file.path(), weights);
    for (const std::string& good : {torch_file.bytes(), safe_file.bytes()}) {
        for (std::size_t length = 0; length < good.size(); length += 1 + length / 40) CHECK(read(good.substr(0, length)) != "");
        const bool checked = good[0] == 'P';  // a zip has checksums over pickle and data
        for (std::size_t at = 0; at < good.size(); ++at) {
            const TemporaryFile file(patched(good, at, std::string(1, static_cast<char>(good[at] ^ 0x10))));
            try {
                const Weights read_back = read_weights(file.path());
                if (!checked) continue;
                // What passes the checks differs only where nothing is stored: names and numbers are intact.
                REQUIRE(read_back.size() == 2);
                for (const Weights::Entry& entry : read_back.entries()) CHECK(std::memcmp(entry.tensor.raw(), weights.entries()[0].tensor.raw(), 24) == 0);
            } catch (const FileError&) {}
        }
    }
}

TEST_CASE("hostile: what is no checkpoint is called by its name") {
    check_refused({
        {"nothing", "", "is empty"},
        {"web page", "<!DOCTYPE html><html>", "web page"},
        {"LFS", "version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
        {"HDF5", "\x89HDF\r\n\x1A\n", "HDF5"},
        {"gzip", "\x1F\x8B\x08", "gzip"},
        {"zeros", std::string(100, '\0'), "no checkpoint"},
        {"list", program("](" + integer(1) + "e"), "no dict of tensors"},
        {"number", program(integer(5)), "magic number"},
        {"no tensors", program(dict({{"a", integer(1)}})), "holds no tensors"},
    });
    CHECK_THROWS_WITH_AS(read_weights("no-such-file.pth"), "cannot open \"no-such-file.pth\": No such file or directory", FileError);
    CHECK_THROWS_AS(read_weights("."), FileError);
    CHECK_THROWS_AS(read_weights(""), FileError);
}
