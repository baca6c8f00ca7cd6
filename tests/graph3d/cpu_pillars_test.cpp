// The CPU backend's pillar net against the plain one: every instruction set, odd widths, every shape of net, any number of threads.
#include <cmath>
#include <cstring>
#include <tuple>

#include <doctest/doctest.h>

#include <regulus/cpu/encode_pillars-impl.hpp>
#include <regulus/graph/kernels/voxelize.hpp>

using namespace regulus;

namespace {

class Random {
public:
    explicit Random(std::uint32_t seed) : state_(seed) {}
    float operator()(float low, float high) {
        state_ = state_ * 1664525u + 1013904223u;
        return low + (high - low) * float(state_ >> 8) / float(1 << 24);
    }

private:
    std::uint32_t state_;
};

std::vector<Tensor> random_parameters(const ops::EncodePillars& op, Random& random) {
    std::vector<Tensor> parameters;
    std::int64_t in = op.decorated();
    for (const int unit : op.units) {
        const float spread = 1.f / std::sqrt(float(in));
        for (const auto& [shape, low, high] : {std::tuple(Shape{unit, in}, -spread, spread), std::tuple(Shape{unit}, 0.5f, 1.5f), std::tuple(Shape{unit}, -0.5f, 0.5f), std::tuple(Shape{unit}, -0.5f, 0.5f),
                                               std::tuple(Shape{unit}, 0.5f, 2.f)}) {
            Tensor tensor(shape, DType::f32);
            for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = random(low, high);
            parameters.push_back(tensor);
        }
        in = 2 * unit;
    }
    return parameters;
}

/// Voxels of random points, most of them in a corner, so that some voxels are full and many hold a point or two.
struct Cloud {
    std::vector<float> points;
    std::vector<std::int32_t> order, first, number, cells, count{0};

    Cloud(const ops::Voxelize& op, int size, Random& random) {
        for (int i = 0; i < size; ++i) {
            const bool corner = random(0, 1) < 0.6f;
            points.push_back(op.range[0] + (op.range[3] - op.range[0]) * random(0, corner ? 0.1f : 1.f));
            points.push_back(op.range[1] + (op.range[4] - op.range[1]) * random(0, corner ? 0.1f : 1.f));
            points.push_back(random(op.range[2], op.range[5]));
            for (int feature = 3; feature < op.features; ++feature) points.push_back(random(0, 0.5f));
        }
        for (std::vector<std::int32_t>* rows : {&order, &first, &number}) rows->resize(std::size_t(size));
        cells.resize(3 * std::size_t(size));
        std::vector<std::byte> scratch(kernels::voxelize_scratch(op, size));
        const std::int32_t given = size;
        kernels::voxelize(op, points.data(), size, &given, 1, {order.data(), first.data(), number.data(), cells.data()}, count.data(), scratch.data());
    }
    cpu::PillarRows rows() const { return {points.data(), order.data(), first.data(), number.data(), cells.data()}; }
    std::int64_t voxels() const { return count[0]; }
};

std::vector<float> plain(const ops::EncodePillars& op, const std::vector<Tensor>& parameters, const Cloud& cloud) {
    std::vector<const double*> pointers;
    std::vector<std::vector<double>> values;
    for (const Tensor& tensor : parameters) values.emplace_back(tensor.data<float>(), tensor.data<float>() + tensor.numel());
    for (const std::vector<double>& value : values) pointers.push_back(value.data());
    const std::vector<double> points(cloud.points.begin(), cloud.points.end());
    std::vector<double> scratch(kernels::encode_pillar_scratch(op)), dst(std::size_t(op.units.back()));
    std::vector<float> result;
    for (std::int64_t v = 0; v < cloud.voxels(); ++v) {
        kernels::encode_pillar(op, points.data(), cloud.order.data() + cloud.first[std::size_t(v)], cloud.number[std::size_t(v)], cloud.cells.data() + 3 * v, pointers.data(), dst.data(), scratch.data());
        result.insert(result.end(), dst.begin(), dst.end());
    }
    return result;
}

std::vector<float> fast(const ops::EncodePillars& op, const std::vector<Tensor>& parameters, const Cloud& cloud, cpu::InstructionSet set, int threads) {
    const cpu::PillarNetWeights net = cpu::PillarNetWeights::make(op, parameters, cpu::pillar_functions(set));
    std::vector<float> scratch(cpu::PillarScratch::bytes(op, threads) / sizeof(float), NAN), dst(std::size_t(cloud.voxels() * op.units.back()), NAN);
    cpu::encode_pillars(net, cloud.rows(), cloud.voxels(), dst.data(), scratch.data(), threads);
    return dst;
}

std::vector<cpu::InstructionSet> runnable_sets() {
    std::vector<cpu::InstructionSet> sets;
    for (const cpu::InstructionSet set : {cpu::InstructionSet::baseline, cpu::InstructionSet::avx2, cpu::InstructionSet::avx512}) {
        if (int(set) <= int(cpu::instruction_set())) sets.push_back(set);
    }
    return sets;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    double largest = a.size() == b.size() ? 0 : 1e9;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
        const double difference = std::fabs(double(a[i]) - double(b[i]));
        if (!(difference <= largest) && !(std::isnan(a[i]) && std::isnan(b[i]))) largest = std::isnan(difference) ? 1e9 : difference;
    }
    return largest;
}

ops::EncodePillars nuscenes_net() {
    ops::EncodePillars op;
    op.voxels.range = {-50, -50, -5, 50, 50, 3};
    op.voxels.voxel_size = {0.5f, 0.5f, 8};
    op.voxels.max_points = 20;
    op.units = {64, 64};
    return op;
}

}  // namespace

TEST_CASE("cpu pillar net: the plain one in double, for every instruction set and shape of net") {
    std::vector<ops::EncodePillars> nets;
    const auto add = [&](std::vector<int> units, int features, const auto& change) {
        ops::EncodePillars op = nuscenes_net();
        op.units = std::move(units);
        op.voxels.features = features;
        change(op);
        nets.push_back(op);
    };
    add({64, 64}, 4, [](ops::EncodePillars&) {});
    add({64}, 4, [](ops::EncodePillars&) {});
    add({64}, 4, [](ops::EncodePillars& op) { op.legacy = true; });
    add({8, 12, 16}, 4, [](ops::EncodePillars&) {});
    add({7, 33, 5, 90}, 5, [](ops::EncodePillars& op) { op.distance = true; });
    add({1, 1}, 3, [](ops::EncodePillars& op) { op.cluster_center = false; });
    add({17}, 6, [](ops::EncodePillars& op) { op.voxel_center = false; });
    add({65, 3}, 4, [](ops::EncodePillars& op) { op.legacy = op.distance = true; });
    add({16}, 4, [](ops::EncodePillars& op) { op.cluster_center = op.voxel_center = false; });
    add({64, 64}, 4, [](ops::EncodePillars& op) { op.voxels.max_points = 300; });  // one pillar fills more than a group's rows
    add({64, 64}, 4, [](ops::EncodePillars& op) { op.voxels.max_points = 1; });    // no empty slots
    add({9, 64}, 4, [](ops::EncodePillars& op) { op.average = true, op.voxels.max_points = 3; });  // few empty slots, whose sums would be large
    Random random(7);
    for (std::size_t i = 0; i < nets.size(); ++i) {
        CAPTURE(i);
        const Cloud cloud(nets[i].voxels, 3000, random);
        const std::vector<Tensor> parameters = random_parameters(nets[i], random);
        const std::vector<float> expected = plain(nets[i], parameters, cloud);
        for (const cpu::InstructionSet set : runnable_sets()) {
            CAPTURE(int(set));
            // Sums of at most 200 terms of size 50 / sqrt(10) and less: 2e-5; the plain net in float32 is no nearer.
            CHECK(largest_difference(fast(nets[i], parameters, cloud, set, 1), expected) < 2e-5);
        }
    }
}

TEST_CASE("cpu pillar net: equal bits for any number of threads, and for a pillar alone") {
    const ops::EncodePillars op = nuscenes_net();
    Random random(8);
    const Cloud cloud(op.voxels, 6000, random);
    const std::vector<Tensor> parameters = random_parameters(op, random);
    const cpu::PillarNetWeights net = cpu::PillarNetWeights::make(op, parameters);
    const std::vector<float> one = fast(op, parameters, cloud, cpu::instruction_set(), 1);
    for (const int threads : {2, 3, 8}) CHECK(fast(op, parameters, cloud, cpu::instruction_set(), threads) == one);
    std::vector<float> scratch(cpu::PillarScratch::bytes(op, 1) / sizeof(float));
    for (std::int64_t v = 0; v < cloud.voxels(); v += 37) {
        std::vector<float> alone(64);
        cpu::PillarRows rows = cloud.rows();
        rows.first += v;
        rows.number += v;
        rows.cells += 3 * v;
        cpu::encode_pillars(net, rows, 1, alone.data(), scratch.data(), 1);
        CHECK(std::memcmp(alone.data(), one.data() + 64 * v, 64 * sizeof(float)) == 0);
    }
}

TEST_CASE("cpu pillar net: NaN, infinities and huge numbers do to a pillar what they do in the plain net, and nothing to others") {
    ops::EncodePillars op = nuscenes_net();
    Random random(9);
    Cloud cloud(op.voxels, 2000, random);
    const std::vector<Tensor> parameters = random_parameters(op, random);
    const std::vector<float> before = fast(op, parameters, cloud, cpu::instruction_set(), 1);
    std::vector<std::int64_t> touched;
    const float bad[] = {NAN, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), 3e38f, 1e13f};
    for (std::int64_t v = 3; v < cloud.voxels(); v += 41) {
        cloud.points[std::size_t(cloud.order[std::size_t(cloud.first[std::size_t(v)])]) * 4 + 3] = bad[touched.size() % 5];
        touched.push_back(v);
    }
    const std::vector<float> after = fast(op, parameters, cloud, cpu::instruction_set(), 2);
    std::vector<const float*> pointers;
    for (const Tensor& tensor : parameters) pointers.push_back(tensor.data<float>());
    std::vector<float> scratch(kernels::encode_pillar_scratch(op)), expected(64);
    bool equal = true;
    for (std::int64_t v = 0, next = 0; v < cloud.voxels(); ++v) {
        const float* got = after.data() + 64 * v;
        if (next < std::int64_t(touched.size()) && touched[std::size_t(next)] == v) {
            ++next;
            kernels::encode_pillar(op, cloud.points.data(), cloud.order.data() + cloud.first[std::size_t(v)], cloud.number[std::size_t(v)], cloud.cells.data() + 3 * v, pointers.data(), expected.data(),
                                   scratch.data());
            for (std::size_t i = 0; i < 64; ++i) equal = equal && (got[i] == expected[i] || (std::isnan(got[i]) && std::isnan(expected[i])));
        } else {
            equal = equal && std::memcmp(got, before.data() + 64 * v, 64 * sizeof(float)) == 0;
        }
    }
    CHECK(equal);
    CHECK(std::isnan(after[std::size_t(64 * touched[0])]));
}

TEST_CASE("cpu pillar net: no pillars, pillars without points, and parameters that are no numbers") {
    ops::EncodePillars op = nuscenes_net();
    op.units = {5, 3};
    Random random(10);
    const std::vector<Tensor> parameters = random_parameters(op, random);
    Cloud cloud(op.voxels, 50, random);
    std::vector<float> scratch(cpu::PillarScratch::bytes(op, 2) / sizeof(float), NAN);
    const cpu::PillarNetWeights net = cpu::PillarNetWeights::make(op, parameters);
    cpu::encode_pillars(net, cloud.rows(), 0, nullptr, scratch.data(), 2);
    std::fill(cloud.number.begin(), cloud.number.end(), 0);
    CHECK(largest_difference(fast(op, parameters, cloud, cpu::instruction_set(), 1), plain(op, parameters, cloud)) < 1e-6);
    const Cloud full(op.voxels, 50, random);
    std::vector<Tensor> broken = parameters;
    broken[0] = Tensor(broken[0].shape(), DType::f32);
    std::copy_n(parameters[0].data<float>(), parameters[0].numel(), broken[0].data<float>());
    broken[0].data<float>()[0] = NAN;
    CHECK(largest_difference(fast(op, broken, full, cpu::instruction_set(), 1), plain(op, broken, full)) < 2e-5);
}
