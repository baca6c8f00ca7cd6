// From points to oriented boxes over an emulated device, and the sentences of what goes wrong.
#include <functional>

#include "cuda/all_orders.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Graph pillar_graph(const ops::Voxelize& voxels, const ops::EncodePillars& encode, int limit) {
    Graph graph;
    graph.name = "pillars";
    const std::vector<ValueId> points = record::points_input(graph, voxels.features);
    const Scope scope(graph);
    const std::vector<ValueId> rows = record::voxelize(scope / "voxels", voxels, points[0], points[1]);
    const ValueId pillars = record::encode_pillars(scope / "net", encode, points[0], rows);
    const ValueId canvas = record::scatter_pillars(scope / "canvas", ops::ScatterPillars{encode.units.back(), voxels.cells(1), voxels.cells(0)}, pillars, rows[3], rows[4]);
    const auto head = [&](const char* name, int channels) {
        ops::Conv2d op;
        op.in_channels = encode.units.back(), op.out_channels = channels, op.bias = true;
        return record::conv2d(scope / name, op, canvas);
    };
    ops::DecodeBoxes3d decode;
    decode.anchors.ranges = {{voxels.range[0], voxels.range[1], -1.f, voxels.range[3], voxels.range[4], -1.f}};
    decode.anchors.sizes = {{2.f, 1.f, 1.5f}, {4.f, 2.f, 1.5f}};
    decode.classes = 3;
    const Candidates3d list = record::anchor_candidates3d(scope / "list", ops::TopK{200, 0.1f, 3}, decode, head("logits", 12), head("deltas", 28), head("directions", 8));
    ops::RotatedNms nms;
    nms.limit = limit;
    const std::vector<ValueId> found = record::rotated_nms(scope / "nms", nms, {list});
    graph.outputs = {{"number", rows[2]}, {"cells", rows[3]}, {"voxels", rows[4]}, {"pillars", pillars}, {"canvas", canvas}, {"boxes", found[0]}, {"scores", found[1]}, {"labels", found[2]}, {"count", found[3]}};
    return graph;
}

Tensor integers(const std::vector<std::int32_t>& values) {
    Tensor tensor(Shape{std::int64_t(values.size())}, DType::i32);
    std::copy(values.begin(), values.end(), tensor.data<std::int32_t>());
    return tensor;
}

std::string message_of(const std::function<void()>& body) {
    try {
        body();
    } catch (const BackendError& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("cuda emulated: voxels, pillars, canvas and oriented boxes equal the reference in any order of threads, crowded cells, empty clouds and too many voxels included") {
    ops::Voxelize voxels;
    voxels.range = {0.f, -4.f, -5.f, 8.f, 4.f, 9.f};
    voxels.voxel_size = {1.f, 1.f, 14.f};  // about 90 points in 64 cells: some have more than two
    voxels.max_points = 2;
    for (const int max_voxels : {1000, 20}) {
        for (const int limit : {3, 50}) {
            voxels.max_voxels = max_voxels;
            ops::EncodePillars encode;
            encode.voxels = voxels;
            encode.units = limit == 3 ? std::vector<int>{8, 8} : std::vector<int>{8};
            encode.distance = limit == 3;
            encode.legacy = max_voxels == 20;
            const Graph graph = pillar_graph(voxels, encode, limit);
            const Weights weights = random_weights(graph, 4);
            for (const std::vector<std::int32_t>& counts : {std::vector<std::int32_t>{250}, {0, 170, 100}, {0}}) {
                const std::vector<Tensor> inputs{random_tensor(Shape{300, 4}, 9, -4.5, 8.5), integers(counts)};
                check_all_orders(graph, weights, inputs, 2e-5);  // sums of at most 16 products, norms folded
                if (counts[0] == 250) CHECK(run<float>(graph, weights, inputs)["count"].data<std::int32_t>()[0] > 0);
            }
        }
    }
}

TEST_CASE("cuda emulated: the second run captures, the third replays; results are the same bits, and nothing stays allocated") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    const Graph graph = graph_of(3, [](Graph& g, ValueId image) { return record::activate(Scope(g) / "relu", Activation::relu, image); });
    {
        const CudaBackend backend({.cudnn = false}, libraries);
        const Program program(backend, graph, Weights());
        Context context;
        const std::vector<Tensor> first{random_tensor(Shape{1, 3, 5, 4}, 1)}, second{random_tensor(Shape{1, 3, 5, 4}, 2)};
        const Tensor expected = run<float>(graph, Weights(), second)["y"];
        program.run(context, first);
        CHECK(device.captures == 0);
        CHECK(equal(program.run(context, second)["y"], expected));
        CHECK(device.captures == 1);
        program.run(context, first);
        CHECK(equal(program.run(context, second)["y"], expected));
        CHECK(device.captures == 1);
        CHECK(device.graph_launches == 3);
        // A larger picture moves the arena: the old graph must not be replayed.
        const std::vector<Tensor> large{random_tensor(Shape{2, 3, 50, 40}, 3)};
        CHECK(equal(program.run(context, large)["y"], run<float>(graph, Weights(), large)["y"]));
        CHECK(equal(program.run(context, second)["y"], expected));
    }
    CHECK(device.memory_used == 0);
}

TEST_CASE("cuda: what is missing is said in one sentence, and the program goes on") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    CHECK(message_of([&] { CudaBackend({}, libraries); }) == "cuda: cuDNN was not found (emulated)");
    CHECK(message_of([&] { CudaBackend({.device = 1, .cudnn = false}, libraries); }) == "cuda: there is no device 1; the devices are 0 to 0");
    device.capability_major = 7;
    CHECK(message_of([&] { CudaBackend({.cudnn = false}, libraries); }) == "cuda: Emulated GPU has compute capability 7.0, 8.0 (Ampere) or newer is needed; use the CPU");
    device.init_result = 100;
    CHECK(message_of([&] { CudaBackend({.cudnn = false}, libraries); }) == "cuda: the driver finds no NVIDIA GPU on this machine; use the CPU");
    const std::string here = CudaBackend::unavailable();  // on this machine, whatever it has
    CHECK(CudaBackend::available() == here.empty());
    if (!here.empty()) CHECK(message_of([] { CudaBackend backend; }) == here);
}

TEST_CASE("cuda emulated: out of memory and over the budget are errors of one sentence; smaller pictures still run") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    const Graph graph = graph_of(3, [](Graph& g, ValueId image) { return record::activate(Scope(g) / "relu", Activation::relu, image); });
    const CudaBackend backend({.cudnn = false}, libraries);
    const Program program(backend, graph, Weights());
    Context context;
    const std::vector<Tensor> small{random_tensor(Shape{1, 3, 4, 4}, 1)}, large{random_tensor(Shape{1, 3, 400, 400}, 1)};
    device.memory_limit = 100000;
    CHECK(message_of([&] { program.run(context, large); }).find("could not be had, 100000 are free; use smaller pictures or a smaller batch") != std::string::npos);
    CHECK(equal(program.run(context, small)["y"], run<float>(graph, Weights(), small)["y"]));
    device.memory_limit = std::size_t(1) << 40;
    const Program bounded(backend, graph, Weights(), {.memory_budget = 5000});
    Context other;
    CHECK(message_of([&] { bounded.run(other, large); }).find("the budget is 5000; use smaller pictures or a smaller batch") != std::string::npos);
    CHECK(equal(bounded.run(other, small)["y"], run<float>(graph, Weights(), small)["y"]));
}
