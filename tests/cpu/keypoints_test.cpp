// A Keypoint R-CNN with seeded random weights, CPU backend against the reference: the same objects, and their maps of logits.
#include "compare.hpp"

#include <regulus/models/keypoint_rcnn.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

inline constexpr RcnnSizes point_sizes{.rpn_candidates = 100, .proposals = 50, .box_features = 64, .keypoints = 17, .keypoint_convs = 3, .keypoint_channels = 48, .detections = 30};

}  // namespace

TEST_CASE("cpu detectors: Keypoint R-CNN RegNetX-200MF FPN 64 equals the reference, pictures of one pixel included") {
    const Graph graph = recorded<KeypointRcnn<RegNet<regnetx_200mf>, 64, 1, point_sizes>>();
    const Weights weights = random_weights(graph);
    const Program cpu = compile(CpuBackend{}, graph, weights, {.threads = 2}), reference = compile(ReferenceBackend{}, graph, weights, {.threads = 2});
    Context cpu_context, reference_context;
    std::int64_t objects = 0, pairs = 0;
    for (const InputSize& size : {InputSize{1, 64, 96}, InputSize{3, 47, 61}, InputSize{1, 1, 1}, InputSize{1, 33, 1}}) {
        INFO("n " << size.n << " h " << size.height << " w " << size.width);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        const Outputs ours = cpu.run(cpu_context, inputs), theirs = reference.run(reference_context, inputs);
        const Tensor &mine = ours["keypoints"], &maps = theirs["keypoints"];
        const std::int64_t rows = maps.shape()[0], area = 17 * 56 * 56;
        REQUIRE(maps.shape() == Shape{rows, 17, 56, 56});
        REQUIRE(mine.shape()[0] == ours["boxes"].shape()[0]);
        float greatest = 0;
        for (std::int64_t k = 0; k < maps.numel(); ++k) greatest = std::max(greatest, std::fabs(maps.data<float>()[k]));
        objects += rows;
        for (std::int64_t i = 0; i < rows; ++i) {  // a decision on the edge may fall differently, so objects are matched by their boxes
            const auto distance = [&](std::int64_t j) {
                float worst = 0;
                for (int k = 0; k < 4; ++k) worst = std::max(worst, std::fabs(ours["boxes"].data<float>()[4 * j + k] - theirs["boxes"].data<float>()[4 * i + k]));
                return worst;
            };
            for (std::int64_t j = 0; j < mine.shape()[0]; ++j) {
                if (!(distance(j) <= 0.01f)) continue;
                ++pairs;
                float worst = 0;
                for (std::int64_t k = 0; k < area; ++k) worst = std::max(worst, std::fabs(mine.data<float>()[area * j + k] - maps.data<float>()[area * i + k]));
                CHECK(worst <= 0.01f * greatest);  // regions are pooled a hundredth of a pixel apart
                break;
            }
        }
    }
    CHECK(objects >= 20);  // else there was nothing to compare
    CHECK(pairs >= objects - objects / 50);
}
