// What the CUDA backend refuses, each in one sentence that names the node or the resource, and what works afterwards.
#include <functional>

#include "cuda/recording_cudnn.hpp"
#include "graph/detector_graphs.hpp"
#include "reference/graph_support.hpp"

#include <regulus/cuda/detector.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

std::string sentence_of(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

/// Checks that a plan is refused because of this node, for this reason.
void check_refused(const Graph& graph, const InputSize& size, const std::string& node, const std::string& why, const CudaOptions& options = {.cudnn = false}) {
    EmulatedDevice device;
    const Program program(CudaBackend(options, device.libraries()), graph, random_weights(graph, 1));
    const std::string sentence = sentence_of([&] { program.memory(size); });
    INFO(sentence);
    CHECK(sentence.starts_with("cuda: \"" + node + "\" ("));
    CHECK(sentence.ends_with(") cannot be run: " + why));
    CHECK(device.memory_used < 4096);  // a few weights, no arena
}

/// `count` lists of candidates of one map, as many as `limit` each.
Graph lists_graph(int count, int limit, const std::function<std::vector<ValueId>(const Scope&, const std::vector<Candidates3d>&)>& suppress) {
    Graph graph;
    graph.name = "lists";
    const ValueId image = record::image_input(graph, 1);
    const Scope scope(graph);
    const auto head = [&](const std::string& name, int channels) {
        ops::Conv2d op;
        op.in_channels = 1, op.out_channels = channels, op.bias = true;
        return record::conv2d(scope / name, op, image);
    };
    ops::DecodeBoxes3d decode;
    decode.anchors.ranges = {{0.f, 0.f, -1.f, 9.f, 9.f, -1.f}};
    decode.anchors.sizes = {{2.f, 1.f, 1.5f}};
    decode.anchors.rotations = {0.f};
    const Candidates3d list = record::anchor_candidates3d(scope / "list", ops::TopK{limit, 0.1f, 1}, decode, head("logits", 1), head("deltas", 7), head("directions", 2));
    const std::vector<ValueId> found = suppress(scope / "nms", std::vector<Candidates3d>(std::size_t(count), list));
    graph.outputs = {{"boxes", found[0]}, {"count", found[3]}};
    return graph;
}

const auto rotated = [](const Scope& scope, const std::vector<Candidates3d>& lists) { return record::rotated_nms(scope, {}, lists); };
const auto circles = [](const Scope& scope, const std::vector<Candidates3d>& lists) { return record::circle_nms(scope, {.code = 7}, lists); };

}  // namespace

TEST_CASE("cuda: nodes that the kernels cannot do are refused by name when the plan is made") {
    check_refused(graph_of(2, [](Graph& g, ValueId image) { return record::average(Scope(g) / "mean", std::vector<ValueId>(17, image)); }), {1, 4, 4}, "mean", "it has more than 16 inputs");
    check_refused(graph_of(2, [](Graph& g, ValueId image) { return record::softmax(Scope(g) / "soft", image); }), {1, 4, 4}, "soft", "only tables [rows, classes] are supported");

    const auto table = [](Graph& g, ValueId image) {
        ops::Linear op;
        op.in_features = 2, op.out_features = 3;
        return record::linear(Scope(g) / "table", op, record::global_average_pool(Scope(g) / "pool", image));
    };
    const CudaOptions half{.precision = CudaPrecision::float16, .cudnn = false};
    const std::string types = "its operands are stored in different types";
    check_refused(graph_of(2, [&](Graph& g, ValueId image) { return record::add(Scope(g) / "sum", record::softmax(Scope(g) / "soft", table(g, image)), table(g, image)); }), {1, 4, 4}, "sum", types, half);
    check_refused(graph_of(2, [&](Graph& g, ValueId image) { return record::average(Scope(g) / "mean", {record::softmax(Scope(g) / "soft", table(g, image)), table(g, image)}); }), {1, 4, 4}, "mean", types, half);
    check_refused(graph_of(2,
                           [&](Graph& g, ValueId image) {
                               ops::Linear op;
                               op.in_features = 3, op.out_features = 4;
                               return record::linear(Scope(g) / "late", op, record::softmax(Scope(g) / "soft", table(g, image)));
                           }),
                  {1, 4, 4}, "late", "its input is float32 where maps are float16", half);

    for (const auto& suppress : {std::function<std::vector<ValueId>(const Scope&, const std::vector<Candidates3d>&)>(rotated), {circles}}) {
        check_refused(lists_graph(17, 5, suppress), {1, 4, 4}, "nms", "it has more than 16 lists");
        check_refused(lists_graph(9, 1 << 30, suppress), {1, 16384, 16384}, "nms", "it would order 2^31 candidates or more");
    }
}

TEST_CASE("cuda: what is too large for 32-bit indices is refused when the plan is made, before its memory is taken") {
    {
        const Graph relu = graph_of(3, [](Graph& g, ValueId image) { return record::activate(Scope(g) / "relu", Activation::relu, image); });
        EmulatedDevice device;
        const Program program(CudaBackend({.cudnn = false}, device.libraries()), relu, Weights());
        CHECK(sentence_of([&] { program.memory({1, 40000, 40000}); }) == "cuda: \"image\" gives [1, 3, 40000, 40000], 2^31 elements or more; use smaller pictures");
    }

    check_refused(graph_of(8,
                           [](Graph& g, ValueId image) {
                               ops::DeformConv2d op;
                               op.conv.in_channels = 8, op.conv.out_channels = 1, op.conv.kernel = 3, op.conv.padding = 1;
                               ops::Conv2d offsets;
                               offsets.in_channels = 8, offsets.out_channels = op.offset_channels(), offsets.kernel = 1;
                               return record::deform_conv2d(Scope(g) / "deform", op, image, record::conv2d(Scope(g) / "offsets", offsets, image));
                           }),
                  {1, 6000, 6000}, "deform", "its patches have more than 2^31 elements; use smaller pictures");

    Graph points;
    points.name = "points";
    ops::Voxelize grid;
    grid.range = {0, 0, 0, 1000, 1000, 1000};
    grid.max_voxels = 10;
    const std::vector<ValueId> cloud = record::points_input(points, 4);
    points.outputs = {{"cells", record::voxelize(Scope(points) / "voxels", grid, cloud[0], cloud[1])[3]}};
    InputSize three;
    three.n = 3, three.points = 10;
    check_refused(points, three, "voxels", "its grids have 2^31 cells or more; use larger voxels or a smaller batch");

    Graph deep;
    deep.name = "deep";
    ops::EncodePillars net;
    net.units = {4, 4, 4, 4, 4};
    net.voxels.range = {0, 0, 0, 4, 4, 1};
    const std::vector<ValueId> input = record::points_input(deep, 4);
    deep.outputs = {{"pillars", record::encode_pillars(Scope(deep) / "net", net, input[0], record::voxelize(Scope(deep) / "voxels", net.voxels, input[0], input[1]))}};
    three.n = 1;
    check_refused(deep, three, "net", "it has more than 4 layers");
}

TEST_CASE("cuda: a driver that does not start, kernels that it does not load, a cuDNN that does not start are one sentence each") {
    EmulatedDevice device;
    auto libraries = device.libraries();
    device.init_result = 999;
    CHECK(sentence_of([&] { CudaBackend({.cudnn = false}, libraries); }) == "cuda: starting the driver failed: an emulated failure (999)");
    device.init_result = 0;
    libraries->cuda.module_load = [](cuda::Opaque*, const void*) { return 222; };
    CHECK(sentence_of([&] { CudaBackend({.cudnn = false}, libraries); }) == "cuda: loading the kernels (is the driver for CUDA 13 or newer?) on Emulated GPU failed: an emulated failure (222)");
    libraries = device.libraries();
    libraries->cuda_missing = "cuda: no driver";
    CHECK(sentence_of([&] { CudaBackend({.cudnn = false}, libraries); }) == "cuda: no driver");

    const Graph relu = graph_of(3, [](Graph& g, ValueId image) { return record::activate(Scope(g) / "relu", Activation::relu, image); });
    const std::vector<Tensor> inputs{random_tensor(Shape{1, 3, 5, 4}, 1)};
    {
        RecordingCudnn cudnn;
        libraries = device.libraries();
        cudnn.install(*libraries);
        libraries->cudnn.create = [](cuda::Opaque*) { return 1002; };
        const Program program(CudaBackend({}, libraries), relu, Weights());
        CHECK(sentence_of([&] { program.memory({1, 5, 4}); }) == "cuda: cuDNN does not start on Emulated GPU: bad parameter");
    }
    {
        const auto activate = device.kernels.extract("regulus_activate_f32");
        const Program program(CudaBackend({.cudnn = false}, device.libraries()), relu, Weights());
        Context context;
        CHECK(sentence_of([&] { program.run(context, inputs); }) == "cuda: the embedded kernels have no regulus_activate_f32");
    }
    CHECK(device.memory_used == 0);
}

TEST_CASE("cuda: a graph that cannot be made is an error, and the next run makes it") {
    EmulatedDevice device;
    const Graph relu = graph_of(3, [](Graph& g, ValueId image) { return record::activate(Scope(g) / "relu", Activation::relu, image); });
    const std::vector<Tensor> inputs{random_tensor(Shape{1, 3, 5, 4}, 1)};
    const Tensor expected = run<float>(relu, Weights(), inputs)["y"];
    const Program program(CudaBackend({.cudnn = false}, device.libraries()), relu, Weights());
    Context context;
    CHECK(equal(program.run(context, inputs)["y"], expected));
    device.fail_instantiation = true;
    CHECK(sentence_of([&] { program.run(context, inputs); }) == "cuda: making a graph of the network (CudaOptions::graphs = false runs without) on Emulated GPU failed: invalid argument (1)");
    device.fail_instantiation = false;
    for (int run = 0; run < 2; ++run) CHECK(equal(program.run(context, inputs)["y"], expected));
    CHECK(device.graph_launches == 2);
}

TEST_CASE("cuda: host memory that cannot be locked is an error of one sentence; the next call succeeds, and nothing is lost") {
    EmulatedDevice device;
    {
        const Graph graph = recorded<SmallMaskRcnn>();
        ModelFacts facts;
        facts.preprocessing.long_side = 96, facts.preprocessing.short_side = 64;
        const Image picture(40, 50);
        int failures = 0;
        for (int nth = 1; nth <= 3; ++nth) {  // results and inputs, pictures
            const CudaDetector detector(CudaBackend({.cudnn = false}, device.libraries()), graph, detector_weights(graph, 3), facts);
            device.fail_host_allocation = nth;
            const std::string sentence = sentence_of([&] { detector(picture); });
            device.fail_host_allocation = 0;
            if (sentence != "no error") {
                ++failures;
                CHECK(sentence.starts_with("cuda: "));
                CHECK(sentence.ends_with(" bytes of the host's memory could not be locked for copies; use smaller pictures or a smaller batch"));
            }
            const auto count = detector(picture).size();
            CHECK(detector(picture).size() == count);
        }
        CHECK(failures == 2);
    }
    CHECK(device.memory_used == 0);
}

TEST_CASE("cuda: pictures that a detector cannot take are refused, others are taken afterwards") {
    EmulatedDevice device;
    const CudaBackend backend({.cudnn = false}, device.libraries());
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 3);
    ModelFacts facts;
    facts.preprocessing.long_side = 96, facts.preprocessing.short_side = 64;
    const CudaDetector detector(backend, graph, weights, facts);
    const auto refused = [&](const CudaPicture& picture) { return sentence_of([&] { detector(std::span<const CudaPicture>(&picture, 1)); }); };
    std::uint8_t pixels[3 * 4 * 5] = {};
    CHECK(sentence_of([&] { detector(std::span<const Image>()); }) == "detector: needs one picture or more, got none");
    CHECK(refused({nullptr, {4, 5}}) == "detector: a picture has no pixels");
    CHECK(refused({pixels, {0, 5}}) == "detector: a picture has no pixels");
    CHECK(refused({pixels, {4, 5}, 14}) == "detector: rows of 5 pixels cannot be 14 bytes apart");
    CHECK(refused({pixels, {30000, 30000}}) == "cuda: a picture of 30000 x 30000 pixels has 2^31 bytes or more; use smaller pictures");
    const CudaPicture good{pixels, {4, 5}};
    CHECK(detector(std::span<const CudaPicture>(&good, 1)).size() == 1);

    facts.preprocessing.std[1] = 0;
    CHECK(sentence_of([&] { CudaDetector(backend, graph, weights, facts); }) == "detector: each std must be > 0, got 0.000000");
    facts = {};
    facts.preprocessing.pad_divisor = 0;
    CHECK(sentence_of([&] { CudaDetector(backend, graph, weights, facts); }) == "detector: pad_divisor must be >= 1, got 0");

    DetectionList many;
    many.picture = {65536, 65536};
    many.items.emplace_back();
    CHECK(sentence_of([&] { detector.masks(many); }) == "cuda: 1 masks of 65536 x 65536 pixels have 2^32 pixels or more; use fewer or smaller ones");
}
