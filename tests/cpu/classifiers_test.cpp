// Whole backbones with a classifier, seeded random weights, CPU backend against the reference, node by node.
#include "map_limits.hpp"

#include <regulus/models/classifier.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

inline constexpr ResNetStages short_resnet{.depths = {1, 2, 1, 1}};
inline constexpr ResNetStages short_resnet_caffe{.depths = {1, 2, 1, 1}, .style = StrideStyle::caffe};
inline constexpr ResNetStages short_resnext{.depths = {1, 2, 1, 1}, .groups = 32, .width_per_group = 4};

template <class Backbone>
void check_classifier(const std::vector<InputSize>& sizes) {
    const Graph graph = recorded<Classifier<Backbone, 20>>();
    const Weights weights = random_weights(graph);
    const std::vector<std::string> maps{"stem", "s1", "s2", "s3", "s4", "pooled"};
    const Program cpu = compile(CpuBackend{}, graph, weights, {.threads = 2, .extra_outputs = maps}), reference = compile(ReferenceBackend{}, graph, weights, {.threads = 2, .extra_outputs = maps});
    Context cpu_context, reference_context;
    for (const InputSize& size : sizes) {
        INFO("n " << size.n << " h " << size.height << " w " << size.width);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        const Outputs ours = cpu.run(cpu_context, inputs), theirs = reference.run(reference_context, inputs);
        for (const std::string& node : maps) check_map(ours, theirs, node);
        check_map(ours, theirs, "logits");
    }
}

}  // namespace

TEST_CASE("cpu classifiers: RegNetX equals the reference from one pixel up, in batches of three") { check_classifier<RegNet<regnetx_400mf>>({{1, 1, 1}, {1, 1, 33}, {3, 37, 51}}); }

TEST_CASE("cpu classifiers: RegNetY, with squeeze-excite") {
    check_classifier<RegNet<regnety_200mf>>({{1, 1, 1}, {1, 33, 1}, {3, 37, 51}});
    check_classifier<RegNet<regnety_800mf>>({{1, 45, 33}});
}

TEST_CASE("cpu classifiers: ResNet-50 with max pooling") { check_classifier<ResNet<resnet_50>>({{2, 29, 35}}); }

TEST_CASE("cpu classifiers: short ResNets of the pytorch and caffe styles, and a ResNeXt of 32 groups of 4") {
    check_classifier<ResNet<short_resnet>>({{1, 1, 1}, {3, 37, 41}});
    check_classifier<ResNet<short_resnet_caffe>>({{1, 1, 33}, {1, 33, 33}});
    check_classifier<ResNet<short_resnext>>({{1, 1, 1}, {3, 37, 41}});
}
