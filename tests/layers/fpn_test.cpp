// Feature pyramids: every kind of extra levels (spec/detection2d.md, B.4).
#include <regulus/layers/fpn.hpp>

#include "layers/support.hpp"

using namespace regulus;
using testing::Recording;

namespace {

using In = Widths<24, 56, 152, 368>;
using Maps = StageMaps<4, 24, 56, 152, 368>;

Maps maps(Recording& r) {
    Maps all{&r.graph, {}};
    all.ids = {r.feature<24, 4>().id, r.feature<56, 8>().id, r.feature<152, 16>().id, r.feature<368, 32>().id};
    return all;
}

}  // namespace

TEST_CASE("fpn: lateral, resized sum, output; P6 is every second pixel of P5") {
    Recording r;
    const Maps in = maps(r);
    const auto out = Fpn<In, 64>{}(r.scope, in);
    static_assert(std::is_same_v<decltype(out), const Pyramid<64, 4, 5>>);
    static_assert(std::is_same_v<decltype(out.level<4>()), Feature<64, 64>>);
    CHECK(r.parameters().size() == 16);
    CHECK(r.parameters().at("net.lateral.c2.weight") == "[64, 24, 1, 1]");
    CHECK(r.parameters().at("net.lateral.c5.bias") == "[64]");
    CHECK(r.parameters().at("net.output.p3.weight") == "[64, 64, 3, 3]");
    for (int level = 0; level < 5; ++level) CHECK(r.graph.find_label("P" + std::to_string(level + 2)) == out.ids[std::size_t(level)]);

    // P4 = output(lateral(C4) + resize(lateral(C5)))
    const ValueId merged = r.producer(out.ids[2]).inputs[0];
    CHECK(r.op<ops::Resize>(merged).adds);
    CHECK(r.producer(r.producer(merged).inputs[0]).name == "net.lateral.c5");
    CHECK(r.producer(r.producer(merged).inputs[1]).name == "net.lateral.c4");
    CHECK(r.producer(r.producer(merged).inputs[1]).inputs[0] == in.ids[2]);
    // P3 takes the merged C4, not P4
    CHECK(r.producer(r.producer(out.ids[1]).inputs[0]).inputs[0] == merged);
    // P5 has nothing above it
    CHECK(r.producer(r.producer(out.ids[3]).inputs[0]).name == "net.lateral.c5");
    const ops::Pool2d& pool = r.op<ops::Pool2d>(out.ids[4]);
    CHECK(pool.kernel == 1);
    CHECK(pool.stride == 2);
    CHECK(r.producer(out.ids[4]).inputs[0] == out.ids[3]);
}

TEST_CASE("fpn: no activation anywhere in an R-CNN pyramid") {
    Recording r;
    Fpn<In, 64>{}(r.scope, maps(r));
    for (const Node& node : r.graph.nodes) {
        CHECK(!std::holds_alternative<ops::Activate>(node.operation));
        if (const auto* conv = std::get_if<ops::Conv2d>(&node.operation)) CHECK(conv->activation == Activation::none);
    }
}

TEST_CASE("fpn: norms instead of biases, and still no activation") {
    Recording r;
    const auto out = Fpn<In, 64, FpnExtra::pool, 0, FpnConv::norm>{}(r.scope, maps(r));
    CHECK(r.parameters().size() == 8 * 5);
    CHECK(r.parameters().count("net.lateral.c2.bias") == 0);
    CHECK(r.parameters().at("net.lateral.c2.norm.running_var") == "[64]");
    CHECK(r.parameters().at("net.output.p5.norm.bias") == "[64]");
    for (const Node& node : r.graph.nodes) {
        if (const auto* norm = std::get_if<ops::BatchNorm>(&node.operation)) CHECK(norm->activation == Activation::none);
    }
    CHECK(r.producer(out.ids[3]).name == "net.output.p5.norm");
    CHECK(r.producer(r.producer(r.producer(out.ids[3]).inputs[0]).inputs[0]).name == "net.lateral.c5.norm");
}

TEST_CASE("fpn: without extra levels") {
    Recording r;
    const auto out = Fpn<In, 64, FpnExtra::none>{}(r.scope, maps(r));
    static_assert(std::is_same_v<decltype(out), const Pyramid<64, 4, 4>>);
    CHECK(r.graph.find_label("P6") == no_value);
}

TEST_CASE("fpn: mmdetection's RetinaNet makes P6 from C5 and P7 from P6 without ReLU") {
    Recording r;
    const Maps in = maps(r);
    const auto out = Fpn<In, 64, FpnExtra::convs_on_input, 1>{}(r.scope, in);
    static_assert(std::is_same_v<decltype(out), const Pyramid<64, 8, 5>>);
    CHECK(r.parameters().count("net.lateral.c2.weight") == 0);
    CHECK(r.parameters().at("net.output.p6.weight") == "[64, 368, 3, 3]");
    CHECK(r.parameters().at("net.output.p7.weight") == "[64, 64, 3, 3]");
    CHECK(r.op<ops::Conv2d>(out.ids[3]).stride == 2);
    CHECK(r.op<ops::Conv2d>(out.ids[3]).activation == Activation::none);
    CHECK(r.producer(out.ids[3]).inputs[0] == in.ids[3]);
    CHECK(r.producer(out.ids[4]).inputs[0] == out.ids[3]);
    CHECK(r.graph.find_label("P3") == out.ids[0]);
    CHECK(r.graph.find_label("P7") == out.ids[4]);
}

TEST_CASE("fpn: detectron2's RetinaNet has a ReLU before P7, but P6 itself is not rectified") {
    Recording r;
    const Maps in = maps(r);
    const auto out = Fpn<In, 64, FpnExtra::convs_on_input_relu, 1>{}(r.scope, in);
    CHECK(r.producer(out.ids[3]).inputs[0] == in.ids[3]);
    CHECK(r.op<ops::Conv2d>(out.ids[3]).activation == Activation::none);
    const ValueId rectified = r.producer(out.ids[4]).inputs[0];
    CHECK(r.op<ops::Activate>(rectified).activation == Activation::relu);
    CHECK(r.producer(rectified).inputs[0] == out.ids[3]);
}

TEST_CASE("fpn: torchvision's RetinaNet makes P6 from P5") {
    Recording r;
    const auto out = Fpn<In, 64, FpnExtra::convs_on_output_relu, 1>{}(r.scope, maps(r));
    CHECK(r.parameters().at("net.output.p6.weight") == "[64, 64, 3, 3]");
    CHECK(r.producer(out.ids[3]).inputs[0] == out.ids[2]);
    CHECK(r.op<ops::Activate>(r.producer(out.ids[4]).inputs[0]).activation == Activation::relu);
}

TEST_CASE("fpn: level numbers follow the stride") {
    // Backbones without a stem stride start at stride 1 (PointPillars' RegNets).
    Recording r;
    StageMaps<1, 8, 16> in{&r.graph, {r.feature<8, 1>().id, r.feature<16, 2>().id}};
    const auto out = Fpn<Widths<8, 16>, 4, FpnExtra::none>{}(r.scope, in);
    CHECK(r.graph.find_label("P0") == out.ids[0]);
    CHECK(r.parameters().count("net.lateral.c1.weight") == 1);
}
