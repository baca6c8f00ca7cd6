#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <regulus/data/image_file.hpp>
#include <regulus/data/preprocess.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Elements of `tensor` against the golden samples of `name` (whole, or @index and @value).
template <class T>
std::int64_t differences(const GoldenFile& golden, const std::string& name, const std::vector<T>& ours) {
    if (const Tensor* whole_map = golden.tensors.find(name)) {
        REQUIRE(std::size_t(whole_map->numel()) == ours.size());
        std::int64_t count = 0;
        for (std::size_t i = 0; i < ours.size(); ++i) count += whole_map->data<T>()[i] != ours[i];
        return count;
    }
    const Tensor& index = golden.tensor(name + "@index");
    const Tensor& value = golden.tensor(name + "@value");
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < index.numel(); ++i) {
        const auto at = std::size_t(index.data<std::int32_t>()[i]);
        REQUIRE(at < ours.size());
        count += ours[at] != value.data<T>()[i];
    }
    return count;
}

/// [3, h, w] in the peer's channel order, as the golden files have decoded pictures.
std::vector<std::uint8_t> planes(const Image& image, bool blue_first) {
    std::vector<std::uint8_t> result;
    for (int c = 0; c < 3; ++c) {
        for (std::int64_t y = 0; y < image.height; ++y) {
            for (std::int64_t x = 0; x < image.width; ++x) result.push_back(image.pixel(y, x)[blue_first ? 2 - c : c]);
        }
    }
    return result;
}

Preprocessing torchvision_like() {
    Preprocessing p;
    p.resize_rule = ResizeRule::torchvision_short;
    p.interpolation = Interpolation::torch_bilinear;
    p.channel_order = ChannelOrder::rgb;
    p.divisor = 255;
    p.mean = {0.485f, 0.456f, 0.406f};
    p.std = {0.229f, 0.224f, 0.225f};
    return p;
}

void check_case(const std::string& name, const Preprocessing& preprocessing) {
    CAPTURE(name);
    const std::string folder = "golden/detection2d/" + name + "/";
    const GoldenFile golden(folder + "case.json", folder + "expected.safetensors");
    std::vector<Image> images;
    for (const Json& path : list(member(golden.facts, "images"))) images.push_back(read_image(shared_path(text_of(path))));
    const PreparedBatch batch = preprocess(images, preprocessing);
    for (std::size_t i = 0; i < images.size(); ++i) {
        CHECK(differences(golden, "decoded." + std::to_string(i), planes(images[i], true)) == 0);
        const Image resized = resize(images[i], batch.resized_sizes[i], preprocessing.interpolation);
        CHECK(differences(golden, "resized." + std::to_string(i), planes(resized, true)) == 0);
    }
    const float* input = batch.input.data<float>();
    CHECK(differences(golden, "input", std::vector<float>(input, input + batch.input.numel())) == 0);
    if (golden.facts.find("metas") == nullptr) return;
    for (std::size_t i = 0; i < images.size(); ++i) {
        const Json& meta = list(member(golden.facts, "metas"))[i];
        const float* info = batch.image_info.data<float>() + 4 * i;
        if (const Json* shape = meta.find("img_shape")) CHECK(numbers(*shape) == std::vector<double>{info[0], info[1]});
        if (const Json* scale = meta.find("scale_factor")) {
            CHECK(float(numbers(*scale)[0]) == info[3]);  // theirs is width first
            CHECK(float(numbers(*scale)[1]) == info[2]);
        }
    }
}

}  // namespace

TEST_CASE("preprocess: decoded, resized and normalised pictures equal mmdetection's bit for bit") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_retinanet_r50/case.json");
    Preprocessing pycls;
    pycls.long_side = 448;
    pycls.short_side = 256;
    Preprocessing imagenet = pycls;
    imagenet.channel_order = ChannelOrder::rgb;
    imagenet.mean = {123.675f, 116.28f, 103.53f};
    imagenet.std = {58.395f, 57.12f, 57.375f};
    check_case("mm_mask_rcnn_regnetx_3.2gf", pycls);
    check_case("mm_faster_rcnn_regnetx_400mf_batch2", pycls);
    check_case("mm_mask_rcnn_regnetx_4gf", pycls);
    check_case("mm_retinanet_r50", imagenet);
    check_case("mm_mask_rcnn_regnetx_400mf_empty", imagenet);
}

TEST_CASE("preprocess: decoded and resized pictures and inputs equal detectron2's bit for bit") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/d2_faster_rcnn_R_50_FPN_batch2/case.json");
    Preprocessing caffe;
    caffe.resize_rule = ResizeRule::detectron2_short;
    caffe.interpolation = Interpolation::pillow_bilinear;
    caffe.long_side = 448;
    caffe.short_side = 256;
    caffe.mean = {103.53f, 116.28f, 123.675f};
    caffe.std = {1, 1, 1};
    check_case("d2_mask_rcnn_R_50_FPN", caffe);
    check_case("d2_faster_rcnn_R_50_FPN_batch2", caffe);
}

TEST_CASE("preprocess: inputs are torchvision's: normalised, then resized by torch's rule in float32") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/tv_fasterrcnn_r50_fpn/case.json");
    const std::string folder = "golden/detection2d/tv_fasterrcnn_r50_fpn/";
    const GoldenFile golden(folder + "case.json", folder + "expected.safetensors");
    Preprocessing p = torchvision_like();
    p.long_side = 448;
    p.short_side = 256;
    const Image image = read_image(shared_path("data/images/dog.jpg"));
    CHECK(differences(golden, "decoded.0", planes(image, false)) == 0);
    const PreparedBatch batch = preprocess(image, p);
    CHECK(batch.resized_sizes[0] == PictureSize{255, 342});
    REQUIRE(batch.input.shape() == Shape{1, 3, 256, 352});
    const Tensor &index = golden.tensor("input@index"), &value = golden.tensor("input@value");
    float largest = 0;
    for (std::int64_t i = 0; i < index.numel(); ++i) largest = std::max(largest, std::fabs(batch.input.data<float>()[index.data<std::int32_t>()[i]] - value.data<float>()[i]));
    MESSAGE("largest difference of " << index.numel() << " values: " << largest);
    CHECK(largest <= 1e-6f);  // torch's sums of products may be fused; values reach 2.6
}

TEST_CASE("preprocess: torch's resize on the golden file, with values as they are") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/image_resize.json");
    const GoldenFile golden("golden/detection2d/ops/image_resize");
    Preprocessing p = torchvision_like();
    p.divisor = 1;
    p.mean = {0, 0, 0};
    p.std = {1, 1, 1};
    p.pad_divisor = 1;
    p.short_side = 64;
    const Tensor &x = golden.tensor("to_64x86.x"), &expected = golden.tensor("to_64x86.torch_linear_f32");
    Image source(x.shape()[0], x.shape()[1]);
    std::copy_n(x.data<std::uint8_t>(), x.numel(), source.pixels.data());
    const Tensor ours = preprocess(source, p).input;
    REQUIRE(ours.shape() == Shape{1, 3, 64, 86});
    REQUIRE(expected.numel() == ours.numel());
    float largest = 0;
    for (std::int64_t pixel = 0; pixel < 64 * 86; ++pixel)
        for (std::int64_t c = 0; c < 3; ++c) largest = std::max(largest, std::fabs(ours.data<float>()[c * 64 * 86 + pixel] - expected.data<float>()[3 * pixel + c]));
    MESSAGE("largest difference of " << ours.numel() << " values: " << largest);
    CHECK(largest <= 255 * 1e-6f);  // the golden file's own limit is 1e-5 of the greatest value
}

TEST_CASE("preprocess: by torch's rule a picture that keeps its size keeps its values, a doubled one has means of three and one, borders repeat") {
    Preprocessing p = torchvision_like();
    p.pad_divisor = 1;
    Image image(2, 2);
    for (std::size_t i = 0; i < 12; ++i) image.pixels[i] = std::uint8_t(20 * i);
    const auto value = [&](std::size_t pixel, std::size_t c) { return (float(image.pixels[3 * pixel + c]) / 255.f - p.mean[c]) / p.std[c]; };
    p.short_side = p.long_side = 2;
    const Tensor same = preprocess(image, p).input;
    for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t pixel = 0; pixel < 4; ++pixel) CHECK(same.data<float>()[4 * c + pixel] == value(pixel, c));
    p.short_side = p.long_side = 4;
    const Tensor larger = preprocess(image, p).input;
    REQUIRE(larger.shape() == Shape{1, 3, 4, 4});
    for (std::size_t c = 0; c < 3; ++c) {
        CHECK(larger.data<float>()[16 * c] == value(0, c));
        CHECK(larger.data<float>()[16 * c + 1] == value(0, c) * 0.75f + value(1, c) * 0.25f);
        CHECK(larger.data<float>()[16 * c + 15] == value(3, c));
        CHECK(larger.data<float>()[16 * c + 12] == value(2, c));
    }
}

TEST_CASE("preprocess: pictures of different sizes share a canvas of zeros") {
    Preprocessing p;
    p.resize_rule = ResizeRule::none;
    p.channel_order = ChannelOrder::rgb;
    p.mean = {1, 2, 3};
    p.std = {2, 4, 8};
    p.pad_divisor = 4;
    std::vector<Image> images = {Image(3, 5), Image(6, 2)};
    for (Image& image : images) {
        for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = std::uint8_t(11 * i + image.pixels.size());
    }
    const PreparedBatch batch = preprocess(images, p);
    REQUIRE(batch.input.shape() == Shape{2, 3, 8, 8});
    for (std::int64_t n = 0; n < 2; ++n) {
        const Image& image = images[std::size_t(n)];
        for (std::int64_t c = 0; c < 3; ++c) {
            for (std::int64_t y = 0; y < 8; ++y) {
                for (std::int64_t x = 0; x < 8; ++x) {
                    const float value = batch.input.data<float>()[((n * 3 + c) * 8 + y) * 8 + x];
                    const bool inside = y < image.height && x < image.width;
                    const float expected = inside ? (float(image.pixel(y, x)[c]) - float(c + 1)) / float(2 << c) : 0.0f;
                    REQUIRE(value == expected);
                }
            }
        }
    }
    const float* info = batch.image_info.data<float>();
    CHECK(std::vector<float>(info, info + 8) == std::vector<float>{3, 5, 1, 1, 6, 2, 1, 1});
    CHECK(batch.original_sizes[1] == PictureSize{6, 2});

    p.channel_order = ChannelOrder::bgr;
    const Tensor swapped = preprocess(images[0], p).input;
    CHECK(swapped.shape() == Shape{1, 3, 4, 8});
    CHECK(swapped.data<float>()[0] == (float(images[0].pixels[2]) - 1.0f) / 2.0f);
}

TEST_CASE("preprocess: a 1x1 picture goes through the usual rule") {
    const PreparedBatch batch = preprocess(Image(1, 1), Preprocessing{});
    CHECK(batch.input.shape() == Shape{1, 3, 800, 800});
    CHECK(batch.image_info.data<float>()[2] == 800.0f);
}

TEST_CASE("preprocess: bad arguments are refused in words") {
    Preprocessing p;
    CHECK_THROWS_WITH_AS(preprocess(std::span<const Image>{}, p), "preprocess: needs one picture or more, got none", ShapeError);
    CHECK_THROWS_WITH_AS(preprocess(Image(0, 0), p), "preprocess: a picture has no pixels", ShapeError);
    p.std[1] = 0;
    CHECK_THROWS_WITH_AS(preprocess(Image(2, 2), p), "preprocess: each std must be > 0, got 0.000000", ArgumentError);
    p = {};
    p.divisor = 0;
    CHECK_THROWS_WITH_AS(preprocess(Image(2, 2), p), "preprocess: divisor must be > 0, got 0.000000", ArgumentError);
    CHECK_THROWS_WITH_AS(resize(Image(2, 2), {3, 3}, Interpolation::torch_bilinear), "resize: torch_bilinear has no 8-bit result; preprocess resizes normalised values so", ArgumentError);
    p = {};
    p.pad_divisor = 0;
    CHECK_THROWS_WITH_AS(preprocess(Image(2, 2), p), "preprocess: pad_divisor must be >= 1, got 0", ArgumentError);
}
