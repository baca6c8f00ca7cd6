// What happens to pictures before and after the network.
#include <benchmark/benchmark.h>

#include <cmath>

#include <regulus/data/image_file.hpp>
#include <regulus/data/mask.hpp>
#include <regulus/data/preprocess.hpp>

#include "support/bench.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// Soft shapes with some noise, so that JPEG has something to do.
Image photograph_of(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (std::int64_t c = 0; c < 3; ++c) {
                const double shade = 120 + 70 * std::sin(double(x) / (37 + 9 * double(c))) * std::cos(double(y) / 53) + 12 * seeded_uniform(9, 1, std::uint64_t((y * width + x) * 3 + c));
                image.pixel(y, x)[c] = std::uint8_t(shade);
            }
        }
    }
    return image;
}

void jpeg_decode(benchmark::State& state) {
    const std::vector<std::uint8_t> bytes = encode_jpeg(photograph_of(state.range(0), state.range(1)), int(state.range(2)));
    for (auto _ : state) benchmark::DoNotOptimize(decode_image(bytes));
    state.counters["pixels/s"] = benchmark::Counter(double(state.range(0) * state.range(1)), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(jpeg_decode)->ArgNames({"h", "w", "quality"})->Args({480, 640, 85})->Args({3000, 4000, 92})->UseRealTime()->Unit(benchmark::kMillisecond);

void resize_to_network(benchmark::State& state) {
    const Image image = photograph_of(state.range(0), state.range(1));
    const auto rule = Interpolation(state.range(2));
    for (auto _ : state) benchmark::DoNotOptimize(resize(image, {800, 1066}, rule));
}
BENCHMARK(resize_to_network)
    ->ArgNames({"h", "w", "rule"})
    ->Args({480, 640, int(Interpolation::opencv_bilinear)})
    ->Args({3000, 4000, int(Interpolation::opencv_bilinear)})
    ->Args({480, 640, int(Interpolation::pillow_bilinear)})
    ->Args({3000, 4000, int(Interpolation::pillow_bicubic)})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void preprocess_picture(benchmark::State& state) {
    const Image image = photograph_of(state.range(0), state.range(1));
    for (auto _ : state) benchmark::DoNotOptimize(preprocess(image, Preprocessing{}));
}
BENCHMARK(preprocess_picture)->ArgNames({"h", "w"})->Args({480, 640})->Args({3000, 4000})->UseRealTime()->Unit(benchmark::kMillisecond);

/// A hundred masks of 28 x 28 into a photograph: whole bitmaps, and run lengths.
template <class Paste>
void mask_paste(benchmark::State& state, const Paste& paste) {
    const Tensor probabilities = random_tensor(Shape{28 * 28}, 1, 0.f, 1.f);
    const Tensor corners = random_tensor(Shape{100, 3}, 2, 0.f, 1.f);
    const std::span<const float> map(probabilities.data<float>(), 28 * 28);
    for (auto _ : state) {
        for (std::int64_t i = 0; i < 100; ++i) {
            const float* r = corners.data<float>() + 3 * i;
            const float side = 20 + 180 * r[2];
            benchmark::DoNotOptimize(paste(map, std::array<float, 4>{440 * r[0], 280 * r[1], 440 * r[0] + side, 280 * r[1] + side}));
        }
    }
    state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK_CAPTURE(mask_paste, bitmap, [](auto map, const auto& box) { return paste_mask(map, 28, box, {480, 640}); })->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(mask_paste, run_lengths, [](auto map, const auto& box) { return paste_mask_rle(map, 28, box, {480, 640}); })->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
