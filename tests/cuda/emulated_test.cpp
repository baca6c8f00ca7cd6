// The whole backend over an emulated device: the same plans, commands and kernel bodies as on a GPU, against the reference backend.
#include "cuda/emulated_device.hpp"
#include "graph/detector_graphs.hpp"

#include <regulus/cuda.hpp>
#include <regulus/cuda/executable.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/models/classifier.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

/// One operation in float32 beside the same in double: sums of K products differ by about sqrt(K) 2^-24 of the greatest value; 2e-5 leaves room for K = 4608 and chains.
constexpr double limit = 2e-5;

const CudaOptions without_cudnn{.cudnn = false};

Outputs run_cuda(const std::shared_ptr<cuda::Libraries>& libraries, const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs, CudaOptions options = without_cudnn) {
    const CudaBackend backend(options, libraries);
    const Program program(backend, graph, weights);
    Context context;
    return program.run(context, inputs);
}

void check_same(const Outputs& got, const Outputs& expected, double tolerance = limit) {
    REQUIRE(got.entries().size() == expected.entries().size());
    for (std::size_t i = 0; i < got.entries().size(); ++i) {
        const std::string& name = got.entries()[i].first;
        const Tensor& tensor = got.entries()[i].second;
        const Tensor& wanted = expected.entries()[i].second;
        INFO("output " << name);
        REQUIRE(name == expected.entries()[i].first);
        REQUIRE(to_string(tensor.shape()) == to_string(wanted.shape()));
        if (wanted.dtype() == DType::f32) CHECK(relative_error(tensor, wanted) <= tolerance);
        else CHECK(equal(tensor, wanted));
    }
}

bool same_bits(const Outputs& a, const Outputs& b) {
    for (std::size_t i = 0; i < a.entries().size(); ++i) {
        if (!equal(a.entries()[i].second, b.entries()[i].second)) return false;
    }
    return a.entries().size() == b.entries().size();
}

}  // namespace

TEST_CASE("cuda emulated: random graphs of maps equal the reference, in any order of threads") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        INFO("seed " << seed);
        const Graph graph = random_graph(seed, 4 + int(seed % 9));
        const Weights weights = random_weights(graph, seed);
        const int h = 1 + int(seed * 7 % 23) + 2, w = 1 + int(seed * 5 % 19) + 2;
        const std::vector<Tensor> inputs{random_tensor(Shape{1 + std::int64_t(seed % 3), 8, h, w}, seed)};
        device.order = ThreadOrder(seed % 3);
        check_same(run_cuda(libraries, graph, weights, inputs), run<double>(graph, weights, inputs));
    }
}

TEST_CASE("cuda emulated: group norm over less and more than a chunk of pixels, groups of one channel and of all, far from 0, in any order of threads") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    int which = 0;
    for (const std::pair<int, int>& sizes : {std::pair{64, 32}, std::pair{33, 33}, std::pair{21, 3}, std::pair{8, 1}}) {
        const ops::GroupNorm op{sizes.first, sizes.second, 1e-5, which % 2 == 0 ? Activation::relu : Activation::none};
        const Graph graph = graph_of(sizes.first, [&](Graph& g, ValueId image) { return record::group_norm(Scope(g) / "norm", op, image); });
        const Weights weights = random_weights(graph, 3);
        for (const std::pair<int, int>& side : {std::pair{1, 1}, std::pair{7, 9}, std::pair{32, 32}, std::pair{41, 53}}) {
            INFO("channels " << sizes.first << " height " << side.first);
            device.order = ThreadOrder(which++ % 3);
            const std::vector<Tensor> inputs{random_tensor(Shape{2, sizes.first, side.first, side.second}, std::uint64_t(which), -3, 5)};
            check_same(run_cuda(libraries, graph, weights, inputs), run<double>(graph, weights, inputs));
        }
    }
}

TEST_CASE("cuda emulated: a panoptic FPN equals the reference, semantic logits beside boxes and masks") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    const Graph graph = recorded<SmallPanopticFpn>();
    const Weights weights = detector_weights(graph, 3);
    const std::vector<Tensor> inputs{random_tensor(Shape{2, 3, 64, 96}, 5), whole_pictures(2, 64, 96)};
    const Outputs expected = run<float>(graph, weights, inputs);
    device.order = ThreadOrder::backwards;
    check_same(run_cuda(libraries, graph, weights, inputs), expected, 1e-3);
    CHECK(expected["semantic_logits"].shape() == Shape{2, 7, 16, 24});
}

TEST_CASE("cuda emulated: a keypoint R-CNN equals the reference, boxes and maps of logits; nothing found is no error") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    for (const bool blind : {false, true}) {
        const Graph graph = blind ? recorded<BlindKeypointRcnn>() : recorded<SmallKeypointRcnn>();
        const Weights weights = detector_weights(graph, 3);
        const std::vector<Tensor> inputs{random_tensor(Shape{2, 3, 64, 96}, 5), whole_pictures(2, 64, 96)};
        const Outputs expected = run<float>(graph, weights, inputs);
        check_same(run_cuda(libraries, graph, weights, inputs), expected, 1e-3);
        CHECK((expected["keypoints"].shape()[0] == 0) == blind);
    }
}

TEST_CASE("cuda emulated: given proposals are looked into as by the reference, some of one picture and none of the other") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    const Graph graph = recorded<SmallFastRcnn>();
    const Weights weights = detector_weights(graph, 3);
    Tensor boxes = Tensor::zeros(Shape{2 * small_sizes.proposals, 4}), count = Tensor::zeros(Shape{2}, DType::i32);
    for (int i = 0; i < 20; ++i) {
        const float box[] = {float(3 * i), float(i), float(3 * i + 10 + i), float(20 + 2 * i)};
        std::copy(box, box + 4, boxes.data<float>() + 4 * i);
    }
    count.data<std::int32_t>()[0] = 20;
    const std::vector<Tensor> inputs{random_tensor(Shape{2, 3, 64, 96}, 5), whole_pictures(2, 64, 96), boxes, count};
    const Outputs expected = run<float>(graph, weights, inputs);
    REQUIRE(expected["boxes"].shape()[0] > 0);
    check_same(run_cuda(libraries, graph, weights, inputs), expected, 1e-3);
}

TEST_CASE("cuda emulated: masks of given boxes of given classes are the reference's, beside the boxes that the detector finds itself") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    const Graph graph = with_given_boxes(recorded<SmallMaskRcnn>(), 12);
    const Weights weights = detector_weights(graph, 3);
    Tensor boxes = Tensor::zeros(Shape{24, 4}), labels = Tensor::zeros(Shape{24}, DType::i32), count = Tensor::zeros(Shape{2}, DType::i32);
    for (int i = 0; i < 7; ++i) {
        const float box[] = {float(3 * i), float(i), float(3 * i + 10 + i), float(20 + 2 * i)};
        std::copy(box, box + 4, boxes.data<float>() + 4 * i);
        labels.data<std::int32_t>()[i] = i % 5;
    }
    count.data<std::int32_t>()[0] = 3;
    count.data<std::int32_t>()[1] = 4;
    const std::vector<Tensor> inputs{random_tensor(Shape{2, 3, 64, 96}, 5), whole_pictures(2, 64, 96), boxes, labels, count};
    const Outputs expected = run<float>(graph, weights, inputs);
    REQUIRE(expected["boxes"].shape()[0] > 0);
    REQUIRE(expected["masks"].shape() == Shape{7, 28, 28});
    check_same(run_cuda(libraries, graph, weights, inputs), expected, 1e-3);
}

TEST_CASE("cuda emulated: a mask R-CNN equals the reference, boxes, labels and masks, for one picture and for several") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 3);
    for (const int n : {1, 2}) {
        const std::vector<Tensor> inputs{random_tensor(Shape{n, 3, 64, 96}, 5), whole_pictures(n, 64, 96)};
        const Outputs expected = run<float>(graph, weights, inputs);
        device.order = ThreadOrder::forwards;
        const Outputs got = run_cuda(libraries, graph, weights, inputs);
        check_same(got, expected, 1e-3);
        REQUIRE(expected.entries()[0].second.shape()[0] > 0);
        for (const ThreadOrder order : {ThreadOrder::backwards, ThreadOrder::interleaved}) {
            device.order = order;
            CHECK(same_bits(run_cuda(libraries, graph, weights, inputs), got));
        }
    }
}
