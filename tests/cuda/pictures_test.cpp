// From decoded pictures to the network's input and from small masks to pictures on the (emulated) device, byte for byte what the CPU's functions give; whole
// detectors from pictures; DLPack.
#include "cuda/emulated_device.hpp"
#include "graph/detector_graphs.hpp"
#include "reference/graph_support.hpp"

#include <regulus/cuda/detector.hpp>
#include <regulus/cuda/pictures.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/pipeline/panoptic_detector.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

Image noise(std::int64_t height, std::int64_t width, std::uint64_t seed) {
    Image image(height, width);
    std::uint64_t state = seed * 2654435761u + 12345;
    for (auto& byte : image.pixels) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        byte = std::uint8_t(state >> 56);
    }
    return image;
}

/// The map [n, h, w, 3] that the device makes, as planes [n, 3, h, w].
Tensor prepared_on_device(const std::shared_ptr<const cuda::Device>& device, cuda::Lane& lane, const std::vector<Image>& images, const Preprocessing& how, const Shape& shape) {
    cuda::PictureBatch batch;
    for (const Image& image : images) {
        batch.pictures.push_back({image.pixels.data(), image.size(), image.width * 3, false, nullptr});
        batch.resized.push_back(resized_size(image.size(), how));
    }
    batch.height = shape[2];
    batch.width = shape[3];
    const cuda::DeviceMemory map(device, std::size_t(shape.numel()) * 4);
    cuda::enqueue_pictures(*device, lane, batch, how, cuda::Storage::f32, map.address());
    lane.synchronize();
    Tensor planes(shape, DType::f32);
    const auto* from = reinterpret_cast<const float*>(map.address());
    for (std::int64_t n = 0; n < shape[0]; ++n)
        for (std::int64_t p = 0; p < shape[2] * shape[3]; ++p)
            for (std::int64_t c = 0; c < 3; ++c) planes.data<float>()[(n * 3 + c) * shape[2] * shape[3] + p] = *from++;
    return planes;
}

ModelFacts small_facts() {
    ModelFacts facts;
    facts.preprocessing.long_side = 96;
    facts.preprocessing.short_side = 64;
    return facts;
}

void check_equal(const DetectionList& a, const DetectionList& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].box == b[i].box);
        CHECK(a[i].score == b[i].score);
        CHECK(a[i].label == b[i].label);
        CHECK(a[i].mask_probabilities == b[i].mask_probabilities);
    }
}

}  // namespace

TEST_CASE("cuda emulated: pictures are resized, normalised and padded to the bytes of preprocess, by every rule, larger and smaller, again in kept memory") {
    EmulatedDevice emulated;
    const auto device = std::make_shared<const cuda::Device>(emulated.libraries(), 0);
    for (const Interpolation interpolation : {Interpolation::opencv_bilinear, Interpolation::pillow_bilinear, Interpolation::pillow_bicubic, Interpolation::torch_bilinear}) {
        for (const ResizeRule rule : {ResizeRule::mmdet_keep_ratio, ResizeRule::detectron2_short, ResizeRule::torchvision_short, ResizeRule::none}) {
            Preprocessing how;
            how.interpolation = interpolation;
            how.resize_rule = rule;
            how.long_side = 61, how.short_side = 37;
            how.divisor = rule == ResizeRule::torchvision_short ? 255.f : 1.f;
            how.channel_order = rule == ResizeRule::detectron2_short ? ChannelOrder::rgb : ChannelOrder::bgr;
            cuda::Lane lane(device, false);
            for (const std::vector<PictureSize>& sizes : std::vector<std::vector<PictureSize>>{{{20, 31}}, {{90, 131}, {37, 50}}, {{90, 131}, {37, 50}}, {{1, 1}, {200, 3}, {37, 61}}, {{5, 7}}, {{37, 80}}}) {
                std::vector<Image> images;
                for (std::size_t i = 0; i < sizes.size(); ++i) images.push_back(noise(sizes[i].height, sizes[i].width, i + sizes.size()));
                const PreparedBatch expected = preprocess(images, how);
                CHECK(equal(prepared_on_device(device, lane, images, how, expected.input.shape()), expected.input));
            }
        }
    }
}

TEST_CASE("cuda emulated: a detector from pictures of the host or of the device finds what it finds from a prepared input, bit for bit; results stay on the device") {
    EmulatedDevice emulated;
    const auto libraries = emulated.libraries();
    const Graph graph = recorded<SmallMaskRcnn>();
    const Weights weights = detector_weights(graph, 3);
    const CudaBackend backend({.cudnn = false}, libraries);
    const AnyDetector plain(backend, graph, weights, small_facts());
    const CudaDetector detector(backend, graph, weights, small_facts());
    const std::vector<Image> images{noise(50, 70, 1), noise(64, 96, 2)};
    const std::vector<DetectionList> expected = plain(images);
    REQUIRE(expected[0].size() + expected[1].size() > 0);
    for (const unsigned char garbage : {0xFF, 0x7F, 0x00, 0x81}) {  // without a graph, captured, replayed, replayed
        const std::vector<DetectionList> got = detector(images);
        for (std::size_t i = 0; i < 2; ++i) check_equal(got[i], expected[i]);
        std::size_t arena = 0;  // the largest allocation; the pictures' own memory keeps tables
        for (const auto& allocation : emulated.allocations) arena = std::max(arena, emulated.uploaded.count(allocation.first) == 0 ? allocation.second : 0);
        emulated.scribble(garbage, arena);
    }
    // Rows with gaps, as a view of a larger tensor has.
    std::vector<std::vector<std::uint8_t>> memory;
    std::vector<CudaPicture> pictures;
    for (const Image& image : images) {
        const std::int64_t pitch = image.width * 3 + 11;
        memory.emplace_back(std::size_t(pitch * image.height), std::uint8_t(7));
        for (std::int64_t y = 0; y < image.height; ++y) std::memcpy(memory.back().data() + y * pitch, image.row(y), std::size_t(image.width * 3));
        pictures.push_back({memory.back().data(), image.size(), pitch, nullptr});
    }
    const CudaDetections kept = detector.on_device(pictures);
    CHECK(emulated.waits == 2);
    const CudaDetections more = detector.on_device(pictures);  // in other memory, as the first results live
    for (std::size_t i = 0; i < 2; ++i) check_equal(kept.lists[i], expected[i]);
    CHECK(kept["scores"].data() != more["scores"].data());
    const auto* const scores = static_cast<const float*>(kept["scores"].data());
    std::int64_t row = 0;
    for (const DetectionList& list : kept.lists) {
        for (const Detection& one : list) CHECK(scores[row++] == one.score);
    }
    CHECK(kept["scores"].shape()[0] == row);
    CHECK(kept["masks"].shape()[2] == 28);
    CHECK_THROWS_WITH_AS(kept["faces"], "detections: there is no tensor \"faces\"", ArgumentError);
}

TEST_CASE("cuda emulated: given boxes are looked into from pictures of the host or of the device as from a prepared input, bit for bit; wrong calls are refused") {
    EmulatedDevice emulated;
    const auto libraries = emulated.libraries();
    const Graph graph = recorded<SmallFastRcnn>();
    const Weights weights = detector_weights(graph, 3);
    const CudaBackend backend({.cudnn = false}, libraries);
    const AnyDetector plain(backend, graph, weights, small_facts());
    const CudaDetector detector(backend, graph, weights, small_facts());
    const std::vector<Image> images{noise(50, 70, 1), noise(64, 96, 2)};
    std::vector<ProposalList> given(2);
    for (int i = 0; i < 20; ++i) given[0].push_back({float(2 * i), float(i), float(2 * i + 12 + i), float(20 + i)});
    given[1] = {{5, 6, 40, 50}};
    const std::vector<CudaPicture> pictures{{images[0].pixels.data(), images[0].size()}, {images[1].pixels.data(), images[1].size()}};
    for (const std::size_t left : {20, 3, 0}) {  // other boxes in the memory of those before
        given[0].resize(left);
        const std::vector<DetectionList> expected = plain(images, given);
        if (left == 20) REQUIRE(expected[0].size() > 0);
        const std::vector<DetectionList> got = detector(images, given), from_device = detector(pictures, given);
        const CudaDetections kept = detector.on_device(pictures, given);
        for (std::size_t i = 0; i < 2; ++i) {
            check_equal(got[i], expected[i]);
            check_equal(from_device[i], expected[i]);
            check_equal(kept.lists[i], expected[i]);
        }
        check_equal(detector(images[0], given[0]), plain(images[0], given[0]));
    }
    CHECK_THROWS_WITH_AS(detector(images[0]), ("detector: " + graph.name + " looks into given boxes; call it with a list of them for each picture").c_str(), ArgumentError);
    CHECK_THROWS_WITH_AS(detector(images, std::span(given).first(1)), "proposals: expected a list for each of 2 pictures, got 1", ShapeError);
    const Graph own = recorded<SmallFasterRcnn>();
    const CudaDetector proposing(backend, own, detector_weights(own, 3), small_facts());
    CHECK_THROWS_WITH_AS(proposing(images[0], given[0]), ("detector: " + own.name + " proposes its own boxes; call it with pictures alone").c_str(), ArgumentError);
    const Graph more = with_given_boxes(recorded<SmallMaskRcnn>(), 12);
    CHECK_THROWS_WITH_AS(CudaDetector(backend, more, detector_weights(more, 3), small_facts())(images[0], given[0]),
                         ("cuda: " + more.name + " cannot be run from pictures: it takes more than pictures and given boxes; prepare its inputs, or use AnyDetector").c_str(), BackendError);
}

TEST_CASE("cuda emulated: segments from pictures of the host or of the device are those of a prepared input, logits stay on the device; other models are refused") {
    EmulatedDevice emulated;
    const auto libraries = emulated.libraries();
    const Graph graph = recorded<SmallPanopticFpn>();
    const Weights weights = detector_weights(graph, 3);
    ModelFacts facts = small_facts();
    facts.panoptic.stuff_area = 30;
    const CudaBackend backend({.cudnn = false}, libraries);
    const PanopticDetector plain(backend, graph, weights, facts);
    const CudaDetector detector(backend, graph, weights, facts);
    for (const std::vector<PictureSize>& sizes : std::vector<std::vector<PictureSize>>{{{50, 70}, {64, 96}}, {{130, 190}, {33, 96}}, {{7, 9}}}) {
        std::vector<Image> images;
        std::vector<CudaPicture> pictures;
        for (const PictureSize size : sizes) images.push_back(noise(size.height, size.width, images.size() + 1));
        for (const Image& image : images) pictures.push_back({image.pixels.data(), image.size()});
        const std::vector<PanopticResult> expected = plain(images);
        for (int run = 0; run < 3; ++run) {  // without a graph, captured, replayed
            const std::vector<PanopticResult> got = run == 2 ? detector.segments(pictures) : detector.segments(images);
            REQUIRE(got.size() == expected.size());
            for (std::size_t i = 0; i < got.size(); ++i) {
                CHECK(got[i].map == expected[i].map);
                CHECK(got[i].segments.size() == expected[i].segments.size());
                check_equal(got[i].detections, expected[i].detections);
            }
        }
        if (sizes.size() == 2 && sizes[0].height == 50) CHECK(expected[0].segments.size() > 1);
        check_equal(detector(images)[0], expected[0].detections);
        const CudaDetections kept = detector.on_device(pictures);
        CHECK(kept["semantic_logits"].shape()[1] == 7);
    }
    const Graph other = recorded<SmallMaskRcnn>();
    CHECK_THROWS_WITH_AS(CudaDetector(backend, other, detector_weights(other, 3), small_facts()).segments(noise(20, 30, 1)),
                         ("panoptic: " + other.name + " has no semantic head beside masks (outputs \"semantic_logits\" and \"masks\"); use a detector for it, or a Panoptic FPN").c_str(), ArgumentError);
}

TEST_CASE("cuda emulated: from the third call of a size on, a call is one copy, two kernels and one graph: one synchronisation, no allocation, no capture") {
    EmulatedDevice emulated;
    const Graph graph = recorded<SmallMaskRcnn>();
    const CudaDetector detector(CudaBackend({.cudnn = false}, emulated.libraries()), graph, detector_weights(graph, 3), small_facts());
    const Image image = noise(50, 70, 1);
    detector(image);
    detector(image);
    const int captures = emulated.captures;
    CHECK(captures == 1);
    for (int run = 0; run < 3; ++run) {
        emulated.allocated = emulated.synchronised = emulated.copied = emulated.graph_launches = 0;
        emulated.launched.clear();
        detector(image);
        CHECK(emulated.allocated == 0);
        CHECK(emulated.synchronised == 1);
        CHECK(emulated.copied == 1);  // the pixels; what the graph copies is inside it
        CHECK(emulated.graph_launches == 1);
        CHECK(emulated.launched == std::vector<std::string>{"regulus_resize_opencv", "regulus_normalise_picture_f32"});
        CHECK(emulated.captures == captures);
    }
}

TEST_CASE("cuda emulated: masks are pasted to the pixels of Detection::mask, boxes beyond the picture, thin and empty ones included") {
    EmulatedDevice emulated;
    const Graph graph = recorded<SmallMaskRcnn>();
    const CudaDetector detector(CudaBackend({.cudnn = false}, emulated.libraries()), graph, detector_weights(graph, 3), small_facts());
    for (const auto& [threshold, rule] : {std::pair{0.5f, PasteRule::sampled}, std::pair{0.3f, PasteRule::sampled}, std::pair{0.f, PasteRule::sampled}, std::pair{0.5f, PasteRule::torchvision},
                                          std::pair{0.3f, PasteRule::torchvision}, std::pair{0.f, PasteRule::torchvision}}) {
        DetectionList list;
        list.picture = {45, 67};
        const std::array<float, 4> boxes[] = {{3.25f, 4.5f, 40.75f, 30.125f}, {-20, -10, 90, 60}, {10, 10, 10, 20}, {60, 40, 66.9f, 44.9f}, {100, 100, 120, 130}, {5, 5, 5.5f, 44}};
        std::uint64_t seed = 5;
        for (const auto& box : boxes) {
            Detection one;
            one.box = box;
            one.picture = list.picture;
            one.mask_side = 28;
            one.mask_threshold = threshold;
            one.paste_rule = rule;
            const Tensor map = random_tensor(Shape{28, 28}, seed++, 0, 1);
            one.mask_probabilities.assign(map.data<float>(), map.data<float>() + 28 * 28);
            list.items.push_back(one);
        }
        const CudaTensor pasted = detector.masks(list);
        const auto* pixel = static_cast<const std::uint8_t*>(pasted.data());
        for (const Detection& one : list) {
            const BitMask mask = one.mask();
            std::int64_t different = 0;
            for (std::int64_t y = 0; y < 45; ++y)
                for (std::int64_t x = 0; x < 67; ++x) different += mask.at(y, x) != (*pixel++ != 0) ? 1 : 0;
            CHECK(different == 0);
        }
    }
    DetectionList none;
    none.picture = {4, 4};
    CHECK(detector.masks(none).shape()[0] == 0);
    none.items.emplace_back();
    CHECK_THROWS_WITH_AS(detector.masks(none), "detector: every object needs a mask of the same side, threshold and rule to be pasted", ArgumentError);
}

TEST_CASE("dlpack: pictures of other programs are taken as they lie; device, type, shape, strides and version are checked") {
    std::uint8_t pixels[64] = {};
    std::int64_t shape[3] = {2, 4, 3}, strides[3] = {20, 3, 1};
    dlpack::ManagedTensorVersioned managed{{1, 1}, nullptr, nullptr, 0, {pixels, {dlpack::cuda, 0}, 3, {dlpack::unsigned_integer, 8, 1}, shape, strides, 4}};
    const CudaPicture picture = cuda_picture(managed);
    CHECK(picture.pixels == pixels + 4);
    CHECK(picture.size == PictureSize{2, 4});
    CHECK(picture.pitch == 20);
    managed.tensor.strides = nullptr;
    CHECK(cuda_picture(managed).pitch == 12);
    const std::string start = "cuda_picture: a uint8 tensor [height, width, 3] in the device's memory is expected, ";
    const auto refused = [&](auto change, const std::string& why) {
        dlpack::ManagedTensorVersioned other = managed;
        std::int64_t own_shape[3] = {2, 4, 3}, own_strides[3] = {12, 3, 1};
        other.tensor.shape = own_shape;
        other.tensor.strides = own_strides;
        change(other);
        CHECK_THROWS_WITH_AS(cuda_picture(other), why.c_str(), ArgumentError);
    };
    using Managed = dlpack::ManagedTensorVersioned;
    refused([](Managed& m) { m.version.major = 2; }, "cuda_picture: DLPack 1 is expected, got version 2.1");
    refused([](Managed& m) { m.tensor.device.type = dlpack::cpu; }, start + "got device type 1 (2 is CUDA); move it to the device first");
    refused([](Managed& m) { m.tensor.device.id = 3; }, start + "got one of device 3, the detector runs on device 0");
    refused([](Managed& m) { m.tensor.dtype = {dlpack::floating, 32, 1}; }, start + "got type code 2 of 32 bits");
    refused([](Managed& m) { m.tensor.ndim = 4; }, start + "got 4 axes");
    refused([](Managed& m) { m.tensor.shape[2] = 4; }, start + "got [2, 4, 4]");
    refused([](Managed& m) { m.tensor.shape[0] = -1; }, start + "got [-1, 4, 3]");
    refused([](Managed& m) { m.tensor.data = nullptr; }, start + "got one without data");
    refused([](Managed& m) { m.tensor.strides[1] = 1, m.tensor.strides[2] = 8; }, start + "got strides [12, 1, 8]; make it contiguous first");
    refused([](Managed& m) { m.tensor.strides[0] = 6; }, start + "got strides [6, 3, 1]; make it contiguous first");
}

TEST_CASE("dlpack: tensors given out keep their memory until the deleter is called") {
    const auto owner = std::make_shared<const int>(1);
    float numbers[6] = {};
    dlpack::ManagedTensor* given = nullptr;
    dlpack::ManagedTensorVersioned* versioned = nullptr;
    {
        const CudaTensor tensor(owner, numbers, Shape{2, 3}, {dlpack::floating, 32, 1}, 1);
        given = tensor.dlpack();
        versioned = tensor.dlpack_versioned();
    }
    CHECK(owner.use_count() == 3);
    CHECK(given->tensor.data == numbers);
    CHECK(given->tensor.device.type == dlpack::cuda);
    CHECK(given->tensor.device.id == 1);
    CHECK(versioned->version.major == 1);
    CHECK(versioned->tensor.shape[1] == 3);
    CHECK(versioned->tensor.strides[0] == 3);
    given->deleter(given);
    versioned->deleter(versioned);
    CHECK(owner.use_count() == 1);
}
