// 3D evaluations at full size: nuScenes' validation (6,019 samples, 200 boxes found and 31 annotated in each), KITTI's (3,769 frames), Lyft's thresholds on 1,000 samples.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <regulus/evaluate/kitti_evaluation.hpp>
#include <regulus/evaluate/lyft_evaluation.hpp>
#include <regulus/evaluate/nuscenes_evaluation.hpp>
#include <regulus/evaluate/nuscenes_results.hpp>

namespace {

using namespace regulus;

struct Random {
    std::mt19937 bits{1};
    double real(double low, double high) { return low + (high - low) * double(bits()) / 4294967296.0; }
    std::size_t below(std::size_t n) { return bits() % n; }
};

struct ValidationSized {
    std::vector<NuScenesTruth> truth;
    std::vector<NuScenesResult> results;

    explicit ValidationSized(std::size_t samples) {
        Random random;
        for (std::size_t s = 0; s < samples; ++s) {
            const std::string token = "sample " + std::to_string(s);
            truth.push_back({token, {}, {}, {}});
            results.push_back({token, {}});
            for (int i = 0; i < 31; ++i) truth.back().boxes.push_back(box(random));
            for (int i = 0; i < 200; ++i) {
                NuScenesBox found = i < 100 ? truth.back().boxes[random.below(31)] : box(random);
                for (double& v : found.translation) v += random.real(-1.5, 1.5);
                found.velocity = {random.real(-1, 1), random.real(-1, 1)};
                found.score = random.real(0.05, 1);
                found.points = -1;
                results.back().boxes.push_back(found);
            }
        }
    }

private:
    static NuScenesBox box(Random& random) {
        NuScenesBox box;
        const double yaw = random.real(-3, 3);
        box.translation = {random.real(-45, 45), random.real(-45, 45), random.real(-1, 1)};
        box.size = {random.real(0.5, 3), random.real(0.5, 6), random.real(0.5, 3)};
        box.rotation = {std::cos(yaw / 2), 0, 0, std::sin(yaw / 2)};
        box.velocity = {0, 0};
        box.label = int(random.below(10));
        box.points = 5;
        return box;
    }
};

const ValidationSized& validation() {
    static const ValidationSized inputs(6019);
    return inputs;
}

void nuscenes(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(evaluate_nuscenes(validation().truth, validation().results).nd_score);
    state.SetItemsProcessed(state.iterations() * 6019 * 200);
}
BENCHMARK(nuscenes)->Name("evaluate/nuscenes/samples:6019/boxes:200")->Unit(benchmark::kMillisecond)->UseRealTime();

void nuscenes_json(benchmark::State& state) {
    const std::string text = nuscenes_results_json({validation().results.data(), 200});
    for (auto _ : state) benchmark::DoNotOptimize(parse_nuscenes_results(text, "bench").samples.size());
    state.SetBytesProcessed(state.iterations() * std::int64_t(text.size()));
}
BENCHMARK(nuscenes_json)->Name("evaluate/nuscenes_json/samples:200/boxes:200")->Unit(benchmark::kMillisecond)->UseRealTime();

void lyft(benchmark::State& state) {
    std::vector<LyftSample> truth, results;
    const auto convert = [](const NuScenesBox& box) { return LyftBox{box.translation, box.size, box.rotation, nuscenes_class_names[std::size_t(box.label)], box.score}; };
    for (std::size_t s = 0; s < 1000; ++s) {
        truth.push_back({validation().truth[s].sample_token, {}});
        results.push_back({validation().truth[s].sample_token, {}});
        for (const NuScenesBox& box : validation().truth[s].boxes) truth.back().boxes.push_back(convert(box));
        for (const NuScenesBox& box : validation().results[s].boxes) results.back().boxes.push_back(convert(box));
    }
    for (auto _ : state) benchmark::DoNotOptimize(evaluate_lyft(truth, results).mean_ap);
    state.SetItemsProcessed(state.iterations() * 1000 * 200);
}
BENCHMARK(lyft)->Name("evaluate/lyft/samples:1000/boxes:200")->Unit(benchmark::kMillisecond)->UseRealTime();

void kitti(benchmark::State& state) {
    Random random;
    std::vector<KittiFrame> frames;
    const char* const types[] = {"Car", "Car", "Car", "Pedestrian", "Cyclist", "Van", "DontCare"};
    for (int f = 0; f < 3769; ++f) {
        KittiFrame frame{std::to_string(f), {}, {}};
        for (int i = 0; i < 8; ++i) {
            KittiObject o;
            o.type = types[random.below(7)];
            o.truncated = random.real(0, 0.4);
            o.occluded = int(random.below(3));
            o.alpha = o.rotation_y = random.real(-3, 3);
            const double x = random.real(0, 1100), y = random.real(150, 200);
            o.bbox = {x, y, x + random.real(20, 120), y + random.real(20, 90)};
            o.height = 1.6, o.width = 1.7, o.length = 4;
            o.location = {random.real(-20, 20), 1.7, random.real(5, 60)};
            frame.truth.push_back(o);
            for (int k = 0; k < 3; ++k) {
                KittiObject found = o;
                if (found.type == "DontCare" || found.type == "Van") found.type = "Car";
                for (double& v : found.bbox) v += random.real(-4, 4);
                for (double& v : found.location) v += random.real(-0.4, 0.4);
                found.score = random.real(0.05, 1);
                frame.found.push_back(found);
            }
        }
        frames.push_back(frame);
    }
    for (auto _ : state) benchmark::DoNotOptimize(evaluate_kitti(frames).curves.data());
    state.SetItemsProcessed(state.iterations() * 3769 * 24);
}
BENCHMARK(kitti)->Name("evaluate/kitti/frames:3769/boxes:24")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
