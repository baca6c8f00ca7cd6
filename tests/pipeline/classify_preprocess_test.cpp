// Against what pycls, mmpretrain, timm and torchvision made of two lossless pictures, one enlarged, one reduced (golden/classification/preprocess).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/data/classify_preprocess.hpp>
#include <regulus/data/file.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared.hpp"

using namespace regulus;

namespace {

Image picture(const char* name) { return read_image(testing::shared_path(std::string("data/images/") + name + ".png")); }

ClassifyPreprocessing rgb(ClassifyResize resize, std::int64_t short_side) {
    ClassifyPreprocessing p;
    p.short_side = short_side;
    p.resize = resize;
    p.channel_order = ChannelOrder::rgb;
    p.mean = {0.485f, 0.456f, 0.406f};
    p.std = {0.229f, 0.224f, 0.225f};
    return p;
}

ClassifyPreprocessing mmpretrain() {
    ClassifyPreprocessing p;
    p.resize = ClassifyResize::opencv_u8;
    p.divisor = 1;
    p.mean = {103.53f, 116.28f, 123.675f};
    p.std = {57.375f, 57.12f, 58.395f};
    return p;
}

const Tensor& entry(const Weights& file, const std::string& name) {
    const Tensor* found = file.find(name);
    REQUIRE(found != nullptr);
    return *found;
}

void check_crops(const char* code_base, const char* model, const ClassifyPreprocessing& p) {
    const Weights file = read_weights(testing::shared_path(std::string("golden/classification/preprocess/") + code_base + ".safetensors"));
    for (const char* name : {"portrait_small", "landscape_odd"}) {
        CAPTURE(code_base);
        CAPTURE(name);
        const Image crop = classify_crop(picture(name), p);
        const Image ordered = p.channel_order == ChannelOrder::bgr ? bgr(crop) : crop;
        const Tensor& expected = entry(file, std::string(model) + "/" + name);
        REQUIRE(std::size_t(expected.numel()) == ordered.pixels.size());
        std::int64_t different = 0;
        for (std::int64_t i = 0; i < expected.numel(); ++i) different += expected.data<std::uint8_t>()[i] != ordered.pixels[std::size_t(i)];
        CHECK(different == 0);

        // The input is the crop's normalisation, [3, h, w].
        const Tensor input = classify_preprocess(picture(name), p);
        REQUIRE(input.shape() == Shape{1, 3, 224, 224});
        for (const std::int64_t at : {0, 12345, 50175, 50176, 100352, 150527}) {
            const std::int64_t c = at / 50176, pixel = at % 50176;
            const float value = (float(ordered.pixels[std::size_t(3 * pixel + c)]) / p.divisor - p.mean[std::size_t(c)]) / p.std[std::size_t(c)];
            CHECK(input.data<float>()[at] == value);
        }
    }
}

}  // namespace

TEST_CASE("classify: crops of mmpretrain, timm and torchvision, byte for byte") {
    REGULUS_REQUIRE_SHARED("golden/classification/preprocess/timm.safetensors");
    check_crops("mmpretrain", "regnetx-1.6gf_8xb128_in1k", mmpretrain());
    check_crops("timm", "regnetx_080.pycls_in1k", rgb(ClassifyResize::pillow_bicubic, 256));
    check_crops("torchvision", "regnet_x_400mf", rgb(ClassifyResize::pillow_bilinear, 256));
    check_crops("torchvision", "regnet_y_800mf", rgb(ClassifyResize::pillow_bilinear, 232));
}

TEST_CASE("classify: pycls's float input within 2e-6, the error of float32 sums in another order") {
    REGULUS_REQUIRE_SHARED("golden/classification/preprocess/pycls.safetensors");
    const Weights file = read_weights(testing::shared_path("golden/classification/preprocess/pycls.safetensors"));
    for (const char* name : {"portrait_small", "landscape_odd"}) {
        CAPTURE(name);
        const Tensor input = classify_preprocess(picture(name), {});
        const Tensor& index = entry(file, std::string("RegNetX-400MF/") + name + "@index");
        const Tensor& value = entry(file, std::string("RegNetX-400MF/") + name + "@value");
        REQUIRE(index.numel() == 20000);
        double worst = 0;
        for (std::int64_t i = 0; i < index.numel(); ++i) {
            worst = std::max(worst, std::abs(double(input.data<float>()[index.data<std::int32_t>()[i]]) - double(value.data<float>()[i])));
        }
        CHECK(worst <= 2e-6);
    }
}

TEST_CASE("classify: the long side is rounded down, the crop's offset as each code base does") {
    const ClassifyPreprocessing pycls;
    CHECK(classify_size({500, 403}, pycls) == PictureSize{317, 256});  // 500 / 403 * 256 = 317.6
    CHECK(classify_size({374, 500}, pycls) == PictureSize{256, 342});
    CHECK(classify_size({7, 7}, pycls) == PictureSize{256, 256});
    CHECK(classify_size({374, 500}, rgb(ClassifyResize::pillow_bilinear, 232)) == PictureSize{232, 310});
    const int rests[][3] = {{0, 0, 0}, {1, 1, 0}, {2, 1, 1}, {3, 2, 2}, {5, 3, 2}, {7, 4, 4}, {32, 16, 16}};  // left over, offset of pycls, of the others
    for (const auto& row : rests) {
        CHECK(crop_offset(row[0], ClassifyResize::opencv_float) == row[1]);
        for (const ClassifyResize kind : {ClassifyResize::opencv_u8, ClassifyResize::pillow_bilinear, ClassifyResize::pillow_bicubic}) CHECK(crop_offset(row[0], kind) == row[2]);
    }
}

TEST_CASE("classify: pictures of unlike sizes make one batch, each as it comes out alone") {
    std::vector<Image> images{Image(40, 30), Image(1, 1), Image(300, 500)};
    for (std::size_t k = 0; k < images.size(); ++k) {
        for (std::size_t i = 0; i < images[k].pixels.size(); ++i) images[k].pixels[i] = std::uint8_t(i * 7 + k * 31);
    }
    for (const ClassifyPreprocessing& p : {ClassifyPreprocessing{}, mmpretrain(), rgb(ClassifyResize::pillow_bicubic, 256)}) {
        const Tensor batch = classify_preprocess(images, p);
        REQUIRE(batch.shape() == Shape{3, 3, 224, 224});
        for (std::size_t k = 0; k < images.size(); ++k) {
            const Tensor alone = classify_preprocess(images[k], p);
            CHECK(std::memcmp(alone.raw(), static_cast<const std::byte*>(batch.raw()) + k * alone.bytes(), alone.bytes()) == 0);
        }
    }
}

TEST_CASE("classify: one colour stays that colour through every resize") {
    Image image(60, 90);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = std::uint8_t(10 + 100 * (i % 3));  // r 10, g 110, b 210
    const Tensor input = classify_preprocess(image, {});                                                          // bgr
    CHECK(input.data<float>()[0] == doctest::Approx((210.0 / 255 - 0.406) / 0.225).epsilon(1e-6));
    CHECK(input.data<float>()[3 * 224 * 224 - 1] == doctest::Approx((10.0 / 255 - 0.485) / 0.229).epsilon(1e-6));
    CHECK(classify_crop(image, rgb(ClassifyResize::pillow_bicubic, 256)).pixel(5, 7)[2] == 210);
}

TEST_CASE("classify: what cannot be prepared is refused in one sentence") {
    CHECK_THROWS_AS(classify_preprocess(std::span<const Image>(), ClassifyPreprocessing{}), ShapeError);
    CHECK_THROWS_WITH_AS(classify_preprocess(Image(0, 5), {}), "classify_preprocess: a picture has no pixels", ShapeError);
    CHECK_THROWS_WITH_AS(classify_preprocess(Image(1, 60000000), {}), doctest::Contains("too thin"), ShapeError);
    CHECK_THROWS_AS(classify_crop(Image(9, 9), {}), ArgumentError);
    ClassifyPreprocessing p;
    p.crop = 257;
    CHECK_THROWS_WITH_AS(classify_preprocess(Image(9, 9), p), "classify_preprocess: needs 1 <= crop <= short_side <= 8192, got crop 257 of short_side 256", ArgumentError);
    p = {};
    p.std[1] = 0;
    CHECK_THROWS_AS(classify_preprocess(Image(9, 9), p), ArgumentError);
}

TEST_CASE("classify: the turning that a camera asks for is done where OpenCV opens files, and left where Pillow does") {
    Image image(40, 60);
    image.pixel(0, 0)[0] = 255;
    std::vector<std::uint8_t> bytes = encode_jpeg(image);
    // After the first marker: an EXIF block whose one entry, 0x112, is 6: a quarter turn clockwise.
    const std::uint8_t exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0};
    bytes.insert(bytes.begin() + 2, std::begin(exif), std::end(exif));
    const std::string path = "classify_turned.jpg";
    write_file(path, std::string(bytes.begin(), bytes.end()));
    CHECK(read_classify_image(path, {}).size() == PictureSize{60, 40});
    ClassifyPreprocessing pillow;
    pillow.exif = ExifOrientation::ignored;
    CHECK(read_classify_image(path, pillow).size() == PictureSize{40, 60});
    std::remove(path.c_str());
    CHECK_THROWS_AS(read_classify_image("no such picture.jpg", {}), FileError);
}

TEST_CASE("classify: mmpretrain with Pillow's resize makes torchvision's input, in other units") {
    Image image(300, 340);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = std::uint8_t(i * 7 + i / 911);
    const ClassifyPreprocessing torchvision = rgb(ClassifyResize::pillow_bilinear, 256);
    ClassifyPreprocessing mm = torchvision;
    mm.divisor = 1;
    mm.mean = {123.675f, 116.28f, 103.53f};
    mm.std = {58.395f, 57.12f, 57.375f};
    const Tensor a = classify_preprocess(image, torchvision), b = classify_preprocess(image, mm);
    double worst = 0;
    for (std::int64_t i = 0; i < a.numel(); ++i) worst = std::max(worst, double(std::abs(a.data<float>()[i] - b.data<float>()[i])));
    CHECK(worst < 2e-6);  // float32 rounding of values up to 2.7
}
