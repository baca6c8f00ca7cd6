// The reference backend on whole detectors: forms that must agree, batches, threads, edges.
#include <doctest/doctest.h>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Tensor picture(int n, int height, int width, std::uint64_t seed = 1) { return random_tensor(Shape{n, 3, height, width}, seed, -2, 2); }

const std::vector<Tensor>& small_inputs() {
    static const std::vector<Tensor> inputs{picture(1, 96, 128), whole_pictures(1, 96, 128)};
    return inputs;
}

/// Rows of image `which` of a packed output.
Tensor rows_of(const Outputs& outputs, const std::string& name, int which) {
    const Tensor& all = outputs[name];
    const std::int32_t* counts = outputs["count"].data<std::int32_t>();
    std::int64_t first = 0;
    for (int i = 0; i < which; ++i) first += counts[i];
    Shape shape = all.shape();
    const std::int64_t row = shape[0] == 0 ? 0 : all.numel() / shape[0];
    shape[0] = counts[which];
    Tensor result(shape, all.dtype());
    std::memcpy(result.raw(), static_cast<const char*>(all.raw()) + first * row * 4, std::size_t(counts[which] * row * 4));
    return result;
}

}  // namespace

TEST_CASE("reference: a detector compiled with all passes equals the recorded one bit for bit") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 5);
    const Outputs plain = run(graph, weights, small_inputs()), fused = run(graph, weights, small_inputs(), {true});
    CHECK(plain["count"].data<std::int32_t>()[0] == 12);  // something was found
    // The fused forms add bias, norm, residual and activation in the order of the separate nodes.
    for (const auto& [name, value] : plain.entries()) CHECK(equal(fused[name], value));
    const Program program(ReferenceBackend({true}), graph, weights);
    CHECK(program.graph().nodes.size() < graph.nodes.size());
    for (const Node& node : program.graph().nodes) CHECK_FALSE(std::holds_alternative<ops::BatchNorm>(node.operation));
}

TEST_CASE("reference: float agrees with double on the maps of a detector") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 6);
    CompileOptions options;
    options.extra_outputs = {"C2", "C5", "P2", "P6", "rpn_logits.0", "rpn_deltas.4"};
    const Outputs single = run(graph, weights, small_inputs(), {}, options), wide = run<double>(graph, weights, small_inputs(), {}, options);
    // Fifteen blocks of float32 rounding; the golden files measure 7e-5 of the standard deviation for deeper ones.
    for (const std::string& label : options.extra_outputs) {
        CAPTURE(label);
        CHECK(relative_error(single[label], wide[label]) < 1e-4);
        CHECK(relative_error(single[label], wide[label]) > 0);  // they are two computations
    }
    CHECK(BasicReferenceBackend<double>{}.name() != ReferenceBackend{}.name());
}

TEST_CASE("reference: the number of threads changes no bit") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 7);
    CompileOptions one, five;
    one.threads = 1;
    five.threads = 5;
    const Outputs a = run(graph, weights, small_inputs(), {}, one), b = run(graph, weights, small_inputs(), {}, five);
    for (const auto& [name, value] : a.entries()) CHECK(equal(b[name], value));
}

TEST_CASE("reference: pictures of different sizes in one batch give what each gives alone in the same padding") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 8);
    const Tensor both = picture(3, 96, 96, 9);
    Tensor info(Shape{3, 4}, DType::f32);
    const float rows[] = {96, 96, 1, 1, 50, 90, 0.5f, 0.75f, 96, 33, 2, 2};
    std::copy(rows, rows + 12, info.data<float>());
    const Outputs batch = run(graph, weights, {both, info});
    REQUIRE(batch["count"].shape() == Shape{3});
    std::int64_t total = 0;
    for (int i = 0; i < 3; ++i) total += batch["count"].data<std::int32_t>()[i];
    CHECK(batch["boxes"].shape() == Shape{total, 4});
    CHECK(batch["masks"].shape() == Shape{total, 28, 28});
    for (int i = 0; i < 3; ++i) {
        CAPTURE(i);
        Tensor image(Shape{1, 3, 96, 96}, DType::f32), own(Shape{1, 4}, DType::f32);
        std::copy_n(both.data<float>() + i * image.numel(), image.numel(), image.data<float>());
        std::copy_n(rows + 4 * i, 4, own.data<float>());
        const Outputs alone = run(graph, weights, {image, own});
        CHECK(alone["count"].data<std::int32_t>()[0] == batch["count"].data<std::int32_t>()[i]);
        for (const char* name : {"boxes", "scores", "labels", "masks"}) CHECK(equal(rows_of(batch, name, i), alone[name]));
        for (std::int64_t box = 0; box < alone["boxes"].shape()[0]; ++box) {  // clipped to the picture, not to its padding
            const float* corner = alone["boxes"].data<float>() + 4 * box;
            CHECK((corner[0] >= 0 && corner[2] <= rows[4 * i + 1] && corner[1] >= 0 && corner[3] <= rows[4 * i]));
        }
    }
}

TEST_CASE("reference: nothing above the threshold gives empty outputs, masks included") {
    const Graph graph = recorded<BlindMaskRcnn>();
    for (const bool optimize : {false, true}) {
        const Outputs outputs = run(graph, detector_weights(graph, 5), {picture(2, 64, 64), whole_pictures(2, 64, 64)}, {optimize});
        CHECK(outputs["boxes"].shape() == Shape{0, 4});
        CHECK(outputs["scores"].shape() == Shape{0});
        CHECK(outputs["masks"].shape() == Shape{0, 28, 28});
        CHECK(outputs["count"].data<std::int32_t>()[0] == 0);
        CHECK(outputs["count"].data<std::int32_t>()[1] == 0);
    }
}

TEST_CASE("reference: no proposal at all, and pictures of one pixel and odd sizes") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 5);
    for (const auto& [height, width] : {std::pair{1, 1}, std::pair{33, 1}, std::pair{65, 97}}) {
        const int rows = height;  // clang++ 14 captures no structured bindings
        CAPTURE(rows);
        const Outputs outputs = run(graph, weights, {picture(1, height, width), whole_pictures(1, height, width)});
        CHECK(outputs["boxes"].shape()[0] == outputs["count"].data<std::int32_t>()[0]);
    }
    // A picture without extent clips every proposal to nothing, which min_size 0 drops.
    const Outputs outputs = run(graph, weights, {picture(1, 64, 64), Tensor::zeros(Shape{1, 4})});
    CHECK(outputs["count"].data<std::int32_t>()[0] == 0);
}

TEST_CASE("reference: NaN and infinity in the picture end in a result, not in a crash or a loop") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 5);
    for (const float value : {NAN, INFINITY, -INFINITY, 3e38f}) {
        Tensor image = picture(1, 64, 64);
        image.data<float>()[100] = value;
        for (const bool clip : {true, false}) {
            Graph changed = graph;
            for (Node& node : changed.nodes) {
                if (auto* decode = std::get_if<ops::DecodeAnchors>(&node.operation)) decode->coder.clip = clip;
                if (auto* nms = std::get_if<ops::Nms>(&node.operation)) nms->min_size = -1;  // boxes with NaN stay
            }
            const Outputs outputs = run(changed, weights, {image, whole_pictures(1, 64, 64)});
            CHECK(outputs["count"].data<std::int32_t>()[0] <= 12);
        }
    }
}

TEST_CASE("reference: entries of lists beyond their count are zero, rows beyond theirs are cut") {
    Graph graph = recorded<SmallMaskRcnn>();
    ValueId boxes = no_value;
    for (Node& node : graph.nodes) {
        if (auto* candidates = std::get_if<ops::ClassCandidates>(&node.operation)) {
            candidates->threshold = 0.2f;
            boxes = node.outputs[0];
        }
    }
    REQUIRE(boxes != no_value);
    graph.values[std::size_t(boxes)].label = "candidates";
    graph.values[std::size_t(graph.values[std::size_t(boxes)].count)].label = "candidate_count";
    CompileOptions options;
    options.extra_outputs = {"candidates", "candidate_count", "proposals"};
    const Outputs outputs = run(graph, detector_weights(graph, 5), {picture(2, 64, 96), whole_pictures(2, 64, 96)}, {}, options);
    const Tensor& list = outputs["candidates"];
    CHECK(list.shape() == Shape{2, 40 * 5, 4});
    for (int image = 0; image < 2; ++image) {
        const int count = outputs["candidate_count"].data<std::int32_t>()[image];
        CHECK(count < 200);
        for (int i = 4 * count; i < 4 * 200; ++i) CHECK(list.data<float>()[image * 800 + i] == 0);
    }
    CHECK(outputs["proposals"].shape()[0] <= 80);
}

TEST_CASE("reference: unused entries of bounded buffers are never read") {
    // The arena is full of NaN (as float) and of large numbers (as counts and labels) before the run.
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 5);
    const auto executable = ReferenceBackend{}.compile(graph, weights, {});
    const auto plan = executable->plan({1, 64, 96});
    const std::vector<Tensor> inputs{picture(1, 64, 96), whole_pictures(1, 64, 96)};
    Context clean, dirty;
    OutputMemory memory;
    std::byte* zeros = clean.arena(plan->memory().arena, 0);
    std::byte* poison = dirty.arena(plan->memory().arena, 0);
    std::memset(zeros, 0, plan->memory().arena);
    std::memset(poison, 0x7f, plan->memory().arena);
    for (std::size_t i = 0; i + 4 <= plan->memory().arena; i += 4) poison[i + 2] = std::byte(0xff);  // 0x7fff7f7f is a NaN
    const std::vector<Tensor> a = plan->run(zeros, nullptr, memory, inputs, nullptr), b = plan->run(poison, nullptr, memory, inputs, nullptr);
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(equal(a[i], b[i]));
}

TEST_CASE("reference: a dense detector runs, float and double find the same") {
    struct SmallRetina : RetinaNet<RegNet<regnetx_200mf>, 16, 3> {};
    const Graph graph = recorded<SmallRetina>();
    const Weights weights = detector_weights(graph, 12);
    const Outputs single = run(graph, weights, small_inputs()), fused = run(graph, weights, small_inputs(), {true}), wide = run<double>(graph, weights, small_inputs());
    CHECK(single["scores"].numel() > 0);
    for (const auto& [name, value] : single.entries()) CHECK(equal(fused[name], value));
    CHECK(relative_error(single["scores"], wide["scores"]) < 1e-4);
}

TEST_CASE("reference: an index that 32 bits cannot hold is refused when planning") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const Program program(ReferenceBackend{}, graph, detector_weights(graph, 5));
    CHECK_THROWS_AS(program.memory({1, 200000, 200000}), BackendError);
}
