// Operations without a kernel on the device are refused by name.
#include "cuda/emulated_device.hpp"
#include "reference/graph_support.hpp"

#include <regulus/cuda.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

std::string refusal(const EmulatedDevice& device, const Graph& graph) {
    const CudaBackend backend({.cudnn = false}, device.libraries());
    Tensor count(Shape{1}, DType::i32);
    count.data<std::int32_t>()[0] = 10;
    try {
        const Program program(backend, graph, random_weights(graph, 1));
        Context context;
        program.run(context, {random_tensor(Shape{10, 4}, 1), count});
    } catch (const BackendError& error) {
        return error.what();
    }
    return "no error";
}

Graph points_graph(std::vector<ValueId>& points) {
    Graph graph;
    graph.name = "points";
    points = record::points_input(graph, 4);
    return graph;
}

}  // namespace

TEST_CASE("cuda: dynamic voxels and averaging pillar nets are refused in one sentence") {
    EmulatedDevice device;
    ops::Voxelize grid;
    grid.range = {0, 0, 0, 4, 4, 1};
    std::vector<ValueId> points;
    Graph dynamic = points_graph(points);
    dynamic.outputs = {{"cells", record::dynamic_voxelize(Scope(dynamic) / "cells", {grid}, points[0], points[1])}};
    CHECK(refusal(device, dynamic) == "cuda: \"cells\" (the cell of each point among 4x4x1) cannot be run: the operation is not supported");

    Graph averaging = points_graph(points);
    ops::EncodePillars net;
    net.voxels = grid;
    net.units = {8};
    net.average = true;
    const std::vector<ValueId> rows = record::voxelize(Scope(averaging) / "voxels", grid, points[0], points[1]);
    averaging.outputs = {{"pillars", record::encode_pillars(Scope(averaging) / "net", net, points[0], rows)}};
    CHECK(refusal(device, averaging) == "cuda: \"net\" (pillar net, 10 -> 8, averages) cannot be run: it averages over its points; the kernel knows the maximum only");
}
