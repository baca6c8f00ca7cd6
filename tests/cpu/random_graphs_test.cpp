// Random graphs: whatever the passes fuse, however the planner shares bytes, the CPU backend computes what was recorded.
#include <map>

#include "bf16.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Whole numbers that are a fixed function of a seed.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : seed_(seed) {}
    /// 0 .. sides - 1.
    int operator()(int sides) { return std::min(sides - 1, int(seeded_uniform(fnv1a64("dice"), seed_, next_++) * sides)); }
    template <class T>
    const T& pick(const std::vector<T>& from) { return from[std::size_t((*this)(int(from.size())))]; }

private:
    std::uint64_t seed_, next_ = 0;
};

/// Grows a graph of maps. Every window is padded so that a map's size follows from its stride.
class Grower {
public:
    explicit Grower(std::uint64_t seed) : dice_(seed) {
        graph_.name = "random";
        maps_.push_back({record::image_input(graph_, 3), 3, 1});
    }

    Graph grow(int steps) {
        for (int step = 0; step < steps; ++step) {
            const Map x = maps_[std::size_t(std::max(0, int(maps_.size()) - 1 - dice_(3)))];  // mostly the newest ones
            const Scope scope = Scope(graph_) / indexed("n", step);
            switch (dice_(12)) {
                case 0: case 1: case 2: convolve(scope, x); break;
                case 3: case 4: conv_bn(scope, x); break;
                case 5: keep(record::batch_norm(scope, ops::BatchNorm{x.channels, 1e-5, Activation::none}, x.id), x); break;
                case 6: keep(record::activate(scope, dice_(4) == 0 ? Activation::sigmoid : Activation::relu, x.id), x); break;
                case 7: case 8: add(scope, x); break;
                case 9: pool(scope, x); break;
                case 10: resize(scope, x); break;
                case 11: squeeze_excite(scope, x); break;
            }
            if (dice_(6) == 0) graph_.values[std::size_t(maps_.back().id)].label = indexed("extra", step);
        }
        graph_.outputs.emplace_back("y", maps_.back().id);
        if (dice_(2) == 0) graph_.outputs.emplace_back("z", maps_[maps_.size() / 2].id);
        return graph_;
    }

private:
    struct Map {
        ValueId id;
        int channels, stride;
    };

    void keep(ValueId id, const Map& like) { maps_.push_back({id, like.channels, like.stride}); }

    Map convolved(const Scope& scope, const Map& x, bool bias) {
        ops::Conv2d op;
        op.kernel = dice_.pick(std::vector<int>{1, 1, 3, 3, 3, 5});
        op.dilation = op.kernel == 3 && dice_(6) == 0 ? 2 : 1;
        op.stride = x.stride < 8 && dice_(4) == 0 ? 2 : 1;
        op.padding = op.dilation * (op.kernel - 1) / 2;
        op.in_channels = x.channels;
        op.out_channels = dice_(3) == 0 ? x.channels : dice_.pick(std::vector<int>{8, 16, 24, 32, 48, 35});
        if (op.out_channels == x.channels && x.channels % 8 == 0 && dice_(2) == 0) op.groups = x.channels / 8;
        op.bias = bias;
        return {record::conv2d(scope, op, x.id), op.out_channels, x.stride * op.stride};
    }
    void convolve(const Scope& scope, const Map& x) { maps_.push_back(convolved(scope, x, dice_(2) == 0)); }
    void conv_bn(const Scope& scope, const Map& x) {
        const Map y = convolved(scope, x, false);
        keep(record::batch_norm(scope / "norm", ops::BatchNorm{y.channels, 1e-5, dice_(2) == 0 ? Activation::relu : Activation::none}, y.id), y);
    }
    void add(const Scope& scope, const Map& x) {
        for (std::size_t tries = 0; tries < 8; ++tries) {
            const Map& other = dice_.pick(maps_);
            if (other.channels != x.channels || other.stride != x.stride) continue;
            const ValueId sum = record::add(scope, other.id, x.id);
            return keep(dice_(2) == 0 ? record::activate(scope / "relu", Activation::relu, sum) : sum, x);
        }
        // No partner of its size: a residual branch makes one.
        ops::Conv2d op;
        op.in_channels = op.out_channels = x.channels;
        keep(record::add(scope, record::conv2d(scope / "branch", op, x.id), x.id), x);
    }
    void pool(const Scope& scope, const Map& x) {
        const int stride = x.stride < 8 ? 1 + dice_(2) : 1, kernel = dice_(2) == 0 ? 1 : 3;
        const auto kind = dice_(2) == 0 ? ops::Pool2d::Kind::maximum : ops::Pool2d::Kind::average;
        maps_.push_back({record::pool2d(scope, ops::Pool2d{kind, kernel, stride, (kernel - 1) / 2}, x.id), x.channels, x.stride * stride});
    }
    void resize(const Scope& scope, const Map& x) {
        const Map like = dice_.pick(maps_);
        const auto mode = dice_(2) == 0 ? ops::Resize::Mode::nearest : ops::Resize::Mode::bilinear;
        const ValueId resized = record::resize(scope, ops::Resize{mode}, x.id, like.id);
        const bool adds = like.channels == x.channels && dice_(2) == 0;
        maps_.push_back({adds ? record::add(scope / "add", resized, like.id) : resized, x.channels, like.stride});
    }
    void squeeze_excite(const Scope& scope, const Map& x) {
        ops::Conv2d op;
        op.in_channels = op.out_channels = x.channels;
        op.bias = true;
        const ValueId gate = record::activate(scope / "gate", Activation::sigmoid, record::conv2d(scope / "conv", op, record::global_average_pool(scope / "mean", x.id)));
        keep(record::scale_channels(scope, x.id, gate), x);
    }

    Graph graph_;
    Dice dice_;
    std::vector<Map> maps_;
};

std::vector<std::string> some_labels(const Graph& graph) {
    std::vector<std::string> labels;
    for (const Value& value : graph.values) {
        if (value.label.compare(0, 5, "extra") == 0 && labels.size() < 3) labels.push_back(value.label);
    }
    return labels;
}

/// Up to 16 operations in a row, each of them within one_layer or, by Winograd, three times that.
constexpr double chain_limit = 16 * 3 * one_layer;

}  // namespace

TEST_CASE("cpu random graphs: equal to the recorded graph in double, with and without values that are asked for") {
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        Dice dice(seed + 1000);
        const Graph graph = Grower(seed).grow(4 + dice(13));
        const InputSize size{1 + dice(3), 1 + dice(30), 1 + dice(30)};
        INFO("seed " << seed);
        check_equal_to_reference(graph, size, chain_limit, {.threads = 1 + dice(2)});
        if (seed % 3 == 0) check_equal_to_reference(graph, size, chain_limit, {.threads = 2, .extra_outputs = some_labels(graph)});
    }
}

TEST_CASE("cpu random graphs: independent of what the arena held, of the number of threads, of what else is asked for") {
    for (std::uint64_t seed = 200; seed < 260; ++seed) {
        Dice dice(seed);
        const Graph graph = Grower(seed).grow(4 + dice(13));
        const InputSize size{1 + dice(2), 1 + dice(40), 1 + dice(40)};
        INFO("seed " << seed);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        const Weights weights = random_weights(graph);
        const Program one = compile(CpuBackend{}, graph, weights, {.threads = 1}), two = compile(CpuBackend{}, graph, weights, {.threads = 2});
        Context context;
        const Outputs expected = one.run(context, inputs);
        std::memset(context.arena(0, 0), 0xFF, context.arena_bytes());
        CHECK(same_bits(one.run(context, inputs), expected));
        CHECK(same_bits(two.run(context, inputs), expected));
    }
}

TEST_CASE("cpu random graphs: near the recorded graph in bfloat16, independent of what the arena held and of the number of threads") {
    // Up to 16 operations, each of which rounds its factors by up to 2^-9: sixteen independent errors are four times one, of four times the typical one.
    constexpr double limit = 5e-2;
    for (std::uint64_t seed = 300; seed < 380; ++seed) {
        Dice dice(seed);
        const Graph graph = Grower(seed).grow(4 + dice(13));
        const InputSize size{1 + dice(2), 1 + dice(30), 1 + dice(30)};
        INFO("seed " << seed);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        const Weights weights = random_weights(graph);
        for (const CpuBackend& backend : {bf16_backend(), fastest_bf16_backend()}) {
            const Outputs one = run_in_nan(backend, graph, weights, inputs, 1);
            check_outputs(one, run_on(BasicReferenceBackend<double>{}, graph, weights, inputs), limit);
            CHECK(same_bits(run_in_nan(backend, graph, weights, inputs, 3), one));
        }
    }
}
