// Dynamic voxels, averaging and wide pillar nets, suppression of close centres on the emulated device, against the reference.
#include <algorithm>
#include <limits>

#include "cuda/all_orders.hpp"

#include <regulus/graph/kernels/circle_nms.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

ops::Voxelize small_grid() {
    ops::Voxelize grid;
    grid.range = {0.f, -4.f, -5.f, 8.f, 4.f, 9.f};
    grid.voxel_size = {1.f, 2.f, 14.f};
    grid.max_points = 6;
    return grid;
}

Tensor counts_of(const std::vector<std::int32_t>& values) {
    Tensor tensor(Shape{std::int64_t(values.size())}, DType::i32);
    std::copy(values.begin(), values.end(), tensor.data<std::int32_t>());
    return tensor;
}

Graph net_graph(const ops::EncodePillars& net) {
    Graph graph;
    graph.name = "net";
    const std::vector<ValueId> points = record::points_input(graph, net.voxels.features);
    const Scope scope(graph);
    graph.outputs = {{"pillars", record::encode_pillars(scope / "net", net, points[0], record::voxelize(scope / "voxels", net.voxels, points[0], points[1]))}};
    return graph;
}

/// Lists of oriented candidates as plain arrays, and what the host's suppression makes of them.
struct Lists {
    std::int32_t images, code;
    std::vector<std::int32_t> bounds;
    std::vector<std::vector<float>> boxes, scores;
    std::vector<std::vector<std::int32_t>> labels, counts;

    cuda::ListSet set() const {
        cuda::ListSet set{};
        set.lists = std::int32_t(bounds.size());
        set.code = code;
        for (std::size_t list = 0; list < bounds.size(); ++list) {
            set.boxes[list] = boxes[list].data();
            set.scores[list] = scores[list].data();
            set.labels[list] = labels[list].data();
            set.counts[list] = counts[list].data();
            set.first[list + 1] = set.first[list] + std::uint32_t(bounds[list]);
        }
        return set;
    }
};

Lists random_lists(std::uint64_t seed, std::int32_t images, const std::vector<std::int32_t>& bounds) {
    Lists lists{images, 9, bounds, {}, {}, {}, {}};
    for (std::size_t list = 0; list < bounds.size(); ++list) {
        const std::int64_t rows = std::int64_t(images) * bounds[list];
        const Tensor numbers = random_tensor(Shape{rows + 1, 9}, seed + list, -6, 6), random_scores = random_tensor(Shape{rows + 1}, seed + 10 + list, -0.2, 1);
        lists.boxes.emplace_back(numbers.data<float>(), numbers.data<float>() + 9 * rows);
        lists.scores.emplace_back(random_scores.data<float>(), random_scores.data<float>() + rows);
        lists.labels.emplace_back();
        for (std::int64_t i = 0; i < rows; ++i) lists.labels.back().push_back(std::int32_t(i % 3));
        for (std::int64_t i = 0; i < rows; i += 3) lists.scores.back()[std::size_t(i)] = 0.5f;  // ties, also between lists
        for (std::int64_t i = 5; i < rows; i += 17) lists.scores.back()[std::size_t(i)] = std::numeric_limits<float>::quiet_NaN();
        for (std::int64_t i = 2; i < rows; i += 13) lists.boxes.back()[std::size_t(9 * i)] = i % 2 == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
        lists.counts.emplace_back();
        for (std::int32_t image = 0; image < images; ++image) lists.counts.back().push_back(image == 1 ? 0 : std::max(0, bounds[list] - image));
    }
    return lists;
}

}  // namespace

TEST_CASE("cuda emulated: the cell of every point is the reference's, outside, on edges, not finite and beyond the clouds included") {
    for (const bool strict : {true, false}) {
        Graph graph;
        graph.name = "cells";
        ops::DynamicVoxelize op{small_grid()};
        op.grid.strict = strict;
        const std::vector<ValueId> points = record::points_input(graph, 4);
        graph.outputs = {{"cells", record::dynamic_voxelize(Scope(graph) / "cells", op, points[0], points[1])}};
        Tensor cloud = random_tensor(Shape{300, 4}, 9, -6, 10);
        for (std::int64_t i = 0; i < 300; i += 7) cloud.data<float>()[4 * i + i % 3] = i % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
        for (std::int64_t i = 1; i < 300; i += 5) cloud.data<float>()[4 * i] = float(i % 10);  // edges of cells and of the range
        for (const std::vector<std::int32_t>& counts : {std::vector<std::int32_t>{300}, {0, 170, 100}, {0}}) check_all_orders(graph, Weights(), {cloud, counts_of(counts)}, 0);
    }
}

TEST_CASE("cuda emulated: pillar nets that average, of one layer and of three, equal the reference with full, partly full and no voxels") {
    for (const bool average : {false, true}) {
        for (const std::vector<int>& units : {std::vector<int>{8}, {5, 9, 4}}) {
            ops::EncodePillars net;
            net.voxels = small_grid();
            net.units = units;
            net.average = average;
            const Graph graph = net_graph(net);
            for (const std::vector<std::int32_t>& counts : {std::vector<std::int32_t>{280}, {0, 60, 30}, {0}}) {
                check_all_orders(graph, {random_tensor(Shape{300, 4}, 3, -4.5, 8.5), counts_of(counts)}, 2e-5);  // sums of at most 18 products three times, norms folded
            }
        }
    }
}

TEST_CASE("cuda emulated: a pillar net too wide for 48 KiB of shared memory asks for more; one too wide for the device is refused") {
    ops::EncodePillars net;
    net.voxels = small_grid();
    net.voxels.max_points = 64;
    net.units = {128};
    const Graph graph = net_graph(net);
    const std::vector<Tensor> inputs{random_tensor(Shape{40, 4}, 3, -4.5, 8.5), counts_of({40})};
    check_all_orders(graph, inputs, 2e-5);
    EmulatedDevice device;
    device.shared_limit = 48 * 1024;
    const Program program(CudaBackend({.cudnn = false}, device.libraries()), graph, random_weights(graph, 1));
    Context context;
    CHECK_THROWS_WITH_AS(program.run(context, inputs),
                         "cuda: \"net\" (pillar net, 10 -> 128) cannot be run: a voxel's rows take 66584 bytes of shared memory, a block has 49152 on this device", BackendError);
}

TEST_CASE("cuda emulated: suppression of close centres keeps what the host keeps: ties, NaN, infinite centres, several lists and clouds, limits, many chunks") {
    const float infinite = std::numeric_limits<float>::infinity();
    for (const std::vector<std::int32_t>& bounds : std::vector<std::vector<std::int32_t>>{{1}, {40}, {64, 70}, {150, 3, 90}}) {
        const Lists lists = random_lists(bounds.size(), 3, bounds);
        for (const float squared_radius : {0.f, 0.5f, 9.f, infinite, -1.f}) {
            for (const std::int32_t limit : {1, 7, 500}) {
                const ops::CircleNms op{std::int32_t(bounds.size()), 9, squared_radius, limit};
                const cuda::ListSet set = lists.set();
                const std::size_t all = std::size_t(set.bound()) * 3, room = std::size_t(3 * limit);
                for (const ThreadOrder order : {ThreadOrder::forwards, ThreadOrder::backwards, ThreadOrder::interleaved}) {
                    INFO("lists " << bounds.size() << " squared radius " << squared_radius << " limit " << limit << " order " << int(order));
                    std::vector<std::uint64_t> keys(all);
                    std::vector<std::int32_t> ranks(all, 77), labels(room, 77), packed_labels(room, 77), found(3, 77), count(3, 77);
                    std::vector<float> boxes(9 * room, 77), scores(room, 77), packed_boxes(9 * room, 77), packed_scores(room, 77);
                    emulate(cuda::CandidateKeys{set, keys.data(), ranks.data(), 3, -1.f}, 1, 1, 0, order);
                    emulate(cuda::OrderCandidates{set, keys.data(), ranks.data(), 3}, 1, 1, 0, order);
                    emulate(cuda::GreedyCircleNms{set, ranks.data(), boxes.data(), scores.data(), labels.data(), found.data(), limit, squared_radius}, 3, cuda::GreedyCircleNms::threads,
                            cuda::GreedyCircleNms::shared_bytes, order);
                    emulate(cuda::PackRows{boxes.data(), scores.data(), labels.data(), found.data(), packed_boxes.data(), packed_scores.data(), packed_labels.data(), count.data(), 3, limit, 9}, 1, 1, 0, order);
                    std::size_t row = 0;
                    for (std::size_t cloud = 0; cloud < 3; ++cloud) {
                        std::vector<kernels::CandidateList3d<float>> own;
                        for (std::size_t list = 0; list < bounds.size(); ++list) {
                            const std::size_t first = cloud * std::size_t(bounds[list]);
                            own.push_back({lists.boxes[list].data() + 9 * first, lists.scores[list].data() + first, lists.labels[list].data() + first, nullptr, lists.counts[list][cloud]});
                        }
                        std::vector<kernels::Ranked3d<float>> ranked(all);
                        std::vector<float> expected_boxes(9 * room), expected_scores(room);
                        std::vector<std::int32_t> expected_labels(room);
                        const std::int32_t kept = kernels::circle_nms(op, own.data(), own.size(), ranked.data(), expected_boxes.data(), expected_scores.data(), expected_labels.data());
                        REQUIRE(count[cloud] == kept);
                        for (std::size_t k = 0; k < std::size_t(kept); ++k, ++row) {
                            CHECK(std::memcmp(packed_boxes.data() + 9 * row, expected_boxes.data() + 9 * k, 9 * sizeof(float)) == 0);
                            CHECK(packed_scores[row] == expected_scores[k]);
                            CHECK(packed_labels[row] == expected_labels[k]);
                        }
                    }
                    for (; row < room; ++row) CHECK((packed_scores[row] == 0 && packed_labels[row] == 0 && packed_boxes[9 * row + 8] == 0));
                }
            }
        }
    }
}

TEST_CASE("cuda emulated: a head whose centres suppress each other equals the reference as a graph, also without any place") {
    for (const int limit : {0, 6, 200}) {
        Graph graph;
        graph.name = "centres";
        const ValueId image = record::image_input(graph, 3);
        const Scope scope(graph);
        const auto head = [&](const std::string& name, int channels) {
            ops::Conv2d op;
            op.in_channels = 3, op.out_channels = channels, op.bias = true;
            return record::conv2d(scope / name, op, image);
        };
        ops::DecodeBoxes3d decode;
        decode.anchors.ranges = {{0.f, 0.f, -1.f, 12.f, 12.f, -1.f}};
        decode.anchors.sizes = {{2.f, 1.f, 1.5f}};
        decode.classes = 2;
        std::vector<Candidates3d> lists;
        for (const std::string name : {"one.", "two."}) {
            const ValueId logits = record::activate(scope / (name + "relu"), Activation::relu, head(name + "logits", 4));  // many ties
            lists.push_back(record::anchor_candidates3d(scope / name, ops::TopK{90, 0.1f, 2}, decode, logits, head(name + "deltas", 14), head(name + "directions", 4)));
        }
        const std::vector<ValueId> found = record::circle_nms(scope / "nms", ops::CircleNms{.code = 7, .squared_radius = 1.5f, .limit = limit}, lists);
        graph.outputs = {{"boxes", found[0]}, {"scores", found[1]}, {"labels", found[2]}, {"count", found[3]}};
        check_all_orders(graph, {random_tensor(Shape{2, 3, 9, 8}, 5)}, 1e-5);  // three products, a decoding
    }
}

TEST_CASE("cuda: a thread's indices end at the size also where adding the step would pass the end of 32 bits") {
    const std::uint32_t step = 0x40000000;
    for (const std::uint32_t size : {0u, 1u, step, 0xFFFFFFFFu, 0xFFFFFFF0u, 3 * step + 5}) {
        for (const std::uint32_t first : {0u, 3u, step - 1}) {
            std::uint64_t expected = 0, calls = 0, sum = 0, expected_sum = 0;
            for (std::uint64_t i = first; i < size; i += step) ++expected, expected_sum += i;
            cuda::strided(first, step, size, [&](std::uint32_t i) {
                ++calls;
                sum += i;
                REQUIRE(calls <= 8);
            });
            CHECK(calls == expected);
            CHECK(sum == expected_sum);
        }
    }
}
