// COCO evaluation at the size of val2017: 5,000 pictures, 80 categories, about 36,000 objects, 100 detections a picture.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <regulus/evaluate/coco_evaluation.hpp>

namespace {

using namespace regulus;

struct Val2017Sized {
    CocoDataset dataset;
    std::vector<CocoDetection> results;

    Val2017Sized() {
        for (int i = 0; i < 5000; ++i) dataset.images.push_back({i + 1, 640, 480, "picture"});
        for (int k = 1; k <= 80; ++k) dataset.categories.push_back({k, "category " + std::to_string(k), ""});
        for (const CocoImage& image : dataset.images) {
            const std::int64_t local[] = {category(), category(), category()};
            const std::size_t first = dataset.annotations.size();
            for (int n = int(-7.3 * std::log(1 - uniform())); n > 0; --n) add_object(image, local[random_() % 3]);
            const std::size_t objects = dataset.annotations.size() - first;
            for (int d = 0; d < 100; ++d) {
                const bool near = objects != 0 && d % 2 == 0;
                const CocoAnnotation* object = near ? &dataset.annotations[first + random_() % objects] : nullptr;
                add_result(image.id, object, d % 3 == 0 ? category() : local[random_() % 3]);
            }
        }
    }

private:
    double uniform() { return double(random_() >> 8) / double(1 << 24); }
    std::int64_t category() { return 1 + std::int64_t(80 * std::pow(uniform(), 3)); }  // few are frequent

    std::array<double, 4> box() {
        const double w = 10 + 300 * std::pow(uniform(), 2), h = 10 + 300 * std::pow(uniform(), 2);
        return {uniform() * (640 - w), uniform() * (480 - h), w, h};
    }

    /// Corners on an ellipse with a rough edge.
    std::vector<double> outline(const std::array<double, 4>& box, int corners) {
        std::vector<double> ring;
        for (int i = 0; i < corners; ++i) {
            const double angle = 2 * 3.14159265358979 * i / corners, radius = 0.4 + 0.1 * uniform();
            ring.push_back(box[0] + box[2] * (0.5 + radius * std::cos(angle)));
            ring.push_back(box[1] + box[3] * (0.5 + radius * std::sin(angle)));
        }
        return ring;
    }

    void add_object(const CocoImage& image, std::int64_t category) {
        CocoAnnotation object;
        object.id = std::int64_t(dataset.annotations.size()) + 1;
        object.image_id = image.id;
        object.category_id = category;
        object.bbox = box();
        object.area = 0.6 * object.bbox[2] * object.bbox[3];
        object.iscrowd = random_() % 80 == 0;
        object.polygons = {outline(object.bbox, 35)};
        dataset.annotations.push_back(object);
    }

    void add_result(std::int64_t image, const CocoAnnotation* object, std::int64_t category) {
        CocoDetection result{image, object != nullptr ? object->category_id : category, uniform() * (object != nullptr ? 1 : 0.5), box(), {}, {}};
        if (object != nullptr) {
            result.bbox = object->bbox;
            for (double& side : *result.bbox) side *= 0.97 + 0.06 * uniform();
        }
        result.segmentation = rle_from_polygon(outline(*result.bbox, 24), 480, 640);
        results.push_back(result);
    }

    std::mt19937 random_{1};
};

const Val2017Sized& data() {
    static const Val2017Sized made;
    return made;
}

void evaluate(benchmark::State& state, CocoKind kind) {
    const Val2017Sized& input = data();
    CocoSettings settings;
    settings.threads = int(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(evaluate_coco(input.dataset, input.results, kind, settings).numbers.front().value);
    state.counters["objects"] = double(input.dataset.annotations.size());
    state.counters["detections/s"] = benchmark::Counter(double(input.results.size()), benchmark::Counter::kIsIterationInvariantRate);
}

void read_results(benchmark::State& state, bool masks) {
    std::vector<CocoResult> results;
    for (const CocoDetection& each : data().results) {
        results.push_back({each.image_id, each.category_id, *each.bbox, float(each.score), {}});
        if (masks) results.back().segmentation = each.segmentation;
    }
    const std::string text = coco_results_json(results);
    for (auto _ : state) benchmark::DoNotOptimize(parse_coco_results(text, "bench").size());
    state.SetBytesProcessed(std::int64_t(state.iterations()) * std::int64_t(text.size()));
}

BENCHMARK_CAPTURE(evaluate, val2017 / boxes, CocoKind::boxes)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(evaluate, val2017 / masks, CocoKind::masks)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(read_results, val2017 / boxes, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(read_results, val2017 / masks, true)->Unit(benchmark::kMillisecond);

}  // namespace
