#pragma once
// Small nodes of every operation that learns: odd sizes, groups, strides, padding, borders, several pictures.
#include "train/gradient_check.hpp"

namespace regulus::testing {

/// Makes cases with numbers of their own.
class LearningCaseList {
public:
    std::vector<LearningCase> cases;

    Tensor random(const Shape& shape, double low = -1, double high = 1) { return random_tensor(shape, ++seed_, low, high); }
    /// No two of them closer than 1 / (8 * their number), for what depends on their order.
    Tensor distinct(const Shape& shape) {
        Tensor tensor(shape, DType::f32);
        RandomNumbers numbers(++seed_);
        const std::int64_t count = tensor.numel();
        for (std::int64_t i = 0; i < count; ++i) tensor.data<float>()[i] = float(2 * double(i) / double(count) - 1 + 1 / (3 * double(count)));
        for (std::int64_t i = count - 1; i > 0; --i) std::swap(tensor.data<float>()[i], tensor.data<float>()[numbers.below(int(i + 1))]);
        return tensor;
    }
    void add(std::string name, Operation operation, std::vector<Tensor> inputs, std::vector<Tensor> parameters = {}, const train::LearningRules& rules = {}) {
        cases.push_back({std::move(name), std::move(operation), std::move(inputs), std::move(parameters), rules});
    }

    void conv(std::string name, const ops::Conv2d& op, std::int64_t n, std::int64_t h, std::int64_t w) {
        std::vector<Tensor> parameters{random(Shape{op.out_channels, op.in_channels / op.groups, op.kernel, op.kernel})};
        if (op.bias) parameters.push_back(random(Shape{op.out_channels}));
        add("conv2d " + name, op, {random(Shape{n, op.in_channels, h, w})}, parameters);
    }
    void conv_transpose(std::string name, const ops::ConvTranspose2d& op, std::int64_t n, std::int64_t h, std::int64_t w) {
        std::vector<Tensor> parameters{random(Shape{op.in_channels, op.out_channels, op.kernel, op.kernel})};
        if (op.bias) parameters.push_back(random(Shape{op.out_channels}));
        add("conv_transpose2d " + name, op, {random(Shape{n, op.in_channels, h, w})}, parameters);
    }
    /// Offsets reach beyond the map; the places they name are nowhere near whole numbers, and some lie outside.
    void deform_conv(std::string name, const ops::DeformConv2d& op, std::int64_t n, std::int64_t h, std::int64_t w) {
        std::vector<Tensor> parameters{random(Shape{op.conv.out_channels, op.conv.in_channels / op.conv.groups, op.conv.kernel, op.conv.kernel})};
        if (op.conv.bias) parameters.push_back(random(Shape{op.conv.out_channels}));
        const auto side = [&](std::int64_t length) { return (length + 2 * op.conv.padding - (op.conv.kernel - 1) * op.conv.dilation - 1) / op.conv.stride + 1; };
        Tensor offsets = random(Shape{n, op.offset_channels(), side(h), side(w)});
        RandomNumbers numbers(++seed_);
        for (std::int64_t i = 0; i < offsets.numel(); ++i) offsets.data<float>()[i] = float(numbers.below(5) - 2) + numbers.between(0.1, 0.9);
        add("deform_conv2d " + name, op, {random(Shape{n, op.conv.in_channels, h, w}), offsets}, parameters);
    }
    void batch_norm(std::string name, const ops::BatchNorm& op, std::int64_t n, std::int64_t h, std::int64_t w) {
        for (const bool stored : {false, true}) {
            train::LearningRules rules;
            rules.stored_statistics = stored;
            const Shape channels{op.channels};
            const Tensor src = random(Shape{n, op.channels, h, w}, -2, 3);
            add("batch_norm " + name + (stored ? ", stored statistics" : ", the batch's statistics"), op, {src}, {random(channels, 0.5, 1.5), random(channels), random(channels), random(channels, 0.5, 2)}, rules);
        }
    }
    void group_norm(std::string name, const ops::GroupNorm& op, std::int64_t n, std::int64_t h, std::int64_t w) {
        add("group_norm " + name, op, {random(Shape{n, op.channels, h, w}, -2, 3)}, {random(Shape{op.channels}, 0.5, 1.5), random(Shape{op.channels})});
    }
    void linear(std::string name, const ops::Linear& op, const Shape& src) {
        std::vector<Tensor> parameters{random(Shape{op.out_features, op.in_features})};
        if (op.bias) parameters.push_back(random(Shape{op.out_features}));
        add("linear " + name, op, {random(src)}, parameters);
    }
    /// Boxes on all levels, one partly outside; the first picture has two, the second `rows` - 3, and the last row belongs to nobody.
    void roi_align(std::string name, const ops::RoiAlign& op, std::int64_t channels, std::int64_t h, std::int64_t w) {
        constexpr std::int64_t rows = 7;
        std::vector<Tensor> inputs;
        for (const int stride : op.strides) inputs.push_back(random(Shape{2, channels, h / stride, w / stride}));
        const std::vector<float> boxes{3.3f, 2.1f, 9.7f, 12.2f, -5.1f, 4.3f, 20.2f, 30.6f, 1.7f, 1.2f, 30.4f, 28.9f, 11.3f, 10.9f, 15.2f, 14.7f, 20.6f, 3.1f, 40.2f, 17.3f, 6.4f, 6.8f, 6.9f, 21.3f, 1, 2, 3, 4};
        inputs.push_back(tensor_of(Shape{rows, 4}, boxes));
        Tensor counts(Shape{2}, DType::i32);
        counts.data<std::int32_t>()[0] = 2;
        counts.data<std::int32_t>()[1] = rows - 3;
        inputs.push_back(counts);
        add("roi_align " + name, op, inputs);
    }
    /// Two clouds over a grid of 3 x 4 pillars, some full and some not, and a few points that belong to nobody. With the batch's statistics, the stored ones, and each layer otherwise.
    void pillar_net(std::string name, ops::EncodePillars op, std::int64_t points = 40) {
        op.voxels.range = {0, 0, -1, 3, 4, 1};
        op.voxels.voxel_size = {1, 1, 2};
        Tensor cloud = random(Shape{points, op.voxels.features}, 0.05, 2.95);
        for (std::int64_t i = 0; i < points; ++i) cloud.data<float>()[i * op.voxels.features + 2] -= 2;  // half of them below the range
        Tensor counts(Shape{2}, DType::i32);
        counts.data<std::int32_t>()[0] = std::int32_t(points / 2);
        counts.data<std::int32_t>()[1] = std::int32_t(points / 2 - 3);
        const VoxelTensors voxels = voxelized(op.voxels, cloud, counts);
        std::vector<Tensor> parameters;
        for (std::size_t layer = 0; layer < op.units.size(); ++layer) {
            const Shape channels{op.units[layer]};
            parameters.push_back(random(Shape{op.units[layer], layer == 0 ? op.decorated() : 2 * op.units[layer - 1]}));
            parameters.insert(parameters.end(), {random(channels, 0.5, 1.5), random(channels, -0.2, 0.5), random(channels), random(channels, 0.5, 2)});
        }
        for (const std::vector<bool>& stored : std::vector<std::vector<bool>>{std::vector<bool>(op.units.size(), false), std::vector<bool>(op.units.size(), true), {true, false}, {false, true}}) {
            if (op.units.size() == 1 && stored.size() > 1) continue;
            train::LearningRules rules;
            rules.stored_layers = stored;
            std::string layers;
            for (const bool layer : stored) layers += layer ? "s" : "b";
            add("encode_pillars " + name + ", statistics " + layers, op, {cloud, voxels.order, voxels.first, voxels.number, voxels.cells, voxels.count}, parameters, rules);
        }
    }
    /// Three pillars of one cloud, none of the next, two of the last; one lies outside, one under another, and a row belongs to nobody.
    void scatter_pillars(std::string name, const ops::ScatterPillars& op) {
        const auto integers = [](const Shape& shape, const std::vector<std::int32_t>& values) {
            Tensor tensor(shape, DType::i32);
            std::copy(values.begin(), values.end(), tensor.data<std::int32_t>());
            return tensor;
        };
        add("scatter_pillars " + name, op, {random(Shape{6, op.channels}), integers(Shape{6, 3}, {0, 1, 2, 0, 0, 1, 1, 1, 2, 0, 2, 0, 0, op.height, 0, 0, 1, 1}), integers(Shape{3}, {3, 0, 2})});
    }

private:
    std::uint64_t seed_ = 400;
};

/// With threads as given. A case is named by its operation and what is odd about it.
inline std::vector<LearningCase> learning_cases(int threads = 2) {
    using A = Activation;
    LearningCaseList list;
    //                                    in out kernel stride padding dilation groups bias
    list.conv("1x1", ops::Conv2d{.in_channels = 5, .out_channels = 3}, 2, 5, 3);
    list.conv("1x1, stride 2, relu", ops::Conv2d{.in_channels = 4, .out_channels = 7, .stride = 2, .bias = true, .activation = A::relu}, 2, 7, 5);
    list.conv("3x3", ops::Conv2d{.in_channels = 3, .out_channels = 5, .kernel = 3, .padding = 1, .bias = true}, 2, 6, 7);
    list.conv("3x3, stride 2, sigmoid", ops::Conv2d{.in_channels = 3, .out_channels = 4, .kernel = 3, .stride = 2, .padding = 1, .bias = true, .activation = A::sigmoid}, 2, 7, 9);
    list.conv("3x3, stride 2, even sizes", ops::Conv2d{.in_channels = 2, .out_channels = 3, .kernel = 3, .stride = 2, .padding = 1}, 1, 8, 6);
    list.conv("3x3, two groups", ops::Conv2d{.in_channels = 6, .out_channels = 4, .kernel = 3, .padding = 1, .groups = 2}, 2, 5, 5);
    list.conv("3x3, a group a channel, stride 2", ops::Conv2d{.in_channels = 5, .out_channels = 5, .kernel = 3, .stride = 2, .padding = 1, .groups = 5, .bias = true}, 2, 7, 6);
    list.conv("3x3, 16 channels a group, relu", ops::Conv2d{.in_channels = 32, .out_channels = 32, .kernel = 3, .padding = 1, .groups = 2, .activation = A::relu}, 1, 6, 5);
    list.conv("3x3, dilated, no padding", ops::Conv2d{.in_channels = 3, .out_channels = 2, .kernel = 3, .dilation = 2, .bias = true}, 2, 7, 8);
    list.conv("3x3, dilated, groups, stride 2", ops::Conv2d{.in_channels = 4, .out_channels = 6, .kernel = 3, .stride = 2, .padding = 2, .dilation = 2, .groups = 2}, 2, 7, 6);
    list.conv("7x7, stride 2, a map smaller than the window", ops::Conv2d{.in_channels = 3, .out_channels = 4, .kernel = 7, .stride = 2, .padding = 3}, 1, 5, 3);
    list.conv("1x1 with padding", ops::Conv2d{.in_channels = 2, .out_channels = 3, .padding = 1, .bias = true}, 1, 3, 4);
    list.conv("stride beyond the kernel", ops::Conv2d{.in_channels = 3, .out_channels = 2, .kernel = 2, .stride = 3}, 2, 8, 7);

    list.conv_transpose("2x2", ops::ConvTranspose2d{.in_channels = 5, .out_channels = 3}, 2, 4, 3);
    list.conv_transpose("2x2, relu", ops::ConvTranspose2d{.in_channels = 4, .out_channels = 5, .activation = A::relu}, 2, 3, 5);
    list.conv_transpose("4x4, padding 1, sigmoid", ops::ConvTranspose2d{.in_channels = 3, .out_channels = 4, .kernel = 4, .padding = 1, .activation = A::sigmoid}, 2, 3, 5);
    list.conv_transpose("3x3, stride 1, no bias", ops::ConvTranspose2d{.in_channels = 3, .out_channels = 19, .kernel = 3, .stride = 1, .padding = 1, .bias = false}, 1, 4, 5);
    list.conv_transpose("1x1, stride 2", ops::ConvTranspose2d{.in_channels = 3, .out_channels = 2, .kernel = 1, .stride = 2}, 1, 3, 3);

    list.deform_conv("modulated", ops::DeformConv2d{{.in_channels = 4, .out_channels = 3, .kernel = 3, .padding = 1}, 1, true}, 2, 5, 4);
    list.deform_conv("modulated, groups of both kinds, bias, relu", ops::DeformConv2d{{.in_channels = 8, .out_channels = 6, .kernel = 3, .padding = 1, .groups = 2, .bias = true, .activation = A::relu}, 4, true}, 1, 4, 5);
    list.deform_conv("version 1", ops::DeformConv2d{{.in_channels = 4, .out_channels = 5, .kernel = 3, .padding = 1}, 2, false}, 2, 4, 5);
    list.deform_conv("version 1, stride 2, dilated", ops::DeformConv2d{{.in_channels = 4, .out_channels = 4, .kernel = 3, .stride = 2, .padding = 2, .dilation = 2, .groups = 4}, 1, false}, 1, 7, 6);

    list.batch_norm("of odd sizes", ops::BatchNorm{.channels = 5}, 3, 3, 5);
    list.batch_norm("with relu", ops::BatchNorm{.channels = 7, .eps = 1e-3, .activation = A::relu}, 2, 4, 3);
    list.batch_norm("of vectors, sigmoid", ops::BatchNorm{.channels = 3, .activation = A::sigmoid}, 4, 1, 1);
    list.group_norm("of odd sizes", ops::GroupNorm{.channels = 6, .groups = 3}, 2, 3, 5);
    list.group_norm("of one group, relu", ops::GroupNorm{.channels = 4, .groups = 1, .activation = A::relu}, 2, 3, 3);
    list.group_norm("of one channel a group, sigmoid", ops::GroupNorm{.channels = 3, .groups = 3, .eps = 1e-3, .activation = A::sigmoid}, 1, 3, 4);

    list.add("activate, relu", ops::Activate{A::relu}, {list.random(Shape{2, 3, 5, 3})});
    list.add("activate, sigmoid, rows", ops::Activate{A::sigmoid}, {list.random(Shape{5, 7}, -4, 4)});
    list.add("add", ops::Add{}, {list.random(Shape{2, 3, 5, 3}), list.random(Shape{2, 3, 5, 3})});
    list.add("add, relu", ops::Add{A::relu}, {list.random(Shape{2, 5, 3, 3}), list.random(Shape{2, 5, 3, 3})});
    list.add("average", ops::Average{}, {list.random(Shape{2, 3, 4, 3}), list.random(Shape{2, 3, 4, 3}), list.random(Shape{2, 3, 4, 3})});
    list.add("concat", ops::Concat{}, {list.random(Shape{2, 3, 4, 3}), list.random(Shape{2, 1, 4, 3}), list.random(Shape{2, 4, 4, 3})});
    list.add("pool2d, maximum of 3x3, stride 2", ops::Pool2d{ops::Pool2d::Kind::maximum, 3, 2, 1}, {list.distinct(Shape{2, 3, 7, 6})});
    list.add("pool2d, maximum of 2x2", ops::Pool2d{ops::Pool2d::Kind::maximum, 2, 2, 0}, {list.distinct(Shape{2, 5, 5, 4})});
    list.add("pool2d, maximum of 1x1, stride 2", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, 2, 0}, {list.distinct(Shape{1, 3, 5, 4})});
    list.add("pool2d, maximum of 3x3, stride 1", ops::Pool2d{ops::Pool2d::Kind::maximum, 3, 1, 1}, {list.distinct(Shape{1, 17, 4, 5})});
    list.add("pool2d, average of 3x3, stride 2", ops::Pool2d{ops::Pool2d::Kind::average, 3, 2, 1}, {list.random(Shape{2, 3, 7, 6})});
    list.add("pool2d, average of 2x2", ops::Pool2d{ops::Pool2d::Kind::average, 2, 2, 0}, {list.random(Shape{2, 3, 5, 4})});
    list.add("global_average_pool", ops::GlobalAveragePool{}, {list.random(Shape{2, 5, 4, 3})});
    list.add("scale_channels", ops::ScaleChannels{}, {list.random(Shape{2, 5, 4, 3}), list.random(Shape{2, 5, 1, 1}, 0, 1)});
    const auto nearest = ops::Resize::Mode::nearest, bilinear = ops::Resize::Mode::bilinear;
    list.add("resize, nearest, adds", ops::Resize{nearest, true}, {list.random(Shape{2, 3, 4, 3}), list.random(Shape{2, 3, 7, 6})});
    list.add("resize, nearest, smaller", ops::Resize{nearest, false}, {list.random(Shape{2, 3, 7, 6}), list.random(Shape{2, 1, 3, 4})});
    list.add("resize, nearest, factor 2", ops::Resize{nearest, false, 2}, {list.random(Shape{2, 3, 3, 4})});
    list.add("resize, bilinear", ops::Resize{bilinear, false}, {list.random(Shape{2, 3, 4, 3}), list.random(Shape{2, 2, 7, 8})});
    list.add("resize, bilinear, adds, smaller", ops::Resize{bilinear, true}, {list.random(Shape{2, 3, 7, 8}), list.random(Shape{2, 3, 3, 5})});
    list.add("resize, bilinear, factor 4", ops::Resize{bilinear, false, 4}, {list.random(Shape{1, 3, 2, 3})});
    list.linear("of rows", ops::Linear{.in_features = 7, .out_features = 5}, Shape{3, 7});
    list.linear("of maps, relu", ops::Linear{.in_features = 24, .out_features = 5, .activation = A::relu}, Shape{3, 4, 2, 3});
    list.linear("without bias, sigmoid", ops::Linear{.in_features = 17, .out_features = 3, .bias = false, .activation = A::sigmoid}, Shape{19, 17});
    list.add("softmax", ops::Softmax{}, {list.random(Shape{4, 9}, -3, 3)});
    list.roi_align("on three levels", ops::RoiAlign{.strides = {1, 2, 4}, .size = 3, .finest_scale = 4.f}, 3, 28, 32);
    list.roi_align("two samples a bin, not aligned", ops::RoiAlign{.strides = {2}, .size = 2, .sampling_ratio = 2, .aligned = false}, 5, 32, 24);
    const auto net = [](std::vector<int> units, int max_points) {
        ops::EncodePillars op;
        op.units = std::move(units);
        op.voxels.max_points = max_points;
        return op;
    };
    list.pillar_net("of one layer", net({5}, 3));
    list.pillar_net("of two layers", net({6, 5}, 4));
    ops::EncodePillars three = net({4, 3, 5}, 3), average = net({4, 3}, 3), bare = net({7}, 2);
    three.legacy = three.distance = average.average = true;
    bare.cluster_center = bare.voxel_center = false;
    bare.voxels.features = 5;
    bare.voxels.max_voxels = 4;
    list.pillar_net("of three layers, centre in place, distances", three);
    list.pillar_net("that averages", average);
    list.pillar_net("of bare points, few voxels", bare);
    list.scatter_pillars("onto three maps", {5, 3, 4});
    for (LearningCase& one : list.cases) one.rules.threads = threads;
    return list.cases;
}

/// Windows of all kinds over maps of all sizes: convolutions, transposed and deformable ones, pooling, resizing, norms. Windows that find no place are drawn again.
inline std::vector<LearningCase> random_learning_cases(int count, std::uint64_t seed, int threads = 2) {
    RandomNumbers numbers(seed);
    LearningCaseList list;
    const auto between = [&](int low, int high) { return low + numbers.below(high - low + 1); };
    const auto activation = [&] { return Activation(between(0, 2)); };
    while (int(list.cases.size()) < count) {
        const int kernel = between(1, 4), stride = between(1, 3), padding = between(0, kernel - 1), dilation = between(1, 2), groups = between(1, 3);
        const int in = groups * between(1, 4), out = groups * between(1, 4), n = between(1, 2), h = between(1, 9), w = between(1, 9);
        const bool bias = between(0, 1) == 1;
        const bool fits = std::min(h, w) + 2 * padding >= (kernel - 1) * dilation + 1;
        const std::string name = "random " + std::to_string(list.cases.size()) + " of seed " + std::to_string(seed);
        const ops::Conv2d conv{.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding, .dilation = dilation, .groups = groups, .bias = bias, .activation = activation()};
        const auto side = [&](int length) { return (length - 1) * stride + kernel - 2 * padding; };
        switch (between(0, 6)) {
            case 0:
                if (fits) list.conv(name, conv, n, h, w);
                break;
            case 1:
                if (side(h) > 0 && side(w) > 0) list.conv_transpose(name, {.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding, .bias = bias, .activation = activation()}, n, h, w);
                break;
            case 2:
                if (fits) list.deform_conv(name, {conv, groups, between(0, 1) == 1}, n, h, w);
                break;
            case 3: {
                const ops::Pool2d pool{between(0, 1) == 0 ? ops::Pool2d::Kind::maximum : ops::Pool2d::Kind::average, kernel, stride, padding};
                if (std::min(h, w) + 2 * padding >= kernel) list.add("pool2d " + name, pool, {list.distinct(Shape{n, in, h, w})});
                break;
            }
            case 4: {
                const ops::Resize resize{bias ? ops::Resize::Mode::bilinear : ops::Resize::Mode::nearest, dilation == 2};
                list.add("resize " + name, resize, {list.random(Shape{n, in, h, w}), list.random(Shape{n, in, between(1, 12), between(1, 12)})});
                break;
            }
            case 5:
                if (n * h * w >= 4) list.batch_norm(name, {.channels = in, .activation = activation()}, n, h, w);
                break;
            default:
                if (in / groups * h * w >= 4) list.group_norm(name, {.channels = in, .groups = groups, .activation = activation()}, n, h, w);
        }
    }
    for (LearningCase& one : list.cases) one.rules.threads = threads;
    return list.cases;
}

}  // namespace regulus::testing
