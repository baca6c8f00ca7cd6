// Memory that ends at any moment: the n-th allocation fails, for growing n, and what was at work throws, leaks nothing and still works.
#include <dnnl.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <new>

#include "compare.hpp"
#include "support/counted_memory.hpp"

#include <regulus/data/image_file.hpp>
#include <regulus/data/resize.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>
#include <regulus/graph/describe.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

/// oneDNN 2.6 itself forgets the kernel in hand when an allocation of its own fails while it generates code. What this hides has oneDNN on its stack.
extern "C" const char* __lsan_default_suppressions() { return "leak:libdnnl\n"; }

using namespace regulus;
using namespace regulus::testing;

namespace {

/// What happened while allocation after allocation failed.
struct Failures {
    long needed = 0;   // allocations of an undisturbed run
    long failed = 0;   // runs that ended with an error
    long leaked = 0;   // allocations that failed runs left behind
};

#if defined(REGULUS_SANITIZED)
constexpr long sanitized_stride = 37;  // an allocation takes much longer then
#else
constexpr long sanitized_stride = 1;
#endif

/// Files that are open.
long descriptors() { return long(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {})); }

/// Runs `job` undisturbed, then with its n-th allocation failing, for the first hundred n and every `stride`-th beyond. `after` is called after each run and
/// may check what is left. Other exceptions than std::bad_alloc and Error go on.
template <class Job, class After>
Failures fail_each(long stride, const Job& job, const After& after) {
    Failures result;
    job();  // what is made once per process is made
    const long open_before = descriptors(), before = counted_memory.allocations;
    job();
    result.needed = counted_memory.allocations - before;
    for (long n = 0; n < result.needed; n += n < 100 ? 1 : stride * sanitized_stride) {
        const long blocks_before = counted_memory.blocks;
        bool threw = false;
        counted_memory.allocations_left = n;
        try {
            job();
        } catch (const std::bad_alloc&) {
            threw = true;
        } catch (const Error&) {
            threw = true;
        } catch (...) {
            counted_memory.allocations_left = -1;
            throw;
        }
        const bool reached = counted_memory.allocations_left.exchange(-1) < 0;
        result.failed += threw ? 1 : 0;
        result.leaked += counted_memory.blocks - blocks_before;
        if (threw) CHECK(reached);
        after();
    }
    CHECK(descriptors() == open_before);
    return result;
}

inline constexpr RegNetStages tiny = regnet({.w0 = 16, .wa = 16, .wm = 2, .depth = 6, .group_width = 8, .stem_width = 8});
inline constexpr RcnnSizes tiny_sizes{.rpn_candidates = 20, .proposals = 10, .box_size = 3, .box_features = 16, .detections = 5};
using TinyDetector = FasterRcnn<RegNet<tiny>, 8, 2, tiny_sizes>;

const InputSize small{1, 32, 32};

/// An empty folder for as long as it lives.
struct Folder {
    std::string path = (std::filesystem::temp_directory_path() / "regulus_allocation_XXXXXX").string();
    Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
};

/// Compiling, preparing and running on a backend. `exact`: the backend keeps nothing for the next compilation, so that each failed one must leave no allocation.
void check_backend(const Backend& backend, bool exact) {
    const Graph graph = recorded<TinyDetector>();
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, small);
    const CompileOptions options{.threads = 1};
    const Outputs expected = run_on(backend, graph, weights, inputs, options);

    SUBCASE("from weights to outputs") {
        const Failures all = fail_each(1, [&] { run_on(backend, graph, weights, inputs, options); }, [] {});
        MESSAGE(all.needed << " allocations, " << all.failed << " runs failed");
        CHECK(all.failed > all.needed * 9 / 10 / sanitized_stride);
        if (exact) CHECK(all.leaked == 0);
        CHECK(same_bits(run_on(backend, graph, weights, inputs, options), expected));
    }
    SUBCASE("a program whose plan could not be made makes it later") {
        // One plan is kept, so that the other size throws it out and each call must make its own.
        const Program program = compile(backend, graph, weights, {.threads = 1, .max_plans = 1});
        Context context;
        const std::vector<Tensor> other = random_inputs(graph, {1, 64, 32});
        const Outputs expected_of_other = program.run(context, other);
        bool alike = true;
        const Failures plans = fail_each(
            7,
            [&] {
                program.prepare(context, small);
                program.run(context, other);
            },
            [&] { alike = alike && same_bits(program.run(context, inputs), expected) && same_bits(program.run(context, other), expected_of_other); });
        MESSAGE(plans.needed << " allocations, " << plans.failed << " calls failed");
        CHECK(plans.failed > 50);
        CHECK(alike);
    }
    SUBCASE("a prepared run that fails leaves the context as it was") {
        const Program program = compile(backend, graph, weights, options);
        Context context;
        program.prepare(context, small);
        bool alike = true;
        const Failures runs = fail_each(1, [&] { program.run(context, inputs); }, [&] { alike = alike && same_bits(program.run(context, inputs), expected); });
        MESSAGE(runs.needed << " allocations, " << runs.failed << " runs failed");
        if (sanitized_stride == 1) CHECK(runs.failed == runs.needed);
        CHECK(runs.leaked == 0);
        CHECK(alike);
    }
    SUBCASE("a context that could not grow serves smaller pictures") {
        const Program program = compile(backend, graph, weights, options);
        bool alike = true;
        const Failures growths = fail_each(
            1,
            [&] {
                Context context;
                program.prepare(context, small);
                program.prepare(context, {1, 64, 64});
            },
            [&] {
                Context context;
                alike = alike && same_bits(program.run(context, inputs), expected);
            });
        CHECK(growths.failed > 3);
        CHECK(growths.leaked == 0);
        CHECK(alike);
    }
}

}  // namespace

TEST_CASE("allocation: the reference backend survives a failure at any of them") { check_backend(ReferenceBackend{}, true); }

TEST_CASE("allocation: the CPU backend survives a failure at any of them") { check_backend(CpuBackend{}, false); }

TEST_CASE("allocation: kernels that oneDNN has yet to generate") {
    const Graph graph = recorded<TinyDetector>();
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, small);
    const CompileOptions options{.threads = 1};
    const Outputs expected = run_on(CpuBackend{}, graph, weights, inputs, options);
    // Without oneDNN's cache of primitives every one is made anew. With it, version 2.6 keeps a key that points nowhere when an allocation fails inside
    // the making of a primitive (its cache entry is completed afterwards), and hangs when it compares that key; nothing outside oneDNN can mend that.
    int capacity = 0;
    REQUIRE(dnnl_get_primitive_cache_capacity(&capacity) == dnnl_success);
    REQUIRE(dnnl_set_primitive_cache_capacity(0) == dnnl_success);
    const Failures all = fail_each(23, [&] { run_on(CpuBackend{}, graph, weights, inputs, options); }, [] {});
    REQUIRE(dnnl_set_primitive_cache_capacity(capacity) == dnnl_success);
    MESSAGE(all.needed << " allocations, " << all.failed << " runs failed");
    CHECK(all.failed > 100);
    CHECK(same_bits(run_on(CpuBackend{}, graph, weights, inputs, options), expected));
}

TEST_CASE("allocation: recording and optimising a graph") {
    const std::string expected = summary(recorded<TinyDetector>(), small);
    const Failures all = fail_each(1, [] { recorded<TinyDetector>(); }, [] {});
    CHECK(all.failed > 100);
    CHECK(all.leaked == 0);
    CHECK(summary(recorded<TinyDetector>(), small) == expected);
}

TEST_CASE("allocation: reading weights of both formats") {
    const Folder folder;
    const std::string safetensors = REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors", torch = folder.path + "/weights.pth";
    write_torch(torch, random_weights(recorded<TinyDetector>()));
    for (const std::string& path : {safetensors, torch}) {
        const std::size_t expected = read_weights(path).size();
        const Failures all = fail_each(1, [&] { read_weights(path); }, [] {});
        MESSAGE(path << ": " << all.needed << " allocations, " << all.failed << " reads failed");
        CHECK(all.failed > 100);
        CHECK(all.leaked == 0);
        CHECK(read_weights(path).size() == expected);
    }
}

TEST_CASE("allocation: writing weights leaves the file as it was or finishes it, and nothing beside it") {
    const Folder folder;
    const Weights before = random_weights(recorded<TinyDetector>(), 1), weights = random_weights(recorded<TinyDetector>(), 2);
    const std::string name = before.entries().front().name;
    const auto check = [&](const std::string& path, const auto& write) {
        write(before);
        bool whole = true;
        const Failures all = fail_each(
            1, [&] { write(weights); },
            [&] {
                const Tensor found = *read_weights(path).find(name);
                whole = whole && (same_bits(found, *before.find(name)) || same_bits(found, *weights.find(name)));
            });
        MESSAGE(path << ": " << all.needed << " allocations, " << all.failed << " writes failed");
        CHECK(all.failed > 10);
        CHECK(all.leaked == 0);
        CHECK(whole);
        CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
        std::filesystem::remove(path);
    };
    const std::string safetensors = folder.path + "/weights.safetensors", torch = folder.path + "/weights.pth";
    check(safetensors, [&](const Weights& what) { write_safetensors(safetensors, what); });
    check(torch, [&](const Weights& what) { write_torch(torch, what); });
}

TEST_CASE("allocation: reading and writing pictures") {
    const Folder folder;
    const std::string jpeg = REGULUS_TEST_DATA "/fasteners/val_0000.jpg", png = folder.path + "/picture.png";
    const Image expected = read_image(jpeg);
    for (const std::string& path : {png, folder.path + "/picture.jpg"}) {
        const Failures writes = fail_each(1, [&] { write_image(path, expected); }, [] {});
        CHECK(writes.failed > 0);
        CHECK(writes.leaked == 0);
    }
    for (const std::string& path : {jpeg, png}) {
        const Failures reads = fail_each(1, [&] { read_image(path); }, [] {});
        CHECK(reads.failed > 0);
        CHECK(reads.leaked == 0);
        CHECK(read_image(path) == expected);
    }
    // Large enough for resizing to take several threads.
    const Image large = resize(expected, {3000, 3000}, Interpolation::opencv_bilinear);
    const Failures resizes = fail_each(1, [&] { resize(large, {1500, 1500}, Interpolation::pillow_bicubic); }, [] {});
    CHECK(resizes.failed > 0);
    CHECK(resizes.leaked == 0);
}

TEST_CASE("allocation: evaluating detections") {
    const std::string annotations = R"({"images": [{"id": 1, "width": 64, "height": 64, "file_name": "a.png"}, {"id": 2, "width": 64, "height": 64, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "nut"}, {"id": 2, "name": "bolt"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "area": 1200, "iscrowd": 0, "segmentation": [[1, 2, 31, 2, 31, 42, 1, 42]]},
                        {"id": 2, "image_id": 2, "category_id": 2, "bbox": [5, 5, 20, 20], "area": 400, "iscrowd": 0, "segmentation": [[5, 5, 25, 5, 25, 25, 5, 25]]}]})";
    const std::string results = R"([{"image_id": 1, "category_id": 1, "bbox": [2, 3, 30, 40], "score": 0.9}, {"image_id": 2, "category_id": 2, "bbox": [5, 9, 20, 20], "score": 0.8}])";
    for (const int threads : {1, 2}) {
        CocoSettings settings;
        settings.threads = threads;
        const auto judge = [&] { return evaluate_coco(parse_coco_annotations(annotations, "annotations"), parse_coco_results(results, "results"), CocoKind::boxes, settings); };
        const double expected = judge().average_precision({});
        CHECK(expected > 0.1);
        const Failures all = fail_each(1, judge, [] {});
        MESSAGE(threads << " threads: " << all.needed << " allocations, " << all.failed << " evaluations failed");
        CHECK(all.failed > 100);
        CHECK(all.leaked == 0);
        CHECK(judge().average_precision({}) == expected);
    }
}
