// Maps that are kept in bfloat16 between steps: which, what rounding does to results, and what they save.
#include "bf16.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Each map kept in bfloat16 is rounded once, by up to 2^-9 = 2e-3 of each element; so are weights that are not exact. Signs vary: sums of many such products
/// are off by 2^-9 / sqrt(3) of their own typical size for each rounded factor, the worst of a map by about four times that. Chains here have three to five.
constexpr double rounded_maps = 2e-2;

/// Random weights and pictures: near the reference, but not as near as float32.
void check_rounded(const Graph& graph, const InputSize& size) {
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    const double difference = relative_difference(run_in_nan(bf16_backend(), graph, weights, inputs)["y"], run_on(BasicReferenceBackend<double>{}, graph, weights, inputs)["y"]);
    CHECK(difference > 2e-5);
    CHECK(difference < rounded_maps);
}

ValueId max_pool(const Scope& scope, int kernel, int stride, int padding, ValueId src) {
    ops::Pool2d op;
    op.kernel = kernel;
    op.stride = stride;
    op.padding = padding;
    return record::pool2d(scope, op, src);
}

/// A max pool between convolutions.
Graph pooled(int kernel, int stride, int padding) {
    return graph_of(3, [=](const Scope& scope, ValueId image) {
        return record::conv2d(scope / "last", conv(9, 5, 3), max_pool(scope / "pool", kernel, stride, padding, record::conv2d(scope / "first", conv(3, 9, 3, 2), image)));
    });
}

/// Two levels of a pyramid: laterals, the upper one enlarged and added to the lower, a convolution.
Graph pyramid(ops::Resize::Mode mode, int factor = 0) {
    return graph_of(3, [=](const Scope& scope, ValueId image) {
        const ValueId lower = record::conv2d(scope / "lower", conv(3, 5, 1, 2), image), upper = record::conv2d(scope / "upper", conv(3, 5, 1, 4), image);
        const ValueId lateral = record::conv2d(scope / "lateral0", conv(5, 8, 1), lower), top = record::conv2d(scope / "lateral1", conv(5, 8, 1), upper);
        ops::Resize resize;
        resize.mode = mode;
        resize.adds = true;
        const ValueId sum = factor == 0 ? record::resize(scope / "sum", resize, top, lateral) : record::enlarge(scope / "larger", mode, factor, top);
        return record::conv2d(scope / "out", conv(8, 6, 3), sum);
    });
}

/// Boxes of two sizes around the pixels whose first channels are positive, from two levels, and linear layers of what RoIAlign gives. Boxes have whole sides
/// and bins of four pixels with samples half way between pixels: sums of 16 pixels over 16.
struct Regions {
    static constexpr int channels = 6, height = 40, width = 44;
    Graph graph;

    explicit Regions(bool keeps = true) {
        graph.name = "regions";
        const ValueId image = record::image_input(graph, channels), info = record::image_info_input(graph);
        const Scope scope(graph);
        const ValueId logits = record::conv2d(scope / "logits", conv(channels, 2, 1), image), deltas = record::conv2d(scope / "deltas", conv(channels, 8, 1), image);
        ops::DecodeAnchors decode;
        decode.anchors = {{-6.f, -6.f, 6.f, 6.f}, {-12.f, -12.f, 12.f, 12.f}};
        ops::Nms nms;
        nms.limit = 40;
        nms.iou_threshold = 1.f;
        const std::vector<ValueId> rois = record::nms(scope / "rois", nms, {record::anchor_candidates(scope / "candidates", ops::TopK{40, 0.5f}, decode, logits, deltas, info)});
        ops::RoiAlign align;
        align.strides = {1, 2};
        align.size = 3;
        align.sampling_ratio = 2;
        align.finest_scale = 10.f;
        const std::vector<ValueId> maps{record::conv2d(scope / "level0", conv(channels, 70, 1), image), record::conv2d(scope / "level1", conv(channels, 70, 1, 2), image)};
        const ValueId bins = record::roi_align(scope / "align", align, maps, rois[0], rois[3]);
        const ValueId hidden = record::linear(scope / "fc1", ops::Linear{70 * 9, 33, true, Activation::relu}, bins);
        graph.outputs = {{"boxes", rois[0]}, {"count", rois[3]}, {"y", record::linear(scope / "fc2", ops::Linear{33, 5, true, Activation::none}, hidden)}};
        graph.outputs.emplace_back("other", record::linear(scope / "fc3", ops::Linear{70 * 9, 5, true, Activation::none}, bins));
        add_head(scope, bins);
        if (!keeps) graph.outputs.emplace_back("level1", maps[1]);
    }

    /// What mask heads do: a convolution, one with a residual, a transposed convolution; and a linear layer of their map.
    void add_head(const Scope& scope, ValueId bins) {
        const ValueId map = record::conv2d(scope / "head0", with_relu(conv(70, 9, 3)), bins);
        const ValueId sum = record::activate(scope / "head.relu", Activation::relu, record::add(scope / "head.add", record::conv2d(scope / "head1", conv(9, 9, 3), map), map));
        ops::ConvTranspose2d up;
        up.in_channels = 9;
        up.out_channels = 6;
        graph.outputs.emplace_back("head", record::linear(scope / "head2", ops::Linear{6 * 36, 5, true, Activation::none}, record::conv_transpose2d(scope / "head.up", up, sum)));
    }

    /// Whole numbers; logits are the first two channels, which the levels do not read, deltas none.
    Weights weights() const {
        Weights weights;
        const Weights whole = whole_weights(graph);
        for (const Weights::Entry& entry : whole.entries()) {
            Tensor tensor = entry.tensor;
            if (entry.name.find("logits") == 0 || entry.name.find("deltas") == 0) tensor = Tensor::zeros(tensor.shape());
            if (entry.name == "logits.weight") tensor.data<float>()[0] = tensor.data<float>()[channels + 1] = 1.f;
            const auto keep_only = [&](const auto& is_kept) {
                for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] *= is_kept(i) ? 1.f : 0.f;
            };
            if (entry.name.find("level") == 0 && tensor.shape().rank() == 4) keep_only([](std::int64_t i) { return i % channels >= 2; });
            if (entry.name == "fc1.weight") keep_only([](std::int64_t i) { return i % 315 == 7; });  // two bins of an output: sums below 16 with four binary places
            weights.add(entry.name, tensor);
        }
        return weights;
    }

    /// A picture per count, with so many boxes of each size, none over the border.
    static std::vector<Tensor> inputs(const std::vector<int>& counts) {
        const std::int64_t images = std::int64_t(counts.size()), area = height * width;
        Tensor picture = whole_numbers(Shape{images, channels, height, width}, 5, 2);
        for (std::int64_t image = 0; image < images; ++image) {
            float* const scores = picture.data<float>() + image * channels * area;
            std::fill_n(scores, 2 * area, -8.f);
            for (int i = 0; i < counts[std::size_t(image)]; ++i) {
                scores[(8 + i * 5 % 24) * width + 8 + i * 7 % 28] = 1.f + float(i) / 16.f;
                scores[area + (13 + i * 3 % 14) * width + 13 + i * 5 % 18] = 1.f + float(i) / 16.f;
            }
        }
        return {picture, full_pictures({int(images), height, width})};
    }
};

}  // namespace

TEST_CASE("cpu bf16 maps: kept is what products read, of products, max pools, nearest enlargement and RoIAlign; outputs and what others read is not") {
    Graph graph;
    graph.name = "kept";
    const Scope scope(graph);
    const ValueId image = record::image_input(graph, 3);
    const auto product = [&](const char* name, ValueId src, int in = 8) { return record::conv2d(scope / name, conv(in, 8, 3), src); };
    std::vector<std::pair<ValueId, bool>> expected{{image, false}};
    const auto expect = [&](bool kept, ValueId id) {
        expected.emplace_back(id, kept);
        return id;
    };
    const ValueId first = expect(true, product("first", image, 3));
    const ValueId pool = expect(true, max_pool(scope / "pool", 2, 2, 0, expect(true, product("pooled", first))));
    const ValueId inner = expect(true, product("inner", pool));
    const ValueId output = expect(false, product("output", inner));
    expect(true, product("of_output", output));
    graph.outputs = {{"output", output}, {"a", expect(false, product("end", graph.nodes.back().outputs[0]))}};
    // Another kind of step reads it, besides a product.
    const ValueId gated = expect(false, product("gated", pool));
    graph.outputs.emplace_back("b", expect(false, record::activate(scope / "gate", Activation::sigmoid, gated)));
    graph.outputs.emplace_back("c", expect(false, product("beside", gated)));
    // The pool of a map that is an output is in float32, and so is a pool that is an output, and its map.
    graph.outputs.emplace_back("d", expect(false, product("of_pool", expect(false, max_pool(scope / "pool2", 2, 2, 0, output)))));
    graph.outputs.emplace_back("e", expect(false, max_pool(scope / "pool3", 2, 2, 0, expect(false, product("to_pool3", pool)))));
    ops::Pool2d average;
    average.kind = ops::Pool2d::Kind::average;
    graph.outputs.emplace_back("f", expect(false, product("of_average", expect(false, record::pool2d(scope / "average", average, expect(false, product("to_average", pool)))))));
    // Enlarged maps: all in one precision; of one that only gives its size nothing is read.
    ops::Resize resize, adding;
    adding.adds = true;
    const ValueId small = expect(true, product("small", inner));
    const ValueId sum = expect(true, record::resize(scope / "sum", adding, small, expect(true, product("lateral", first))));
    graph.outputs.emplace_back("g", expect(false, product("of_sum", sum)));
    graph.outputs.emplace_back("h", expect(false, product("of_like", expect(true, record::resize(scope / "like", resize, expect(true, product("small2", inner)), output)))));
    graph.outputs.emplace_back("i", expect(false, product("of_mixed", expect(false, record::resize(scope / "mixed", adding, expect(false, product("small3", inner)), output)))));
    resize.mode = ops::Resize::Mode::bilinear;
    graph.outputs.emplace_back("j", expect(false, product("of_bilinear", expect(false, record::resize(scope / "bilinear", resize, expect(false, product("small4", inner)), output)))));

    const std::vector<bool> kept = cpu::bf16_maps(graph);
    for (const auto& value : expected) {
        INFO(graph.nodes[std::size_t(graph.values[std::size_t(value.first)].producer)].name);
        CHECK(kept[std::size_t(value.first)] == value.second);
    }
    check_outputs(run_in_nan(bf16_backend(), graph, cut_weights(graph), cut_inputs(graph, {1, 9, 10})), run_on(BasicReferenceBackend<double>{}, graph, cut_weights(graph), cut_inputs(graph, {1, 9, 10})), rounded_maps);
}

TEST_CASE("cpu bf16 maps: a max pool between convolutions") {
    struct Window {
        int kernel, stride, padding;
    };
    for (const Window& window : {Window{2, 2, 0}, Window{3, 2, 1}, Window{3, 1, 1}, Window{1, 2, 0}}) {
        const Graph graph = pooled(window.kernel, window.stride, window.padding);
        CHECK(kept_in_bf16(graph) == 2);
        for (const InputSize& size : {InputSize{1, 4, 4}, InputSize{3, 19, 23}, InputSize{2, 16, 33}}) check_whole_numbers(graph, size);
        check_rounded(graph, {2, 16, 33});
    }
}

TEST_CASE("cpu bf16 maps: NaN passes through max pools and sums") {
    const Graph graph = graph_of(3, [](const Scope& scope, ValueId image) {
        const ValueId pool = max_pool(scope / "pool", 2, 2, 0, record::conv2d(scope / "first", with_relu(conv(3, 32, 1)), image));
        return record::conv2d(scope / "last", conv(32, 4, 1), record::enlarge(scope / "larger", ops::Resize::Mode::nearest, 2, pool));
    });
    CHECK(kept_in_bf16(graph) == 3);
    std::vector<Tensor> inputs = whole_inputs(graph, {1, 6, 8}, 3);
    inputs[0].data<float>()[3 * 8 + 5] = NAN;  // of channel 0; its pool is (1, 2)
    const Tensor y = run_in_nan(bf16_backend(), graph, random_weights(graph), inputs)["y"];
    for (std::int64_t i = 0; i < y.numel(); ++i) CHECK(std::isnan(y.data<float>()[i]) == (i / 8 % 6 / 2 == 1 && i % 8 / 2 == 2));
}

TEST_CASE("cpu bf16 maps: a pyramid's step down, and maps enlarged by a factor") {
    const Graph step = pyramid(ops::Resize::Mode::nearest), larger = pyramid(ops::Resize::Mode::nearest, 3), bilinear = pyramid(ops::Resize::Mode::bilinear);
    CHECK(kept_in_bf16(step) == 5);
    CHECK(kept_in_bf16(larger) == 5 - 2);   // the lower level is read by nobody
    CHECK(kept_in_bf16(bilinear) == 2);     // what laterals read
    for (const InputSize& size : {InputSize{1, 1, 1}, InputSize{1, 16, 24}, InputSize{2, 19, 13}}) {
        for (const Graph* graph : {&step, &larger}) check_whole_numbers(*graph, size);
        check_exact_factors(bilinear, size, rounded_maps);
    }
    check_rounded(step, {1, 32, 24});
    check_threads(step, {1, 32, 24});
}

TEST_CASE("cpu bf16 maps: the coarser map is added where a lateral convolution's outputs are made, unless somebody else reads these") {
    const auto merged = [](const Graph& graph) {
        const auto steps = compile(bf16_backend(), graph, random_weights(graph), {.threads = 2}).steps({1, 16, 24});
        return std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.node == "sum" && step.kernel.find("2 nodes") != std::string::npos; });
    };
    Graph graph = pyramid(ops::Resize::Mode::nearest);
    CHECK(merged(graph) == 1);
    CHECK(merged(pyramid(ops::Resize::Mode::bilinear)) == 0);
    const auto lateral = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return node.name == "lateral0"; });
    REQUIRE(lateral != graph.nodes.end());
    graph.outputs.emplace_back("lateral", lateral->outputs[0]);
    CHECK(merged(graph) == 0);
    check_whole_numbers(graph, {2, 19, 13});
}

TEST_CASE("cpu bf16 maps: RoIAlign over two levels and linear layers, any number of regions") {
    const Regions regions, unkept(false);
    CHECK(kept_in_bf16(regions.graph) == 4 + 3);  // levels, bins, hidden; the head's
    CHECK(kept_in_bf16(unkept.graph) == 1 + 3);   // a level is an output, so that no level is kept, nor are bins
    for (const std::vector<int>& counts : {std::vector<int>{0}, {1}, {3, 0, 20}, {0, 0}, {16, 17}}) {
        const std::vector<Tensor> inputs = Regions::inputs(counts);
        INFO(counts.size() << " pictures");
        const Outputs expected = run_on(BasicReferenceBackend<double>{}, regions.graph, regions.weights(), inputs), actual = run_in_nan(bf16_backend(), regions.graph, regions.weights(), inputs);
        for (const char* name : {"boxes", "y", "other"}) CHECK(relative_difference(actual[name], expected[name]) == 0);
        CHECK(relative_difference(actual["head"], expected["head"]) <= rounded_maps);  // its sums need more than eight bits
        CHECK(relative_difference(run_in_nan(bf16_backend(), unkept.graph, unkept.weights(), inputs)["y"], expected["y"]) == 0);
        std::int64_t rois = 0;
        for (const int count : counts) rois += std::min(40, 2 * count);
        CHECK(expected["y"].shape()[0] == rois);
    }
}

TEST_CASE("cpu bf16 maps: a chain of large maps needs half the memory") {
    const Graph graph = graph_of(3, [](const Scope& scope, ValueId image) {
        ValueId map = record::conv2d(scope / "first", with_relu(conv(3, 32, 3)), image);
        for (int i = 0; i < 3; ++i) map = record::conv2d(scope / indexed("inner", i), with_relu(conv(32, 32, 3)), map);
        return record::conv2d(scope / "last", conv(32, 4, 1), map);
    });
    const InputSize size{1, 512, 512};
    const CpuBackend exact{{.winograd = false, .bf16x3 = CpuBf16x3::off}};
    const MemoryReport f32 = compile(exact, graph, random_weights(graph), {.threads = 2}).memory(size), bf16 = compile(bf16_backend(), graph, random_weights(graph), {.threads = 2}).memory(size);
    CHECK(double(bf16.arena) < 0.6 * double(f32.arena));
    CHECK(double(bf16.sum_of_values) < 0.6 * double(f32.sum_of_values));
}
