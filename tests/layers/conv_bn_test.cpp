// Convolutions, linear layers and pooling: parameters, shapes, activations.
#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/conv_bn.hpp>
#include <regulus/layers/deform_conv.hpp>
#include <regulus/layers/linear.hpp>
#include <regulus/layers/pool.hpp>
#include <regulus/layers/stem.hpp>

#include "layers/support.hpp"

using namespace regulus;
using testing::Parameters;
using testing::Recording;

TEST_CASE("conv_bn: parameters, shape, and the activation behind the norm") {
    Recording r;
    const auto y = ConvBn<24, 48, 3, 2, 4>{}(r.scope / "b", r.feature<24, 2>(), Activation::relu);
    static_assert(std::is_same_v<decltype(y), const Feature<48, 4>>);
    CHECK(r.parameters() == Parameters{{"net.b.weight", "[48, 6, 3, 3]"},
                                       {"net.b.norm.weight", "[48]"},
                                       {"net.b.norm.bias", "[48]"},
                                       {"net.b.norm.running_mean", "[48]"},
                                       {"net.b.norm.running_var", "[48]"}});
    CHECK(r.op<ops::BatchNorm>(y.id).activation == Activation::relu);
    CHECK(r.op<ops::BatchNorm>(y.id).eps == 1e-5);
    const ops::Conv2d& conv = r.op<ops::Conv2d>(r.producer(y.id).inputs[0]);
    CHECK(!conv.bias);
    CHECK(conv.activation == Activation::none);
    CHECK(conv.groups == 4);
}

TEST_CASE("conv_bn: a group norm where the scope asks for one, and inside it") {
    Recording r;
    const Scope grouped = r.scope.with_group_norm(8).with_norm_eps(1e-3);
    const auto y = ConvBn<24, 48, 3>{}(grouped / "inner" / "b", r.feature<24, 2>(), Activation::relu);
    CHECK(r.parameters() == Parameters{{"net.inner.b.weight", "[48, 24, 3, 3]"}, {"net.inner.b.norm.weight", "[48]"}, {"net.inner.b.norm.bias", "[48]"}});
    const ops::GroupNorm& norm = r.op<ops::GroupNorm>(y.id);
    CHECK(norm.channels == 48);
    CHECK(norm.groups == 8);
    CHECK(norm.eps == 1e-3);
    CHECK(norm.activation == Activation::relu);
    CHECK(std::holds_alternative<ops::BatchNorm>(r.producer(ConvBn<48, 48, 1>{}(grouped.with_group_norm(0) / "c", y).id).operation));
    const auto deformed = DeformConvBn<48, 48, 3>{}(grouped / "d", y);
    CHECK(std::holds_alternative<ops::GroupNorm>(r.producer(deformed.id).operation));
}

TEST_CASE("conv_bn: every kernel and dilation halves with stride 2 and keeps with stride 1, odd sizes rounded up") {
    Recording r;
    const auto x = r.feature<4, 1>();
    const auto k1 = ConvBn<4, 4, 1, 2>{}(r.scope / "k1", x);
    const auto k3 = ConvBn<4, 4, 3, 2>{}(r.scope / "k3", x);
    const auto k7 = ConvBn<4, 4, 7, 2>{}(r.scope / "k7", x);
    const auto dilated = ConvBn<4, 4, 3, 1, 1, 2>{}(r.scope / "d", x);
    for (const int size : {1, 2, 7, 8, 97}) {
        CAPTURE(size);
        const Shape half{1, 4, (size + 1) / 2, (size + 2) / 2};
        CHECK(r.shape(k1.id, 1, size, size + 1) == half);
        CHECK(r.shape(k3.id, 1, size, size + 1) == half);
        CHECK(r.shape(k7.id, 1, size, size + 1) == half);
        CHECK(r.shape(dilated.id, 1, size, size + 1) == Shape{1, 4, size, size + 1});
    }
}

TEST_CASE("conv2d: bias and activation are part of the operation") {
    Recording r;
    const auto y = Conv2d<8, 6, 3>{}(r.scope / "head", r.feature<8, 16>(), Activation::relu);
    static_assert(std::is_same_v<decltype(y), const Feature<6, 16>>);
    CHECK(r.parameters() == Parameters{{"net.head.weight", "[6, 8, 3, 3]"}, {"net.head.bias", "[6]"}});
    CHECK(r.op<ops::Conv2d>(y.id).activation == Activation::relu);
}

TEST_CASE("linear: vectors and flattened maps") {
    Recording r;
    const auto pooled = GlobalAveragePool{}(r.scope / "pool", r.feature<12, 4>());
    const auto y = Linear<12, 5>{}(r.scope / "fc", pooled);
    static_assert(std::is_same_v<decltype(y), const Vector<5>>);
    CHECK(r.shape(pooled.id, 3, 9, 7) == Shape{3, 12, 1, 1});
    CHECK(r.shape(y.id, 3, 9, 7) == Shape{3, 5});
    CHECK(r.parameters() == Parameters{{"net.fc.weight", "[5, 12]"}, {"net.fc.bias", "[5]"}});
}

TEST_CASE("stems: RegNet halves, ResNet quarters; both label what golden cases name") {
    Recording r;
    const auto image = r.feature<3, 1>();
    const auto regnet = RegNetStem<3, 32>{}(r.scope / "stem", image);
    static_assert(std::is_same_v<decltype(regnet), const Feature<32, 2>>);
    CHECK(r.graph.find_label("stem") == regnet.id);
    CHECK(r.shape(regnet.id, 1, 225, 97) == Shape{1, 32, 113, 49});

    Recording s;
    const auto resnet = ResNetStem<3, 64>{}(s.scope / "stem", s.feature<3, 1>());
    static_assert(std::is_same_v<decltype(resnet), const Feature<64, 4>>);
    CHECK(s.graph.find_label("stem_pool") == resnet.id);
    CHECK(s.shape(resnet.id, 1, 225, 97) == Shape{1, 64, 57, 25});
    const ops::Pool2d& pool = s.op<ops::Pool2d>(resnet.id);
    CHECK(pool.kernel == 3);
    CHECK(pool.padding == 1);
    CHECK(s.producer(resnet.id).inputs[0] == s.graph.find_label("stem"));
}
