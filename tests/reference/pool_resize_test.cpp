// Pooling, resizing and elementwise operations against torch's layers and plain arithmetic.
#include <regulus/reference/pool_resize.hpp>

#include <doctest/doctest.h>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Tensor pooled(const ops::Pool2d& op, const Tensor& src) {
    const Graph graph = graph_of(int(src.shape()[1]), [&](Graph& g, ValueId image) { return record::pool2d(Scope(g) / "pool", op, image); });
    return run(graph, {}, {src})["y"];
}

Tensor resized(const Tensor& src, std::int64_t height, std::int64_t width, ops::Resize::Mode mode = ops::Resize::Mode::nearest) {
    Tensor dst(Shape{src.shape()[0], src.shape()[1], height, width}, DType::f32);
    reference::resize<float>(ops::Resize{mode, false}, {src.data<float>(), src.shape()}, nullptr, {dst.data<float>(), dst.shape()}, 2);
    return dst;
}

}  // namespace

TEST_CASE("pool2d: the maxima equal torch's") {
    REGULUS_REQUIRE_OPERATOR("layers");
    const OperatorFile file("layers");
    for (const Json& one : file.cases()) {
        if (name_of_case(one) != "pools") continue;
        CHECK(equal(pooled({ops::Pool2d::Kind::maximum, 3, 2, 1}, file.input(one, "x")), file.output(one, "max3x3s2p1")));
        CHECK(equal(pooled({ops::Pool2d::Kind::maximum, 1, 2, 0}, file.input(one, "x")), file.output(one, "max1x1s2")));
        return;
    }
    FAIL("the operator file has no case \"pools\"");
}

TEST_CASE("pool2d: padding counts neither in the maximum nor in the average") {
    const Tensor src = tensor_of(Shape{1, 1, 2, 3}, {-1, -2, -3, -4, -5, -6});
    CHECK(equal(pooled({ops::Pool2d::Kind::maximum, 2, 2, 1}, src), tensor_of(Shape{1, 1, 2, 2}, {-1, -2, -4, -5})));
    CHECK(equal(pooled({ops::Pool2d::Kind::average, 2, 2, 1}, src), tensor_of(Shape{1, 1, 2, 2}, {-1, -2.5f, -4, -5.5f})));
}

TEST_CASE("pool2d: a NaN in the window makes it NaN") {
    CHECK(std::isnan(pooled({ops::Pool2d::Kind::maximum, 2, 1, 0}, tensor_of(Shape{1, 1, 2, 2}, {1, NAN, 3, 2})).data<float>()[0]));
    CHECK(std::isnan(pooled({ops::Pool2d::Kind::maximum, 2, 1, 0}, tensor_of(Shape{1, 1, 2, 2}, {NAN, 1, 3, 2})).data<float>()[0]));
}

TEST_CASE("resize: nearest equals torch's, up, down and to odd sizes") {
    REGULUS_REQUIRE_OPERATOR("layers");
    const OperatorFile file("layers");
    int checked = 0;
    for (const Json& one : file.cases()) {
        if (name_of_case(one).find("resize_") != 0) continue;
        CAPTURE(name_of_case(one));
        const Tensor& expected = file.output(one, "nearest");
        CHECK(equal(resized(file.input(one, "x"), expected.shape()[2], expected.shape()[3]), expected));
        ++checked;
    }
    CHECK(checked == 4);
}

TEST_CASE("resize: bilinear equals torch's, up, down and to odd sizes") {
    REGULUS_REQUIRE_OPERATOR("layers");
    const OperatorFile file("layers");
    int checked = 0;
    for (const Json& one : file.cases()) {
        if (name_of_case(one).find("resize_") != 0) continue;
        CAPTURE(name_of_case(one));
        const Tensor& expected = file.output(one, "bilinear");
        CHECK(relative_error(resized(file.input(one, "x"), expected.shape()[2], expected.shape()[3], ops::Resize::Mode::bilinear), expected) <= 1e-6);  // a few roundings
        ++checked;
    }
    CHECK(checked == 4);
}

TEST_CASE("resize: bilinear keeps a plane a plane between the outer centres, and repeats the border beyond them") {
    Tensor plane(Shape{1, 1, 4, 3}, DType::f32);
    for (int i = 0; i < 12; ++i) plane.data<float>()[i] = float(10 * (i / 3) + i % 3);
    const Tensor y = resized(plane, 8, 6, ops::Resize::Mode::bilinear);
    for (int i = 0; i < 48; ++i) {
        const double row = std::min(3.0, std::max(0.0, (i / 6 + 0.5) / 2 - 0.5)), column = std::min(2.0, std::max(0.0, (i % 6 + 0.5) / 2 - 0.5));
        CHECK(y.data<float>()[i] == doctest::Approx(10 * row + column).epsilon(1e-6));
    }
}

TEST_CASE("resize: the fact sheet's bilinear numbers") {
    const Tensor y = resized(tensor_of(Shape{1, 1, 2, 2}, {0, 1, 2, 4}), 4, 4, ops::Resize::Mode::bilinear);
    CHECK(equal(y, tensor_of(Shape{1, 1, 4, 4}, {0, 0.25f, 0.75f, 1, 0.5f, 0.8125f, 1.4375f, 1.75f, 1.5f, 1.9375f, 2.8125f, 3.25f, 2, 2.5f, 3.5f, 4})));
}

TEST_CASE("resize: one pixel fills any size, and a map becomes one pixel of its middle") {
    CHECK(equal(resized(tensor_of(Shape{1, 1, 1, 1}, {7}), 3, 2, ops::Resize::Mode::bilinear), tensor_of(Shape{1, 1, 3, 2}, {7, 7, 7, 7, 7, 7})));
    CHECK(equal(resized(tensor_of(Shape{1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), 1, 1, ops::Resize::Mode::bilinear), tensor_of(Shape{1, 1, 1, 1}, {4.5f})));
}

TEST_CASE("resize: by a factor, without a second map") {
    const Graph graph = graph_of(1, [](Graph& g, ValueId image) { return record::enlarge(Scope(g) / "up", ops::Resize::Mode::bilinear, 2, image); });
    CHECK(equal(run(graph, {}, {tensor_of(Shape{1, 1, 1, 2}, {0, 4})})["y"], tensor_of(Shape{1, 1, 2, 4}, {0, 1, 3, 4, 0, 1, 3, 4})));
    CHECK(describe(graph.nodes.back().operation) == "bilinear resize, 2 times as large");
    Node wrong = graph.nodes.back();
    std::get<ops::Resize>(wrong.operation).factor = -2;
    CHECK_THROWS_WITH_AS(infer_outputs(wrong, {Shape{1, 1, 1, 2}}, {}), "shape of \"up\" (resize): expected a factor of at least 1 and nothing to add, not -2, got [1, 1, 1, 2]", ShapeError);
}

TEST_CASE("resize: takes the pixel floor(dst * in / out)") {
    const Tensor y = resized(tensor_of(Shape{1, 1, 1, 3}, {10, 20, 30}), 2, 7);
    CHECK(equal(y, tensor_of(Shape{1, 1, 2, 7}, {10, 10, 10, 20, 20, 30, 30, 10, 10, 10, 20, 20, 30, 30})));
}

TEST_CASE("global_average_pool and scale_channels: the squeeze and the excitation") {
    const Graph graph = graph_of(2, [](Graph& g, ValueId image) {
        const Scope scope(g);
        return record::scale_channels(scope / "scale", image, record::global_average_pool(scope / "mean", image));
    });
    const Tensor y = run(graph, {}, {tensor_of(Shape{1, 2, 1, 2}, {1, 3, -2, 0})})["y"];
    CHECK(equal(y, tensor_of(Shape{1, 2, 1, 2}, {2, 6, 2, -0.f})));
}

TEST_CASE("activations: relu keeps NaN, the sigmoid saturates without overflow") {
    const auto activated = [](Activation activation, const Tensor& src) {
        const Graph graph = graph_of(1, [&](Graph& g, ValueId image) { return record::activate(Scope(g) / "act", activation, image); });
        return run(graph, {}, {src})["y"];
    };
    const Tensor src = tensor_of(Shape{1, 1, 1, 5}, {-INFINITY, -1000, 0, 1000, NAN});
    const Tensor kept = activated(Activation::relu, src), sigmoid = activated(Activation::sigmoid, src);
    CHECK(kept.data<float>()[0] == 0);
    CHECK(kept.data<float>()[3] == 1000);
    CHECK(std::isnan(kept.data<float>()[4]));
    CHECK(sigmoid.data<float>()[0] == 0);
    CHECK(sigmoid.data<float>()[1] == 0);
    CHECK(sigmoid.data<float>()[2] == 0.5f);
    CHECK(sigmoid.data<float>()[3] == 1);
    CHECK(std::isnan(sigmoid.data<float>()[4]));
}
