// RoIAlign and the choice of the level against torchvision, mmdetection and detectron2.
#include <doctest/doctest.h>

#include <regulus/reference/roi_align.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// One level; `rois` are x1 y1 x2 y2 of one image.
template <class T = float>
std::vector<T> pooled(const ops::RoiAlign& op, const std::vector<T>& map, int channels, int height, int width, const std::vector<T>& rois) {
    const std::int32_t count = std::int32_t(rois.size() / 4);
    std::vector<T> result(std::size_t(count * channels * op.size * op.size), T(-1));
    const std::size_t a_thread = reference::roi_scratch<T>(op, height, width);
    std::vector<std::uint64_t> scratch(2 * a_thread / 8);
    const reference::View<T> dst{result.data(), Shape{count, channels, op.size, op.size}};
    reference::roi_align<T>(op, {{map.data(), Shape{1, channels, height, width}}}, rois.data(), &count, dst, reinterpret_cast<std::byte*>(scratch.data()), a_thread, 2);
    return result;
}

ops::RoiAlign roi_op(int stride, int size, int sampling_ratio, bool aligned) {
    ops::RoiAlign op;
    op.strides = {stride};
    op.size = size;
    op.sampling_ratio = sampling_ratio;
    op.aligned = aligned;
    return op;
}

/// The 8 x 8 map of the fact sheet.
std::vector<float> ramp() {
    std::vector<float> map(64);
    for (std::size_t i = 0; i < 64; ++i) map[i] = float(i);
    return map;
}

void check_bins(const std::vector<float>& got, const std::vector<double>& expected) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-6));
}

}  // namespace

TEST_CASE("roi_align: equals torchvision and mmcv: aligned or not, adaptive or not, outside, tiny, empty and negative boxes") {
    REGULUS_REQUIRE_OPERATOR("roi_align");
    const OperatorFile file("roi_align");
    int checked = 0;
    for (const Json& one : file.cases()) {
        const std::string name = name_of_case(one);
        CAPTURE(name);
        const Json::Array& size = *one.find("output_size")->array();
        const Tensor &x = file.input(one, "x"), &rois = file.input(one, "rois"), &y = file.output(one, "y");
        const int stride = int(1 / number(*one.find("spatial_scale")) + 0.5);
        const int bins_y = int(number(size[0])), bins_x = int(number(size[1]));
        // A bin grid of unequal sides comes from the two axis tables, which the pooling below takes from two square operations.
        const ops::RoiAlign tall = roi_op(stride, bins_y, int(number(one, "sampling_ratio", 0)), *one.find("aligned")->boolean());
        ops::RoiAlign wide = tall;
        wide.size = bins_x;
        const std::int64_t channels = x.shape()[1], height = x.shape()[2], width = x.shape()[3];
        std::vector<kernels::AxisSample<float>> y_samples(kernels::roi_axis_capacity(tall, height)), x_samples(kernels::roi_axis_capacity(wide, width));
        std::vector<std::int32_t> y_begin(std::size_t(bins_y) + 1), x_begin(std::size_t(bins_x) + 1);
        Tensor got(y.shape(), DType::f32);
        float* to = got.data<float>();
        for (std::int64_t roi = 0; roi < rois.shape()[0]; ++roi) {
            const float* row = rois.data<float>() + 5 * roi;
            const auto y_axis = kernels::roi_axis(tall, stride, row[2], row[4]);
            const auto x_axis = kernels::roi_axis(wide, stride, row[1], row[3]);
            kernels::roi_axis_samples(tall, y_axis, height, y_samples.data(), y_begin.data());
            kernels::roi_axis_samples(wide, x_axis, width, x_samples.data(), x_begin.data());
            const float count = float(std::max<std::int64_t>(1, y_axis.samples * x_axis.samples));
            for (std::int64_t channel = 0; channel < channels; ++channel) {
                const float* plane = x.data<float>() + (std::int64_t(row[0]) * channels + channel) * height * width;
                for (int by = 0; by < bins_y; ++by) {
                    for (int bx = 0; bx < bins_x; ++bx) {
                        *to++ = kernels::roi_bin_sum(plane, width, y_samples.data() + y_begin[std::size_t(by)], y_samples.data() + y_begin[std::size_t(by) + 1], x_samples.data() + x_begin[std::size_t(bx)],
                                                     x_samples.data() + x_begin[std::size_t(bx) + 1]) / count;
                    }
                }
            }
        }
        CHECK(relative_error(got, y) < 1e-5);  // the bound of golden/README.md
        if (bins_y == bins_x) {  // the whole operation gives the same bits
            for (int image = 0; image < x.shape()[0]; ++image) {
                for (std::int64_t roi = 0; roi < rois.shape()[0]; ++roi) {
                    const float* row = rois.data<float>() + 5 * roi;
                    if (int(row[0]) != image) continue;
                    const float* plane = x.data<float>() + image * channels * height * width;
                    const std::vector<float> bins = pooled(tall, std::vector<float>(plane, plane + channels * height * width), int(channels), int(height), int(width), {row[1], row[2], row[3], row[4]});
                    CHECK(std::equal(bins.begin(), bins.end(), got.data<float>() + roi * std::int64_t(bins.size())));
                }
            }
        }
        ++checked;
    }
    CHECK(checked >= 10);
}

TEST_CASE("roi_align: the vectors of the fact sheet") {
    check_bins(pooled(roi_op(4, 2, 0, true), ramp(), 1, 8, 8, {3, 5, 23, 37}), {23.5, 26, 38.125, 40});
    check_bins(pooled(roi_op(4, 2, 2, false), ramp(), 1, 8, 8, {3, 5, 23, 37}), {28, 30.5, 26, 27.25});
    check_bins(pooled(roi_op(4, 2, 0, true), ramp(), 1, 8, 8, {-6, -6, 2, 50}), {0, 14.285714, 0, 21.714285});
    check_bins(pooled(roi_op(4, 2, 0, true), ramp(), 1, 8, 8, {10, 10, 10.5f, 10.5f}), {18.28125, 18.34375, 18.78125, 18.84375});
    check_bins(pooled(roi_op(4, 2, 2, false), ramp(), 1, 8, 8, {10, 10, 10.5f, 10.5f}), {24.75, 25.25, 28.75, 29.25});
    check_bins(pooled(roi_op(4, 2, 0, true), ramp(), 1, 8, 8, {20, 20, 10, 10}), {0, 0, 0, 0});
    check_bins(pooled(roi_op(4, 2, 2, false), ramp(), 1, 8, 8, {20, 20, 10, 10}), {47.25, 47.75, 51.25, 51.75});
}

TEST_CASE("roi_align: a constant map pools to the constant inside, a linear map to the value at each bin's centre") {
    const std::vector<double> constant(20 * 30, 3.0);
    for (const double value : pooled<double>(roi_op(8, 7, 0, true), constant, 1, 20, 30, {17, 9, 131, 122})) CHECK(value == doctest::Approx(3));
    std::vector<double> linear;
    for (int y = 0; y < 20; ++y) {
        for (int x = 0; x < 30; ++x) linear.push_back(2 * x - 5 * y);
    }
    const std::vector<double> bins = pooled<double>(roi_op(8, 4, 0, true), linear, 1, 20, 30, {16, 16, 112, 80});
    for (int y = 0; y < 4; ++y) {
        for (int x = 0; x < 4; ++x) CHECK(bins[std::size_t(4 * y + x)] == doctest::Approx(2 * (2 - 0.5 + (x + 0.5) * 3) - 5 * (2 - 0.5 + (y + 0.5) * 2)));
    }
}

TEST_CASE("roi_align: giant and non-finite boxes end quickly; boxes that are not finite pool zeros") {
    const std::vector<float> ones(64, 1.f);
    for (const float far : {1e6f, 1e12f, 1e30f, 3e38f}) {
        CAPTURE(far);
        for (const int ratio : {0, 2}) {
            for (const float value : pooled(roi_op(4, 7, ratio, true), ones, 1, 8, 8, {-far, -far, far, far, 0, 0, far, far, far, far, 2 * far, 2 * far})) CHECK((value >= 0 && value <= 1.001f));
        }
    }
    for (const float value : pooled(roi_op(4, 7, 0, true), ones, 1, 8, 8, {NAN, 0, 5, 5, 0, 0, INFINITY, 5, -INFINITY, -INFINITY, INFINITY, INFINITY})) CHECK(value == 0);
    for (const float value : pooled(roi_op(4, 7, 2, false), ones, 1, 8, 8, {0, 0, NAN, NAN})) CHECK(value == 0);
}

TEST_CASE("roi_align: samples of a box far larger than the map equal those of the plain definition") {
    // Every sample is evaluated here, as the definition says; the kernel skips those outside.
    const std::vector<double> map = [] {
        std::vector<double> values(6 * 5);
        RandomNumbers numbers(4);
        for (double& value : values) value = numbers.next();
        return values;
    }();
    const double box[] = {-400, -300, 500, 700};
    const ops::RoiAlign op = roi_op(2, 3, 0, true);
    const std::vector<double> got = pooled<double>(op, map, 1, 6, 5, {box[0], box[1], box[2], box[3]});
    const double start_x = box[0] / 2 - .5, start_y = box[1] / 2 - .5, bin_x = (box[2] - box[0]) / 2 / 3, bin_y = (box[3] - box[1]) / 2 / 3;
    const int samples_x = int(std::ceil(bin_x)), samples_y = int(std::ceil(bin_y));
    for (int by = 0; by < 3; ++by) {
        for (int bx = 0; bx < 3; ++bx) {
            double sum = 0;
            for (int iy = 0; iy < samples_y; ++iy) {
                for (int ix = 0; ix < samples_x; ++ix) {
                    double y = start_y + by * bin_y + (iy + .5) * bin_y / samples_y, x = start_x + bx * bin_x + (ix + .5) * bin_x / samples_x;
                    if (y < -1 || y > 6 || x < -1 || x > 5) continue;
                    y = std::clamp(y, 0.0, 5.0);
                    x = std::clamp(x, 0.0, 4.0);
                    const int y0 = std::min(int(y), 4), x0 = std::min(int(x), 3);
                    const double fy = y - y0, fx = x - x0;
                    const auto at = [&](int row, int column) { return map[std::size_t(row * 5 + column)]; };
                    sum += (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x0 + 1)) + fy * ((1 - fx) * at(y0 + 1, x0) + fx * at(y0 + 1, x0 + 1));
                }
            }
            CHECK(got[std::size_t(3 * by + bx)] == doctest::Approx(sum / (samples_x * samples_y)));
        }
    }
}

TEST_CASE("roi_level: equals the three code bases at and around every boundary") {
    REGULUS_REQUIRE_OPERATOR("fpn_level");
    const OperatorFile file("fpn_level");
    const Json& one = file.cases()[0];
    const Tensor& boxes = file.input(one, "boxes");
    ops::RoiAlign op;
    op.strides = {4, 8, 16, 32};
    for (const auto& [peer, rule] : {std::pair{"mmdet", ops::LevelRule::mmdetection}, std::pair{"detectron2", ops::LevelRule::detectron2}, std::pair{"torchvision", ops::LevelRule::torchvision}}) {
        const char* const code_base = peer;  // clang++ 14 captures no structured bindings
        CAPTURE(code_base);
        op.rule = rule;
        for (int i = 0; i < boxes.shape()[0]; ++i) {
            CAPTURE(i);
            CHECK(kernels::roi_level(op, kernels::load_box(boxes.data<float>() + 4 * i)) == file.output(one, peer).data<std::int32_t>()[i]);
        }
    }
}

TEST_CASE("roi_level: stays among the levels for empty, negative, giant and non-finite boxes") {
    ops::RoiAlign op;
    op.strides = {4, 8, 16};
    for (const auto rule : {ops::LevelRule::mmdetection, ops::LevelRule::detectron2, ops::LevelRule::torchvision}) {
        op.rule = rule;
        CHECK(kernels::roi_level(op, kernels::Box<float>{1, 1, 1, 1}) == 0);
        CHECK(kernels::roi_level(op, kernels::Box<float>{5, 5, 1, 9}) == 0);
        CHECK(kernels::roi_level(op, kernels::Box<float>{NAN, 0, 1, 1}) == 0);
        CHECK(kernels::roi_level(op, kernels::Box<float>{0, 0, 1e30f, 1e30f}) == 2);
        CHECK(kernels::roi_level(op, kernels::Box<float>{0, 0, 112, 112}) == 1);
        CHECK(kernels::roi_level(op, kernels::Box<float>{0, 0, 111.9f, 111.9f}) == 0);
        CHECK(kernels::roi_level(op, kernels::Box<float>{0, 0, 224, 224}) == 2);
    }
}
