// The small kernels of detectors alone, at the sizes that they meet in published ones.
#include <benchmark/benchmark.h>

#include <regulus/graph/kernels/nms.hpp>
#include <regulus/graph/kernels/proposals.hpp>
#include <regulus/layers/anchors.hpp>

#include "support/bench.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// The best 1,000 of a level's scores: P2 to P6 of an RPN, P3 of RetinaNet with 9 anchors and 80 classes.
void top_k(benchmark::State& state) {
    const std::int64_t height = state.range(0), width = state.range(1), channels = state.range(2);
    ops::TopK op;
    op.limit = 1000;
    if (channels > 3) op.threshold = 0.05f;
    const std::int64_t total = height * width * channels;
    const Tensor logits = random_tensor(Shape{total}, 1, channels > 3 ? -9.f : -4.f, channels > 3 ? -1.f : 4.f);
    std::vector<kernels::Scored<float>> pool(kernels::top_k_scratch(total, op.limit));
    std::vector<float> scores(1000);
    std::vector<std::int32_t> index(1000);
    for (auto _ : state) benchmark::DoNotOptimize(kernels::top_k(op, logits.data<float>(), 1, total, 1, pool.data(), scores.data(), index.data()));
    state.SetItemsProcessed(state.iterations() * total);
}
BENCHMARK(top_k)->ArgNames({"h", "w", "channels"})->Args({200, 336, 3})->Args({50, 84, 3})->Args({13, 21, 3})->Args({100, 168, 720})->UseRealTime()->Unit(benchmark::kMicrosecond);

/// 1,000 chosen anchors of an NHWC map.
void decode_anchors(benchmark::State& state) {
    const std::int64_t height = 100, width = 168, count = state.range(0);
    ops::DecodeAnchors op;
    op.stride = 8;
    op.anchors = base_anchors(AnchorRule::mmdetection, 8, {8}, {0.5, 1, 2});
    const Tensor deltas = random_tensor(Shape{height, width, 12}), boxes(Shape{count, 4}, DType::f32);
    std::vector<std::int32_t> index(std::size_t(count), 0), labels(std::size_t(count), 0);
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = std::int32_t(i * 7919 % std::size_t(height * width * 3));
    Tensor decoded = boxes;
    const kernels::Picture<float> picture{800, 1333, 1, 1};
    for (auto _ : state) {
        kernels::decode_anchors(op, deltas.data<float>(), 1, 12, width, index.data(), count, picture, decoded.data<float>(), labels.data());
        benchmark::DoNotOptimize(decoded.raw());
    }
    state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(decode_anchors)->ArgName("boxes")->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// Suppression among boxes that overlap as proposals do: clusters of jittered copies. An RPN's union of five levels, and detections of 80 classes.
void nms(benchmark::State& state) {
    const std::int64_t count = state.range(0), labels = state.range(1);
    ops::Nms op;
    op.iou_threshold = labels > 5 ? 0.5f : 0.7f;
    op.limit = int(state.range(2));
    const Tensor random = random_tensor(Shape{count, 5}, 3, 0.f, 1.f);
    Tensor boxes(Shape{count, 4}, DType::f32), scores(Shape{count}, DType::f32);
    std::vector<std::int32_t> label(std::size_t(count), 0);
    for (std::int64_t i = 0; i < count; ++i) {
        const float* r = random.data<float>() + 5 * i;
        const float* centre = random.data<float>() + 5 * (i % std::max<std::int64_t>(1, count / 12));  // twelve boxes a cluster
        const float x = 1333 * centre[0] + 12 * r[0], y = 800 * centre[1] + 12 * r[1], side = 20 + 200 * centre[2];
        const float box[4] = {x - side / 2, y - side / 2, x + side / 2 + 10 * r[2], y + side / 2 + 10 * r[3]};
        std::copy_n(box, 4, boxes.data<float>() + 4 * i);
        scores.data<float>()[i] = r[4];
        label[std::size_t(i)] = std::int32_t(i % std::max<std::int64_t>(1, count / 12) % labels);
    }
    const kernels::CandidateList<float> list{boxes.data<float>(), scores.data<float>(), label.data(), count};
    std::vector<std::byte> scratch(kernels::NmsScratch<float>::bytes(count, op.limit));
    Tensor kept(Shape{op.limit, 4}, DType::f32), kept_scores(Shape{op.limit}, DType::f32);
    std::vector<std::int32_t> kept_labels(std::size_t(op.limit), 0);
    std::int32_t found = 0;
    for (auto _ : state) {
        found = kernels::nms(op, &list, 1, kernels::NmsScratch<float>(scratch.data(), count), kept.data<float>(), kept_scores.data<float>(), kept_labels.data());
        benchmark::DoNotOptimize(found);
    }
    state.counters["kept"] = found;
    state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(nms)->ArgNames({"boxes", "labels", "limit"})->Args({4819, 5, 1000})->Args({1000, 1, 1000})->Args({5000, 80, 100})->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
