// Residual blocks and stages: which parameters exist, where strides and activations sit (spec/regnet.md, 3.2; spec/detection2d.md, B.2).
#include <regulus/layers/bottleneck.hpp>
#include <regulus/layers/resnet_block.hpp>
#include <regulus/layers/stage.hpp>

#include "layers/support.hpp"

using namespace regulus;
using testing::Parameters;
using testing::Recording;

namespace {

/// Name and stride of every convolution.
std::map<std::string, int> strides(const Recording& r) {
    std::map<std::string, int> all;
    for (const Node& node : r.graph.nodes) {
        if (const auto* conv = std::get_if<ops::Conv2d>(&node.operation)) all[node.name] = conv->stride;
    }
    return all;
}

int count_of(const Recording& r, const std::string& kind) {
    int count = 0;
    for (const Node& node : r.graph.nodes) count += kind == kind_of(node.operation);
    return count;
}

}  // namespace

TEST_CASE("bottleneck: the shortcut is projected exactly when channels or stride change") {
    static_assert(!Bottleneck<48, 48, 1, 8>::projects);
    static_assert(Bottleneck<48, 48, 2, 8>::projects);
    static_assert(Bottleneck<32, 48, 1, 8>::projects);
    Recording same;
    const auto x = same.feature<48, 4>();
    const auto y = Bottleneck<48, 48, 1, 8>{}(same.scope, x);
    CHECK(strides(same) == std::map<std::string, int>{{"net.a", 1}, {"net.b", 1}, {"net.c", 1}});
    CHECK(same.op<ops::Activate>(y.id).activation == Activation::relu);
    const Node& sum = same.producer(same.producer(y.id).inputs[0]);
    CHECK(sum.name == "net.add");
    CHECK(sum.inputs[1] == x.id);
    CHECK(same.op<ops::BatchNorm>(sum.inputs[0]).activation == Activation::none);  // no ReLU before the sum

    Recording down;
    const auto z = Bottleneck<48, 104, 2, 8>{}(down.scope, down.feature<48, 4>());
    static_assert(std::is_same_v<decltype(z), const Feature<104, 8>>);
    CHECK(strides(down) == std::map<std::string, int>{{"net.a", 1}, {"net.b", 2}, {"net.c", 1}, {"net.proj", 2}});
    CHECK(down.shape(z.id, 1, 9, 7) == Shape{1, 104, 5, 4});
    CHECK(down.parameters().at("net.b.weight") == "[104, 8, 3, 3]");
    CHECK(down.parameters().at("net.proj.weight") == "[104, 48, 1, 1]");
    CHECK(down.parameters().size() == 20);
}

TEST_CASE("bottleneck: squeeze-excite sits between the 3x3 and the last 1x1") {
    Recording r;
    const auto y = Bottleneck<48, 104, 2, 8, 12>{}(r.scope, r.feature<48, 4>());
    CHECK(r.parameters().at("net.se.reduce.weight") == "[12, 104, 1, 1]");
    CHECK(r.parameters().at("net.se.reduce.bias") == "[12]");
    CHECK(r.parameters().at("net.se.expand.weight") == "[104, 12, 1, 1]");
    CHECK(r.parameters().at("net.se.expand.bias") == "[104]");
    const Node& sum = r.producer(r.producer(y.id).inputs[0]);
    const ValueId c = r.producer(sum.inputs[0]).inputs[0];
    const Node& scale = r.producer(r.producer(c).inputs[0]);
    REQUIRE(std::holds_alternative<ops::ScaleChannels>(scale.operation));
    CHECK(r.producer(scale.inputs[0]).name == "net.b.norm");
    CHECK(r.op<ops::BatchNorm>(scale.inputs[0]).activation == Activation::relu);
    CHECK(r.op<ops::Conv2d>(scale.inputs[1]).activation == Activation::sigmoid);
    const ValueId reduce = r.producer(scale.inputs[1]).inputs[0];
    CHECK(r.op<ops::Conv2d>(reduce).activation == Activation::relu);
    CHECK(r.producer(r.producer(reduce).inputs[0]).inputs[0] == scale.inputs[0]);  // the mean of what is scaled
}

TEST_CASE("bottleneck: another width inside") {
    Recording r;
    Bottleneck<16, 16, 1, 8, 0, 64>{}(r.scope, r.feature<16, 4>());
    CHECK(r.parameters().at("net.a.weight") == "[64, 16, 1, 1]");
    CHECK(r.parameters().at("net.b.weight") == "[64, 8, 3, 3]");
    CHECK(r.parameters().at("net.c.weight") == "[16, 64, 1, 1]");
}

TEST_CASE("resnet block: pytorch style strides in the 3x3, caffe style in the first 1x1") {
    Recording pytorch;
    const auto y = ResNetBlock<256, 128, 512, 2>{}(pytorch.scope, pytorch.feature<256, 4>());
    CHECK(strides(pytorch) == std::map<std::string, int>{{"net.a", 1}, {"net.b", 2}, {"net.c", 1}, {"net.proj", 2}});
    CHECK(pytorch.shape(y.id, 1, 9, 7) == Shape{1, 512, 5, 4});
    Recording caffe;
    const auto z = ResNetBlock<256, 128, 512, 2, 1, StrideStyle::caffe>{}(caffe.scope, caffe.feature<256, 4>());
    CHECK(strides(caffe) == std::map<std::string, int>{{"net.a", 2}, {"net.b", 1}, {"net.c", 1}, {"net.proj", 2}});
    CHECK(caffe.shape(z.id, 1, 9, 7) == Shape{1, 512, 5, 4});
    CHECK(caffe.parameters() == pytorch.parameters());
}

TEST_CASE("resnet block: ResNeXt's first block widens without a stride and projects") {
    Recording r;
    ResNetBlock<64, 128, 256, 1, 32>{}(r.scope, r.feature<64, 4>());
    CHECK(r.parameters().at("net.b.weight") == "[128, 4, 3, 3]");
    CHECK(r.parameters().at("net.proj.weight") == "[256, 64, 1, 1]");
}

TEST_CASE("stage: depth is a loop, blocks count from one, the ends are labelled") {
    using S = Stage<Bottleneck<32, 48, 2, 8>, Bottleneck<48, 48, 1, 8>>;
    Recording r;
    const auto y = S{5}(r.scope / "s1", r.feature<32, 2>());
    CHECK(count_of(r, "conv2d") == 5 * 3 + 1);
    CHECK(count_of(r, "add") == 5);
    CHECK(r.parameters().count("net.s1.b1.proj.weight") == 1);
    CHECK(r.parameters().count("net.s1.b5.c.weight") == 1);
    CHECK(r.parameters().count("net.s1.b2.proj.weight") == 0);
    CHECK(r.graph.find_label("s1") == y.id);
    CHECK(r.producer(r.graph.find_label("s1.b1")).name == "net.s1.b1.relu");
    Recording one;
    const auto z = S{1}(one.scope / "s1", one.feature<32, 2>());
    CHECK(one.graph.find_label("s1") == z.id);
    CHECK(count_of(one, "add") == 1);
}
