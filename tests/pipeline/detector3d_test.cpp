#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/mmdetection3d.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu.hpp>
#include <regulus/models/point_pillars.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/reference.hpp>

using namespace regulus;
using doctest::Contains;

namespace {

inline constexpr PillarGrid grid{{-8, -8, -3, 8, 8, 1}, {0.5f, 0.5f, 4}, 8, 300};
inline constexpr AnchorSet3d anchors = anchors3d({-8, -8, -1.8f, 8, 8, -1.8f}, {{4.f, 1.8f, 1.5f}, {0.7f, 0.6f, 1.7f}});
using Backbone = Second<16, 16, 24, 32, 1, 1, 1>;

/// A PointPillars of 32 x 32 pillars with velocities: every part, milliseconds a run.
struct Small : PointPillars<grid, PillarNet<grid, PillarCentre::beside, 16, 16>, Backbone, SecondFpn<Backbone::Widths, 16>, anchors, 3, 9, 40> {
    static constexpr PointPillarsSettings settings{.anchors = anchors, .candidates = 60, .score_threshold = 0.4f};
};

struct WithoutAnchors : Small {
    static constexpr PointPillarsSettings settings{};
};

Weights weights_of(const Graph& graph, std::uint64_t salt = 1) { return seeded_weights(graph, "mmdetection3d", salt); }

PointCloud random_cloud(std::size_t points, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> across(-9, 9), up(-3.2f, 1.2f), seconds(0, 0.5f);
    PointCloud cloud{4, {}};
    for (std::size_t i = 0; i < points; ++i) cloud.values.insert(cloud.values.end(), {across(random), across(random), up(random), seconds(random)});
    return cloud;
}

bool equal(const DetectionList3d& a, const DetectionList3d& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const Box3d &x = a[i].box, &y = b[i].box;
        if (a[i].label != b[i].label || a[i].score != b[i].score || x.x != y.x || x.y != y.y || x.z != y.z || x.length != y.length || x.yaw != y.yaw || x.vx != y.vx || x.vy != y.vy) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("Detector3d: both backends find the same boxes") {
    const Graph graph = recorded<Small>();
    const Weights weights = weights_of(graph);
    const Detector3d<Small> cpu{CpuBackend{}, weights}, reference{ReferenceBackend{}, weights};
    std::size_t found = 0;
    for (unsigned seed = 0; seed < 8; ++seed) {
        const PointCloud cloud = random_cloud(200 + 300 * seed, seed);
        const DetectionList3d a = cpu(cloud), b = reference(cloud);
        REQUIRE(a.size() == b.size());
        for (std::size_t i = 0; i < a.size(); ++i) {
            CHECK(a[i].label == b[i].label);
            CHECK(a[i].score == doctest::Approx(b[i].score).epsilon(1e-4));
            CHECK(std::abs(a[i].box.x - b[i].box.x) < 1e-3f);
            CHECK(std::abs(a[i].box.yaw - b[i].box.yaw) < 1e-3f);
        }
        found += a.size();
    }
    CHECK(found > 50);
}

TEST_CASE("Detector3d: a batch gives what its clouds give alone, the empty one included") {
    const Graph graph = recorded<Small>();
    for (const bool fast : {true, false}) {
        const CpuBackend cpu;
        const ReferenceBackend reference;
        const Detector3d<Small> detector{fast ? static_cast<const Backend&>(cpu) : reference, weights_of(graph)};
        const std::vector<PointCloud> clouds{random_cloud(900, 1), PointCloud{4, {}}, random_cloud(1, 2), random_cloud(2500, 3)};
        const std::vector<DetectionList3d> together = detector(clouds);
        REQUIRE(together.size() == clouds.size());
        for (std::size_t i = 0; i < clouds.size(); ++i) {
            CAPTURE(i);
            CHECK(equal(together[i], detector(clouds[i])));
        }
    }
}

TEST_CASE("Detector3d: points that are not finite or far away change nothing") {
    const Detector3d<Small> detector{CpuBackend{}, weights_of(recorded<Small>())};
    const PointCloud clean = random_cloud(700, 5);
    PointCloud dirty = clean;
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN(), huge = std::numeric_limits<float>::max();
    for (const auto& p : {std::array<float, 3>{nan, 0, 0}, {inf, 0, 0}, {0, -inf, 0}, {0, 0, nan}, {huge, huge, huge}, {-huge, 0, 0}, {1e9f, 1e9f, 0}}) {
        dirty.values.insert(dirty.values.begin() + 40, {p[0], p[1], p[2], 0.f});
    }
    CHECK(equal(detector(clean), detector(dirty)));
}

TEST_CASE("Detector3d: results do not depend on threads") {
    CompileOptions one, two;
    one.threads = 1;
    two.threads = 2;
    const Weights weights = weights_of(recorded<Small>());
    const Detector3d<Small> a{CpuBackend{}, weights, one}, b{CpuBackend{}, weights, two};
    for (unsigned seed = 0; seed < 4; ++seed) CHECK(equal(a(random_cloud(1500, seed)), b(random_cloud(1500, seed))));
}

TEST_CASE("Detector3d: clouds of one scanner share a plan; memory is within the plan's arena") {
    const Detector3d<Small> detector{CpuBackend{}, weights_of(recorded<Small>())};
    CHECK(point_inputs(std::vector<PointCloud>{random_cloud(30000, 1)}, 4)[0].shape() == point_inputs(std::vector<PointCloud>{random_cloud(30500, 2)}, 4)[0].shape());
    CHECK(point_inputs(std::vector<PointCloud>{random_cloud(0, 1)}, 4)[0].shape() == Shape{1024, 4});
    for (const std::size_t points : {1u, 1024u, 1025u, 30000u, 300000u}) {
        const std::int64_t room = point_inputs(std::vector<PointCloud>{random_cloud(points, 1)}, 4)[0].shape()[0];
        CHECK(room >= std::int64_t(points));
        CHECK(double(room) <= std::max(1024.0, 1.07 * double(points) + 1024));
    }
    CHECK_NOTHROW(detector.prepare(30000));
    CHECK_THROWS_AS(detector.prepare(std::size_t(1) << 40), ArgumentError);
}

TEST_CASE("Detector3d: wrong clouds, graphs and weights are refused in plain words") {
    const Graph graph = recorded<Small>();
    const Weights weights = weights_of(graph);
    const Detector3d<Small> detector{CpuBackend{}, weights};
    CHECK_THROWS_WITH_AS(detector(PointCloud{5, std::vector<float>(10)}), Contains("5 numbers a point, the model takes 4"), ArgumentError);
    CHECK_THROWS_WITH_AS(detector(std::span<const PointCloud>{}), Contains("at least one cloud"), ArgumentError);
    Weights less;
    less.source = "half";
    for (const auto& entry : weights.entries()) {
        if (entry.name.rfind("head.", 0) != 0) less.add(entry.name, entry.tensor);
    }
    CHECK_THROWS_WITH_AS((Detector3d<Small>{CpuBackend{}, less}), Contains("head.deltas.bias"), WeightError);
    PointDetectorFacts before;
    before.boxes = BoxConvention::width_first;
    CHECK_THROWS_WITH_AS((Detector3d<Small>{CpuBackend{}, less, before}), Contains("head.logits.weight"), WeightError);

    Context context;
    const Program& program = detector.program();
    std::vector<Tensor> inputs = point_inputs(std::vector<PointCloud>{random_cloud(10, 1)}, 4);
    inputs[1].data<std::int32_t>()[0] = 5000;
    CHECK_THROWS_WITH_AS(program.run(context, inputs), Contains("point counts"), ArgumentError);
    inputs[1].data<std::int32_t>()[0] = -1;
    CHECK_THROWS_AS(program.run(context, inputs), ArgumentError);
    inputs[1] = Tensor::zeros(Shape{1});
    CHECK_THROWS_WITH_AS(program.run(context, inputs), Contains("int32"), ShapeError);
}

TEST_CASE("Detector3d: the settings' anchors must be those of the head") {
    CHECK_THROWS_WITH_AS(recorded<WithoutAnchors>(), Contains("anchor sizes"), ArgumentError);
}
