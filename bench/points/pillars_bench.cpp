// What PointPillars does besides its dense network, at nuScenes' sizes: 300,800 points of ten sweeps in 30,000 pillars, and 1,000 boxes.
#include <benchmark/benchmark.h>

#include <regulus/cpu/encode_pillars-impl.hpp>
#include <regulus/cpu/voxelize-impl.hpp>
#include <regulus/graph/kernels/circle_nms.hpp>
#include <regulus/graph/kernels/rotated_nms.hpp>
#include <regulus/graph/kernels/scatter_pillars.hpp>

#include "points/scene.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// The scene's voxels.
struct Voxels {
    ops::Voxelize op = nuscenes_grid();
    std::vector<float> points;
    std::vector<std::int32_t> order, first, number, cells;
    std::int32_t count = 0;
    std::vector<std::byte> scratch;

    explicit Voxels(int sweeps) : points(sweeps_cloud(sweeps)) {
        for (std::vector<std::int32_t>* rows : {&order, &first, &number}) rows->resize(size());
        cells.resize(3 * size());
        scratch.resize(kernels::voxelize_scratch(op, std::int64_t(size())));
        run();
    }
    std::size_t size() const { return points.size() / 4; }
    void run() {
        const std::int32_t given = std::int32_t(size());
        cpu::voxelize(op, points.data(), given, &given, 1, {order.data(), first.data(), number.data(), cells.data()}, &count, scratch.data());
    }
    std::int64_t stored() const {
        std::int64_t sum = 0;
        for (std::int32_t v = 0; v < count; ++v) sum += number[std::size_t(v)];
        return sum;
    }
};

void voxelize(benchmark::State& state) {
    Voxels voxels(int(state.range(0)));
    for (auto _ : state) {
        voxels.run();
        benchmark::DoNotOptimize(voxels.order.data());
    }
    state.counters["voxels"] = voxels.count;
    state.counters["stored"] = double(voxels.stored());
    state.SetItemsProcessed(state.iterations() * std::int64_t(voxels.size()));
}
BENCHMARK(voxelize)->Name("voxelize/nuscenes")->ArgName("sweeps")->Arg(1)->Arg(10)->UseRealTime()->Unit(benchmark::kMillisecond);

ops::EncodePillars net(const ops::Voxelize& voxels, int layers) {
    ops::EncodePillars op;
    op.voxels = voxels;
    op.units.assign(std::size_t(layers), 64);
    return op;
}

std::vector<Tensor> parameters_of(const ops::EncodePillars& op) {
    std::vector<Tensor> parameters;
    std::int64_t in = op.decorated();
    std::uint64_t seed = 1;
    for (const int unit : op.units) {
        parameters.push_back(random_tensor(Shape{unit, in}, seed++, -0.2f, 0.2f));
        parameters.push_back(random_tensor(Shape{unit}, seed++, 0.5f, 1.5f));
        parameters.push_back(random_tensor(Shape{unit}, seed++, -0.5f, 0.5f));
        parameters.push_back(random_tensor(Shape{unit}, seed++, -0.5f, 0.5f));
        parameters.push_back(random_tensor(Shape{unit}, seed++, 0.5f, 1.5f));
        in = 2 * unit;
    }
    return parameters;
}

/// FLOP/s counts what the definition asks for: every stored point and one empty slot a pillar through whole matrices. The kernel needs less.
void set_pillar_counters(benchmark::State& state, const Voxels& voxels, const ops::EncodePillars& op) {
    double a_row = 0, in = op.decorated();
    for (const int unit : op.units) {
        a_row += in * unit;
        in = 2.0 * unit;
    }
    state.counters["FLOP/s"] = benchmark::Counter(2 * a_row * double(voxels.stored() + voxels.count), benchmark::Counter::kIsIterationInvariantRate);
    state.counters["pillars"] = voxels.count;
}

void encode_pillars(benchmark::State& state) {
    const Voxels voxels(int(state.range(0)));
    const ops::EncodePillars op = net(voxels.op, int(state.range(1)));
    const int threads = cpu::thread_count(0);
    const cpu::PillarNetWeights weights = cpu::PillarNetWeights::make(op, parameters_of(op));
    std::vector<float> dst(std::size_t(voxels.count) * 64), scratch(cpu::PillarScratch::bytes(op, threads) / sizeof(float));
    for (auto _ : state) {
        cpu::encode_pillars(weights, {voxels.points.data(), voxels.order.data(), voxels.first.data(), voxels.number.data(), voxels.cells.data()}, voxels.count, dst.data(), scratch.data(), threads);
        benchmark::DoNotOptimize(dst.data());
    }
    set_pillar_counters(state, voxels, op);
    state.counters["scratch_KiB"] = double(scratch.size()) * 4 / 1024;
}
BENCHMARK(encode_pillars)->Name("encode_pillars/nuscenes")->ArgNames({"sweeps", "layers"})->Args({1, 2})->Args({10, 2})->Args({10, 1})->UseRealTime()->Unit(benchmark::kMillisecond);

/// The same by the plain loops of the reference backend, one thread.
void encode_pillars_plain(benchmark::State& state) {
    const Voxels voxels(int(state.range(0)));
    const ops::EncodePillars op = net(voxels.op, int(state.range(1)));
    const std::vector<Tensor> parameters = parameters_of(op);
    std::vector<const float*> pointers;
    for (const Tensor& tensor : parameters) pointers.push_back(tensor.data<float>());
    std::vector<float> dst(64), scratch(kernels::encode_pillar_scratch(op));
    for (auto _ : state) {
        for (std::int32_t v = 0; v < voxels.count; ++v) {
            const std::size_t at = std::size_t(v);
            kernels::encode_pillar(op, voxels.points.data(), voxels.order.data() + voxels.first[at], voxels.number[at], voxels.cells.data() + 3 * v, pointers.data(), dst.data(), scratch.data());
        }
        benchmark::DoNotOptimize(dst.data());
    }
    set_pillar_counters(state, voxels, op);
}
BENCHMARK(encode_pillars_plain)->Name("encode_pillars_plain/nuscenes")->ArgNames({"sweeps", "layers"})->Args({10, 2})->UseRealTime()->Unit(benchmark::kMillisecond);

/// Clearing the canvas is nearly all of it.
void scatter(benchmark::State& state) {
    const Voxels voxels(10);
    const ops::ScatterPillars op{64, voxels.op.cells(1), voxels.op.cells(0)};
    const std::vector<float> pillars(std::size_t(voxels.count) * 64, 1.f);
    std::vector<float> canvas(std::size_t(op.channels) * std::size_t(op.height) * std::size_t(op.width));
    const bool nhwc = state.range(0) != 0;
    const std::int64_t area = std::int64_t(op.height) * op.width;
    for (auto _ : state) {
        kernels::scatter_pillars(op, pillars.data(), voxels.cells.data(), voxels.count, nhwc ? 1 : area, nhwc ? op.channels : 1, canvas.data());
        benchmark::DoNotOptimize(canvas.data());
    }
    state.SetBytesProcessed(state.iterations() * std::int64_t((canvas.size() + pillars.size()) * sizeof(float)));
}
BENCHMARK(scatter)->Name("scatter_pillars/nuscenes")->ArgName("nhwc")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Cars: spread over 100 m, as many copies of eighty jittered as in a network's output, or all within 30 m.
void rotated_nms(benchmark::State& state) {
    const std::int64_t count = state.range(0), scene = state.range(1);
    const Tensor random = random_tensor(Shape{count, 8}, 1, 0.f, 1.f);
    std::vector<float> boxes, scores, kept(9 * 1000), kept_scores(1000);
    std::vector<std::int32_t> labels(std::size_t(count), 0), directions(std::size_t(count), 0), kept_labels(1000);
    for (std::int64_t i = 0; i < count; ++i) {
        const float* r = random.data<float>() + 8 * i;
        const float* centre = random.data<float>() + 8 * (scene == 1 ? i % 80 : i);
        const float reach = scene == 2 ? 30.f : 100.f, jitter = scene == 1 ? 1.5f : 0.f;
        boxes.insert(boxes.end(), {reach * centre[0] + jitter * r[5], reach * centre[1] + jitter * r[6], -1.f, 4.6f * (0.8f + 0.4f * r[2]), 1.9f * (0.8f + 0.4f * r[3]), 1.6f, 6.28f * centre[4] + 0.2f * r[7], 0.f, 0.f});
        scores.push_back(r[5]);
    }
    ops::RotatedNms op;
    op.code = 9;
    op.limit = 1000;
    const kernels::CandidateList3d<float> list{boxes.data(), scores.data(), labels.data(), directions.data(), count};
    std::vector<std::uint64_t> memory(kernels::RotatedNmsScratch<float>::bytes(count, op.limit) / 8 + 1);
    std::int32_t found = 0;
    for (auto _ : state) {
        found = kernels::rotated_nms(op, &list, 1, kernels::RotatedNmsScratch<float>(memory.data(), count), kept.data(), kept_scores.data(), kept_labels.data());
        benchmark::DoNotOptimize(found);
    }
    state.counters["kept"] = found;
    state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(rotated_nms)->ArgNames({"boxes", "scene"})->Args({1000, 0})->Args({1000, 1})->Args({1000, 2})->Args({3000, 1})->UseRealTime()->Unit(benchmark::kMicrosecond);

void rotated_iou(benchmark::State& state) {
    const kernels::RotatedBox a = kernels::rotated_box(0, 0, 4.6, 1.9, 0.3), b = kernels::rotated_box(0.7, 0.4, 4.2, 1.8, 0.6);
    for (auto _ : state) benchmark::DoNotOptimize(kernels::rotated_iou(a, b));
}
BENCHMARK(rotated_iou)->Unit(benchmark::kNanosecond);

void circle_nms(benchmark::State& state) {
    const std::int64_t count = state.range(0);
    const Tensor boxes = random_tensor(Shape{count, 7}, 1, -50.f, 50.f), scores = random_tensor(Shape{count}, 2, 0.f, 1.f);
    const std::vector<std::int32_t> labels(std::size_t(count), 0);
    const ops::CircleNms op;
    std::vector<float> kept(7 * 83), kept_scores(83);
    std::vector<std::int32_t> kept_labels(83);
    std::vector<kernels::Ranked3d<float>> ranked(static_cast<std::size_t>(count));
    const kernels::CandidateList3d<float> list{boxes.data<float>(), scores.data<float>(), labels.data(), nullptr, count};
    for (auto _ : state) benchmark::DoNotOptimize(kernels::circle_nms(op, &list, 1, ranked.data(), kept.data(), kept_scores.data(), kept_labels.data()));
    state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(circle_nms)->ArgName("boxes")->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
