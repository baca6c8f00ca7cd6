#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include <regulus/data/image_file.hpp>
#include <regulus/data/resize.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Image picture_of(const Tensor& tensor) {
    Image image(tensor.shape()[0], tensor.shape()[1]);
    std::copy_n(tensor.data<std::uint8_t>(), tensor.numel(), image.pixels.begin());
    return image;
}

Image noise(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    std::uint32_t state = 12345;
    for (auto& value : image.pixels) value = std::uint8_t((state = state * 1664525u + 1013904223u) >> 24);
    return image;
}

/// Sums of products straight from the definition, one output value at a time.
std::uint8_t opencv_value(const Image& image, std::int64_t y, std::int64_t x, int c, PictureSize size) {
    const auto taps = [](std::int64_t d, std::int64_t in, std::int64_t out, bool clamp_fraction, std::int64_t index[2], int weight[2]) {
        const float position = float((double(d) + 0.5) * (1.0 / (double(out) / double(in))) - 0.5);
        const std::int64_t k = std::int64_t(std::floor(position));
        float f = position - float(k);
        if (clamp_fraction && (k < 0 || k >= in - 1)) f = 0;
        const std::int64_t base = clamp_fraction ? std::clamp<std::int64_t>(k, 0, in - 1) : k;
        index[0] = std::clamp<std::int64_t>(base, 0, in - 1);
        index[1] = std::clamp<std::int64_t>(base + 1, 0, in - 1);
        weight[0] = int(std::lrint((1 - f) * 2048));
        weight[1] = int(std::lrint(f * 2048));
    };
    std::int64_t rows[2], columns[2];
    int b[2], a[2];
    taps(y, image.height, size.height, false, rows, b);
    taps(x, image.width, size.width, true, columns, a);
    int sum = 2;
    for (int k = 0; k < 2; ++k) {
        const int s = image.pixel(rows[k], columns[0])[c] * a[0] + image.pixel(rows[k], columns[1])[c] * a[1];
        sum += (b[k] * (s >> 4)) >> 16;
    }
    return std::uint8_t(sum >> 2);
}

}  // namespace

TEST_CASE("resize: equals OpenCV and Pillow bit for bit on the golden files") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/image_resize.json");
    const GoldenFile golden("golden/detection2d/ops/image_resize");
    int compared = 0;
    for (const Json& entry : list(member(golden.facts, "cases"))) {
        const Image source = picture_of(golden.tensor(text_of(member(member(entry, "inputs"), "x"))));
        const PictureSize size = {whole(member(entry, "height")), whole(member(entry, "width"))};
        for (const auto& [kind, interpolation] : {std::pair{"opencv_linear_u8", Interpolation::opencv_bilinear}, std::pair{"pillow_bilinear_u8", Interpolation::pillow_bilinear},
                                                  std::pair{"pillow_bicubic_u8", Interpolation::pillow_bicubic}}) {
            const Json* name = member(entry, "outputs").find(kind);
            if (name == nullptr) continue;
            CAPTURE(*name->text());
            CHECK(resize(source, size, interpolation) == picture_of(golden.tensor(*name->text())));
            ++compared;
        }
    }
    CHECK(compared == 21);
}

TEST_CASE("resize: classification pipelines give the golden crops") {
    REGULUS_REQUIRE_SHARED("golden/classification/preprocess/timm.json");
    struct Pipeline {
        const char* file;
        Interpolation interpolation;
        bool blue_first;
    };
    int compared = 0;
    for (const Pipeline& pipeline : {Pipeline{"mmpretrain", Interpolation::opencv_bilinear, true}, Pipeline{"timm", Interpolation::pillow_bicubic, false},
                                     Pipeline{"torchvision", Interpolation::pillow_bilinear, false}}) {
        const GoldenFile golden(std::string("golden/classification/preprocess/") + pipeline.file);
        for (const auto& named : *member(golden.facts, "cases").object()) {
            const std::string& name = named.first;
            const Json& entry = named.second;
            const Tensor* crop = golden.tensors.find(name + "/input_u8");
            if (crop == nullptr) crop = golden.tensors.find(name + ".input_u8");
            if (crop == nullptr) crop = golden.tensors.find(name);
            CAPTURE(name);
            REQUIRE(crop != nullptr);
            const Json* preset = entry.find("resize_size");
            const std::int64_t side = preset != nullptr ? whole(*preset) : 256;
            const Image source = read_image(shared_path(text_of(member(entry, "image"))));
            const bool upright = source.height > source.width;
            const std::int64_t longer = std::int64_t(double(side) * double(std::max(source.height, source.width)) / double(std::min(source.height, source.width)));
            Image resized = resize(source, upright ? PictureSize{longer, side} : PictureSize{side, longer}, pipeline.interpolation);
            if (pipeline.blue_first) resized = bgr(resized);
            const int rank = crop->shape().rank();
            const std::int64_t n = crop->shape()[rank - 2];
            const auto offset = [&](std::int64_t whole_side) { return std::int64_t(std::nearbyint(double(whole_side - n) / 2)); };
            const std::int64_t top = offset(resized.height), left = offset(resized.width);
            const std::uint8_t* expected = crop->data<std::uint8_t>();
            std::int64_t different = 0;
            for (std::int64_t y = 0; y < n; ++y) {
                for (std::int64_t i = 0; i < n * 3; ++i) different += resized.pixel(top + y, left)[i] != expected[y * n * 3 + i];
            }
            CHECK(different == 0);
            ++compared;
        }
    }
    CHECK(compared >= 6);
}

TEST_CASE("resize: the OpenCV rule agrees with its definition, value by value") {
    const Image source = noise(23, 37);
    for (const PictureSize size : {PictureSize{1, 1}, {1, 80}, {80, 1}, {23, 80}, {46, 74}, {12, 19}, {5, 7}, {97, 64}, {22, 36}}) {
        const Image result = resize(source, size, Interpolation::opencv_bilinear);
        std::int64_t different = 0;
        for (std::int64_t y = 0; y < size.height; ++y) {
            for (std::int64_t x = 0; x < size.width; ++x) {
                for (int c = 0; c < 3; ++c) different += result.pixel(y, x)[c] != opencv_value(source, y, x, c, size);
            }
        }
        CAPTURE(size.height);
        CAPTURE(size.width);
        CHECK(different == 0);
    }
}

TEST_CASE("resize: a flat picture stays flat, and one pixel fills any size") {
    Image dot(1, 1);
    dot.pixels = {7, 130, 255};
    for (const Interpolation interpolation : {Interpolation::opencv_bilinear, Interpolation::pillow_bilinear, Interpolation::pillow_bicubic}) {
        const Image wide = resize(dot, {9, 31}, interpolation);
        for (std::int64_t i = 0; i < 9 * 31; ++i) {
            REQUIRE(wide.pixels[std::size_t(3 * i)] == 7);
            REQUIRE(wide.pixels[std::size_t(3 * i + 1)] == 130);
            REQUIRE(wide.pixels[std::size_t(3 * i + 2)] == 255);
        }
        CHECK(resize(wide, {1, 1}, interpolation) == dot);
        CHECK(resize(wide, {9, 31}, interpolation) == wide);
    }
}

TEST_CASE("resize: empty pictures and sizes are refused") {
    CHECK_THROWS_WITH_AS(resize(Image(0, 5), {2, 2}, Interpolation::opencv_bilinear), "resize: sizes must be 1 .. 2^29, got 0 x 5 to 2 x 2", ShapeError);
    CHECK_THROWS_AS(resize(Image(3, 5), {0, 2}, Interpolation::pillow_bicubic), ShapeError);
    CHECK_THROWS_AS(resize(Image(3, 5), {2, -2}, Interpolation::pillow_bilinear), ShapeError);
    Image lying(4, 4);
    lying.height = 400;
    CHECK_THROWS_WITH_AS(resize(lying, {2, 2}, Interpolation::opencv_bilinear), "resize: a picture of 400 x 4 pixels needs 3 bytes for each, got 48", ShapeError);
}

TEST_CASE("size rules: equal the three projects' on the golden sizes") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/image_resize.json");
    const GoldenFile golden("golden/detection2d/ops/image_resize");
    const auto size_of_list = [](const Json& json) { return PictureSize{whole(list(json)[0]), whole(list(json)[1])}; };
    int compared = 0;
    for (const Json& entry : list(member(golden.facts, "size_rules"))) {
        const PictureSize size = size_of_list(member(entry, "size"));
        for (const auto& [limits, short_side, long_side] : {std::tuple{"800/1333", 800, 1333}, std::tuple{"256/448", 256, 448}}) {
            const Json& expected = member(entry, limits);
            CAPTURE(size.height);
            CAPTURE(size.width);
            CHECK(fit_keep_ratio_mmdet(size, long_side, short_side) == size_of_list(member(expected, "mmcv")));
            CHECK(fit_detectron2(size, short_side, long_side) == size_of_list(member(expected, "detectron2")));
            CHECK(fit_torchvision(size, short_side, long_side) == size_of_list(member(expected, "torchvision")));
            ++compared;
        }
    }
    CHECK(compared == 28);
}

TEST_CASE("size rules: the sizes of the fact sheet, thin pictures, bad limits") {
    CHECK(fit_keep_ratio_mmdet({480, 640}, 1333, 800) == PictureSize{800, 1067});
    CHECK(fit_keep_ratio_mmdet({108, 344}, 1333, 800) == PictureSize{419, 1333});
    CHECK(fit_detectron2({108, 344}, 800, 1333) == PictureSize{418, 1333});
    CHECK(fit_torchvision({427, 640}, 800, 1333) == PictureSize{800, 1199});
    CHECK(fit_keep_ratio_mmdet({360, 480}, 400, 248) == PictureSize{248, 331});
    CHECK(fit_keep_ratio_mmdet({1, 100000}, 1333, 800) == PictureSize{1, 1333});
    CHECK(fit_detectron2({100000, 1}, 800, 1333) == PictureSize{1333, 1});
    CHECK_THROWS_WITH_AS(fit_keep_ratio_mmdet({0, 3}, 1333, 800), "fit_keep_ratio_mmdet: sizes must be > 0, got a picture of 0 x 3 and limits 1333, 800", ShapeError);
}
