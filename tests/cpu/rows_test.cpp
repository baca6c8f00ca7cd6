// Regions of interest through the CPU backend: any number of them, none, unlike numbers in one batch.
#include "bf16.hpp"
#include "scene.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

constexpr int height = 15, width = 21;

/// RoIAlign, a 3x3 convolution, one with a residual, a transposed convolution, channels picked by label, and two linear layers.
struct Head : Scene {
    explicit Head(int limit, bool residual = true) {
        const std::vector<ValueId> rois = this->rois(limit);
        const ValueId pooled = aligned(rois, 3);
        ops::Conv2d conv;
        conv.in_channels = conv.out_channels = 10;
        conv.kernel = 3;
        conv.padding = 1;
        conv.bias = true;
        conv.activation = Activation::relu;
        ValueId map = record::conv2d(scope() / "conv1", conv, pooled);
        if (residual) {
            conv.activation = Activation::none;
            map = record::activate(scope() / "relu", Activation::relu, record::add(scope() / "add", record::conv2d(scope() / "conv2", conv, map), map));
        }
        ops::ConvTranspose2d up;
        up.in_channels = 10;
        up.out_channels = 6;
        const ValueId large = record::conv_transpose2d(scope() / "up", up, map);
        const ValueId hidden = record::linear(scope() / "fc1", ops::Linear{6 * 36, 32, true, Activation::relu}, large);
        const ValueId scores = record::softmax(scope() / "softmax", record::linear(scope() / "fc2", ops::Linear{32, 5, true, Activation::none}, hidden));
        graph.outputs = {{"boxes", rois[0]}, {"scores", rois[1]}, {"labels", rois[2]}, {"count", rois[3]}, {"pooled", pooled}, {"large", large}, {"probabilities", scores}};
        graph.outputs.emplace_back("masks", record::select_channel(scope() / "masks", Activation::sigmoid, large, rois[2]));
    }
};

/// The end of a mask head: RoIAlign, a transposed convolution, logits of seven classes, the label's. `whole`: the logits are an output too.
struct MaskEnd : Scene {
    MaskEnd(int channels, Activation activation, bool whole) {
        const std::vector<ValueId> rois = this->rois(30);
        const ValueId pooled = aligned(rois, 5);
        ops::ConvTranspose2d up;
        up.in_channels = 10;
        up.out_channels = channels;
        up.activation = activation;
        ops::Conv2d conv;
        conv.in_channels = channels;
        conv.out_channels = 7;
        conv.bias = true;
        const ValueId logits = record::conv2d(scope() / "logits", conv, record::conv_transpose2d(scope() / "up", up, pooled));
        graph.outputs = {{"masks", record::select_channel(scope() / "masks", Activation::sigmoid, logits, rois[2])}};
        if (whole) graph.outputs.emplace_back("logits", logits);
    }
};

/// Five convolutions in a row after RoIAlign.
constexpr double head_limit = 5 * one_layer;

}  // namespace

TEST_CASE("cpu rows: 0, 1, 5 and as many regions as the bound allows, one picture") {
    const Head head(30);
    const Weights weights = head.weights();
    for (const int count : {0, 1, 5, 29, 30, 31}) {
        INFO(count << " regions");
        const std::vector<Tensor> inputs = Scene::inputs({count}, height, width);
        check_equal_to_reference(head.graph, weights, inputs, head_limit);
        CHECK(run_on(CpuBackend{}, head.graph, weights, inputs)["probabilities"].shape()[0] == std::min(count, 30));
    }
}

TEST_CASE("cpu rows: every number of regions up to the bound gives the same as the reference, through one program") {
    // The bound of 150 makes blocks of 150, 64, 16, 4 and 1 rows: overlapping and adjoining ones all occur.
    const Head head(150);
    const Weights weights = head.weights();
    const Program cpu = compile(CpuBackend{}, head.graph, weights, {.threads = 2}), reference = compile(BasicReferenceBackend<double>{}, head.graph, weights, {.threads = 2});
    Context cpu_context, reference_context;
    for (int count = 0; count <= 150; count += count < 70 ? 1 : 7) {
        INFO(count << " regions");
        const std::vector<Tensor> inputs = Scene::inputs({count}, height, width);
        check_outputs(cpu.run(cpu_context, inputs), reference.run(reference_context, inputs), head_limit);
    }
}

TEST_CASE("cpu rows: pictures of one batch with unlike numbers of regions, none among them") {
    const Head head(20);
    const Weights weights = head.weights();
    for (const std::vector<int>& counts : {std::vector<int>{0, 0, 0}, {3, 0, 1}, {0, 20, 7}, {20, 20, 20}, {1, 19, 0}, {0, 0, 2}}) {
        check_equal_to_reference(head.graph, weights, Scene::inputs(counts, height, width), head_limit);
    }
}

TEST_CASE("cpu rows: what a picture gives does not depend on its neighbours in the batch") {
    const Head head(20);
    const Weights weights = head.weights();
    const std::vector<Tensor> both = Scene::inputs({4, 9}, height, width);
    const Tensor together = run_on(CpuBackend{}, head.graph, weights, both)["probabilities"];
    REQUIRE(together.shape() == Shape{13, 5});
    for (std::int64_t image = 0; image < 2; ++image) {
        const std::int64_t elements = both[0].numel() / 2;
        Tensor picture(Shape{1, Scene::channels, height, width}, DType::f32);
        std::copy_n(both[0].data<float>() + image * elements, elements, picture.data<float>());
        const Tensor alone = run_on(CpuBackend{}, head.graph, weights, {picture, full_pictures({1, height, width})})["probabilities"];
        Tensor part(alone.shape(), DType::f32);
        REQUIRE(alone.shape()[0] == (image == 0 ? 4 : 9));
        std::copy_n(together.data<float>() + image * 4 * 5, alone.numel(), part.data<float>());
        CHECK(relative_difference(part, alone) <= head_limit);
    }
}

TEST_CASE("cpu rows: of logits of which only the label's are read no other is computed, and those equal the reference's") {
    for (const int channels : {6, 32, 70}) {
        for (const Activation activation : {Activation::relu, Activation::none, Activation::sigmoid}) {
            for (const bool whole : {false, true}) {
                const MaskEnd end(channels, activation, whole);
                const Program program = compile(plain_backend(), end.graph, end.weights(), {.threads = 2});
                INFO("channels " << channels << " whole " << whole);
                const auto& steps = program.steps({3, height, width});
                CHECK(std::any_of(steps.begin(), steps.end(), [](const Step& step) { return step.kernel == "matrix product, chosen class"; }) != whole);
                for (const std::vector<int>& counts : {std::vector<int>{0, 0, 0}, {3, 0, 1}, {30, 20, 7}}) check_equal_to_reference(end.graph, end.weights(), Scene::inputs(counts, height, width), head_limit);
            }
        }
    }
}

TEST_CASE("cpu rows: the label's logits alone in bfloat16, too") {
    for (const int channels : {6, 32, 70}) {
        for (const Activation activation : {Activation::relu, Activation::none}) {
            const MaskEnd end(channels, activation, false);
            const Weights weights = changed(end.weights(), cut);  // so that regions and labels are the reference's
            const auto steps = compile(bf16_backend(), end.graph, weights, {.threads = 2}).steps({3, height, width});
            CHECK(std::any_of(steps.begin(), steps.end(), [](const Step& step) { return step.kernel.find("chosen class") != std::string::npos; }));
            for (const std::vector<int>& counts : {std::vector<int>{0, 0, 0}, {3, 0, 1}, {30, 20, 7}}) {
                std::vector<Tensor> inputs = Scene::inputs(counts, height, width);
                inputs[0] = cut(inputs[0]);
                INFO("channels " << channels << " first count " << counts[0]);
                // Pooled pixels are rounded, by up to 2^-9 of each.
                check_outputs(run_in_nan(bf16_backend(), end.graph, weights, inputs), run_on(BasicReferenceBackend<double>{}, end.graph, weights, inputs), 4e-3);
            }
        }
    }
}

TEST_CASE("cpu rows: RoIAlign with every rule, aligned or not, adaptive or fixed sampling") {
    for (const bool aligned : {true, false}) {
        for (const int sampling_ratio : {0, 1, 2, 3}) {
            for (const auto rule : {ops::LevelRule::mmdetection, ops::LevelRule::detectron2, ops::LevelRule::torchvision}) {
                for (const int channels : {1, 10, 64, 70, 130}) {
                    Scene scene;
                    ops::DecodeAnchors decode = Scene::one_anchor();
                    decode.coder.clip = aligned;  // the other half reaches outside the picture
                    const std::vector<ValueId> rois = scene.rois(24, 1.f, decode);
                    ops::RoiAlign align{{1, 2, 4}, sampling_ratio == 2 ? 7 : 2, sampling_ratio, aligned, 4.f, rule};
                    scene.graph.outputs = {{"y", record::roi_align(scene.scope() / "align", align, scene.pyramid(3, channels), rois[0], rois[3])}};
                    INFO("aligned " << aligned << " sampling_ratio " << sampling_ratio << " channels " << channels);
                    check_equal_to_reference(scene.graph, scene.weights(), Scene::inputs({24, 3}, height, width, 7));
                }
            }
        }
    }
}

TEST_CASE("cpu rows: regions of a picture of one pixel, and of one line") {
    const Head head(20);
    const Weights weights = head.weights();
    for (const InputSize size : {InputSize{1, 1, 1}, InputSize{1, 1, 33}, InputSize{1, 33, 1}}) {
        for (const int count : {0, 1, 5}) check_equal_to_reference(head.graph, weights, Scene::inputs({std::min(count, size.height * size.width)}, size.height, size.width), head_limit);
    }
}

TEST_CASE("cpu rows: boxes that are not finite pool zeros and disturb no others") {
    Scene scene;
    ops::DecodeAnchors decode = Scene::one_anchor();
    decode.coder.clip = false;
    const std::vector<ValueId> rois = scene.rois(8, 1.f, decode);
    ops::RoiAlign align{{1}, 2, 0, true, 4.f, ops::LevelRule::mmdetection};
    scene.graph.outputs = {{"boxes", rois[0]}, {"y", record::roi_align(scene.scope() / "align", align, scene.pyramid(1, 4), rois[0], rois[3])}};
    std::vector<Tensor> inputs = Scene::inputs({6}, height, width);
    std::int64_t best = 0;  // the cell of the best score is row 0
    for (std::int64_t i = 1; i < height * width; ++i) {
        if (inputs[0].data<float>()[i] > inputs[0].data<float>()[best]) best = i;
    }
    inputs[0].data<float>()[height * width + best] = 3e38f;  // its dx, times the width: infinite. The features must not read it
    Weights weights;
    const Weights random = scene.weights();
    for (const Weights::Entry& entry : random.entries()) {
        Tensor tensor = entry.tensor.clone();
        if (entry.name == "level0.weight") {
            for (int out = 0; out < 4; ++out) tensor.data<float>()[out * Scene::channels + 1] = 0.f;
        }
        weights.add(entry.name, tensor);
    }
    const Outputs outputs = run_on(CpuBackend{}, scene.graph, weights, inputs);
    REQUIRE(outputs["y"].shape() == Shape{6, 4, 2, 2});
    CHECK_FALSE(std::isfinite(outputs["boxes"].data<float>()[0]));
    for (int i = 0; i < 16; ++i) CHECK(outputs["y"].data<float>()[i] == 0.f);
}
