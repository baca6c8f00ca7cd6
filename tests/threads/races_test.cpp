// What several threads share, under each other's feet: a program's plans, contexts, the pool of contexts, files mapped into memory. check.sh builds this room
// header-only with ThreadSanitizer and without OpenMP, which ThreadSanitizer does not understand; there it proves that there are no data races.
#include <atomic>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/pipeline/detector.hpp>
#include <regulus/reference.hpp>
#include <regulus/weights/read_weights.hpp>

using namespace regulus;

namespace {

inline constexpr RegNetStages tiny = regnet({.w0 = 16, .wa = 16, .wm = 2, .depth = 6, .group_width = 8, .se_ratio = 0.25, .stem_width = 8});
inline constexpr RcnnSizes tiny_sizes{.rpn_candidates = 60, .proposals = 40, .box_size = 3, .box_features = 32, .detections = 20};

struct Tiny : FasterRcnn<RegNet<tiny>, 16, 3, tiny_sizes> {
    static ModelFacts facts() {
        ModelFacts facts;
        facts.preprocessing.resize_rule = ResizeRule::none;
        facts.class_names = {"a", "b", "c"};
        return facts;
    }
};

/// Weights of any values by which boxes are found.
Weights tiny_weights() {
    Weights weights;
    const Graph graph = recorded<Tiny>();
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) == nullptr) weights.add(parameter.name, seeded_tensor(parameter.name, parameter.shape, 0));
        }
    }
    return weights;
}

Image noise(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t i = 0; i < 3 * width; ++i) image.row(y)[i] = std::uint8_t(seeded_uniform(fnv1a64("noise"), std::uint64_t(y), std::uint64_t(i)) * 256);
    }
    return image;
}

bool equal(const DetectionList& a, const DetectionList& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i].box != b[i].box || a[i].score != b[i].score || a[i].label != b[i].label) return false;
    }
    return true;
}

/// body(which) on each of `count` threads, all let loose at once. What a body throws is a failure of the test.
void at_once(int count, const std::function<void(int)>& body) {
    std::atomic<bool> go = false;
    std::atomic<int> thrown = 0;
    std::vector<std::thread> threads;
    for (int which = 0; which < count; ++which) {
        threads.emplace_back([&, which] {
            while (!go.load()) std::this_thread::yield();
            try {
                body(which);
            } catch (...) {
                ++thrown;
            }
        });
    }
    go = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(thrown.load() == 0);
}

/// Four threads with one detector, six sizes of picture, room for two plans: plans are made, found, thrown out and used after that, all at the same time.
void check_shared_detector(const Backend& backend) {
    const Weights weights = tiny_weights();
    const Detector<Tiny> detector{backend, weights, CompileOptions{.threads = 1, .max_plans = 2}};
    std::vector<Image> images;
    std::vector<DetectionList> expected;
    std::size_t found = 0;
    for (const auto& [height, width] : {std::pair{33, 47}, {64, 32}, {40, 96}, {1, 1}, {95, 31}, {64, 64}}) {
        images.push_back(noise(height, width));
        expected.push_back(Detector<Tiny>{backend, weights, CompileOptions{.threads = 1}}(images.back()));
        found += expected.back().size();
    }
    CHECK(found > 0);
    std::atomic<int> unlike = 0;
    at_once(4, [&](int which) {
        Context own;
        for (std::size_t i = 0; i < 2 * images.size(); ++i) {
            const std::size_t at = (i + std::size_t(which)) % images.size();
            unlike += equal(i % 2 == 0 ? detector(images[at]) : detector(own, images[at]), expected[at]) ? 0 : 1;
            if (i % 5 == 0) detector.prepare(images[at].size());
            if (i % 7 == 0) detector.program().explain(InputSize{1, 64, 64});
        }
    });
    CHECK(unlike.load() == 0);
}

}  // namespace

TEST_CASE("threads: one detector on the reference backend, plans and contexts that come and go, gives each thread what it gives one") { check_shared_detector(ReferenceBackend{}); }

TEST_CASE("threads: one detector on the CPU backend, plans and contexts that come and go, gives each thread what it gives one") { check_shared_detector(CpuBackend{}); }

TEST_CASE("threads: programs made at once from the same weights are alike") {
    const Graph graph = recorded<Tiny>();
    const Weights weights = tiny_weights();
    Tensor image = Tensor::zeros(Shape{1, 3, 32, 32}), info(Shape{1, 4}, DType::f32);
    for (std::int64_t i = 0; i < image.numel(); ++i) image.data<float>()[i] = float(seeded_uniform(fnv1a64("image"), 0, std::uint64_t(i))) - 0.5f;
    const float full[4] = {32, 32, 1, 1};
    std::memcpy(info.data<float>(), full, sizeof full);
    const auto scores = [&] {
        Context context;
        return compile(CpuBackend{}, graph, weights, {.threads = 1}).run(context, {image, info})["scores"];
    };
    const Tensor expected = scores();
    std::atomic<int> unlike = 0;
    at_once(4, [&](int) {
        const Tensor own = scores();
        unlike += own.shape() == expected.shape() && std::memcmp(own.raw(), expected.raw(), expected.bytes()) == 0 ? 0 : 1;
    });
    CHECK(unlike.load() == 0);
}

TEST_CASE("threads: one file of weights read by all at once; tensors outlive the reader in another thread") {
    const std::string path = REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors";
    const Weights expected = read_weights(path);
    std::atomic<int> unlike = 0;
    at_once(4, [&](int) {
        Tensor kept;
        std::thread reader([&] { kept = read_weights(path).entries().front().tensor; });
        reader.join();
        unlike += std::memcmp(kept.raw(), expected.entries().front().tensor.raw(), kept.bytes()) == 0 ? 0 : 1;
        const Weights again = read_weights(path);
        for (const Weights::Entry& entry : again.entries()) unlike += entry.tensor.shape() == expected.find(entry.name)->shape() ? 0 : 1;
    });
    CHECK(unlike.load() == 0);
}
