#pragma once
// The feature pyramid: coarse maps, resized, added to finer ones.
#include <cstdint>
#include <type_traits>

#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/levels.hpp>
#include <regulus/layers/pool.hpp>

namespace regulus {

/// What follows the coarsest merged level.
enum class FpnExtra : std::uint8_t {
    none,
    pool,                  // one more level: every second pixel of the coarsest (R-CNN's P6)
    convs_on_input,        // two more: 3x3 of stride 2 on the coarsest input, 3x3 of stride 2 on that (mmdetection's RetinaNet)
    convs_on_input_relu,   // the same with ReLU between the two (detectron2's RetinaNet)
    convs_on_output_relu,  // the first one on the coarsest output, ReLU between (torchvision's RetinaNet)
};

/// What the lateral and the output convolutions of a pyramid are.
enum class FpnConv : std::uint8_t {
    bias,       // a convolution with bias
    norm,       // a convolution without, batch norm (detectron2 with NORM set)
    norm_relu,  // a convolution without, batch norm, ReLU (mmdetection3d's PointPillars)
};

/// How many levels an FpnExtra adds.
constexpr int levels_of(FpnExtra extra) { return extra == FpnExtra::none ? 0 : extra == FpnExtra::pool ? 1 : 2; }

/// Feature pyramid network over the maps of a backbone, from level StartLevel on (0: C2).
///
///     maps [n, In_i, h_i, w_i]  ->  levels [n, Channels, h_i, w_i], then those of Extra, each half the size of the one before
///
/// Lateral 1x1 and output 3x3 convolutions as Conv says, nearest resizing to the size of the finer map, sums without activation.
/// Level numbers in names follow the stride: 4 is c2 and p2. Parameters: lateral.c2.{weight, bias}, output.p2.{weight, bias}, ...; with norms
/// lateral.c2.weight, lateral.c2.norm.*, ...
/// Outputs are labelled "P2", "P3", ..., lateral convolutions "lateral.c2", ...
/// Source: Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017.
template <class Widths, int Channels, FpnExtra Extra = FpnExtra::pool, int StartLevel = 0, FpnConv Conv = FpnConv::bias>
struct Fpn;

template <int... In, int Channels, FpnExtra Extra, int StartLevel, FpnConv Conv>
struct Fpn<Widths<In...>, Channels, Extra, StartLevel, Conv> {
    static constexpr int inputs = sizeof...(In);
    static_assert(StartLevel >= 0 && StartLevel < inputs, "Fpn: start_level must name one of the maps given, 0 is the finest");

    static constexpr int levels = inputs - StartLevel + levels_of(Extra);
    static constexpr std::array<int, sizeof...(In)> in_channels{In...};

    template <int FinestStride, int... Given>
    Pyramid<Channels, (FinestStride << StartLevel), levels> operator()(const Scope& scope, StageMaps<FinestStride, Given...> maps) const {
        static_assert(SameLevels<inputs, int(sizeof...(Given))>::agree);
        if constexpr (sizeof...(In) == sizeof...(Given)) static_assert((Wired<In, Given>::agree && ...));
        Pyramid<Channels, (FinestStride << StartLevel), levels> pyramid{maps.graph, {}};
        record_levels(scope, maps.ids, FinestStride, pyramid.ids);
        for (int i = 0; i < levels; ++i) label(*maps.graph, pyramid.ids[std::size_t(i)], name(FinestStride, "P", StartLevel + i));
        return pyramid;
    }

private:
    /// "c2" is the map of stride 4.
    static std::string name(int finest_stride, const char* prefix, int level) {
        int number = level;
        for (int stride = finest_stride; stride > 1; stride /= 2) ++number;
        return indexed(prefix, number);
    }

    static void label(Graph& graph, ValueId id, const std::string& text) { graph.values[std::size_t(id)].label = text; }

    static ValueId conv(const Scope& scope, int in, int kernel, int stride, ValueId src) {
        const ops::Conv2d op = detail::same_conv(in, Channels, kernel, stride, 1, 1);
        return Conv == FpnConv::bias ? detail::conv_bias(scope, op, src, Activation::none) : detail::conv_bn(scope, op, src, Conv == FpnConv::norm ? Activation::none : Activation::relu);
    }

    static void record_levels(const Scope& scope, const std::array<ValueId, sizeof...(In)>& maps, int finest_stride,
                              std::array<ValueId, std::size_t(levels)>& outputs) {
        const auto lateral = [&](int level) { return scope / "lateral" / name(finest_stride, "c", level); };
        const auto merge = [&](int level) { return scope / "merge" / name(finest_stride, "c", level); };
        const auto output = [&](int level) { return scope / "output" / name(finest_stride, "p", level); };

        std::array<ValueId, sizeof...(In)> merged{};
        for (int level = inputs - 1; level >= StartLevel; --level) {
            const std::size_t i = std::size_t(level);
            merged[i] = conv(lateral(level), in_channels[i], 1, 1, maps[i]);
            label(scope.graph(), merged[i], "lateral." + name(finest_stride, "c", level));
            if (level < inputs - 1) merged[i] = record::resize(merge(level), ops::Resize{ops::Resize::Mode::nearest, true}, merged[i + 1], merged[i]);
        }
        for (int level = StartLevel; level < inputs; ++level) {
            outputs[std::size_t(level - StartLevel)] = conv(output(level), Channels, 3, 1, merged[std::size_t(level)]);
        }

        constexpr std::size_t next = std::size_t(inputs - StartLevel);
        if constexpr (Extra == FpnExtra::pool) {
            outputs[next] = record::pool2d(output(inputs), ops::Pool2d{ops::Pool2d::Kind::maximum, 1, 2, 0}, outputs[next - 1]);
        } else if constexpr (Extra == FpnExtra::convs_on_input) {
            outputs[next] = conv(output(inputs), in_channels.back(), 3, 2, maps.back());
            outputs[next + 1] = conv(output(inputs + 1), Channels, 3, 2, outputs[next]);
        } else if constexpr (Extra != FpnExtra::none) {
            constexpr bool on_output = Extra == FpnExtra::convs_on_output_relu;
            outputs[next] = conv(output(inputs), on_output ? Channels : in_channels.back(), 3, 2, on_output ? outputs[next - 1] : maps.back());
            const ValueId rectified = record::activate(scope / "relu", Activation::relu, outputs[next]);
            outputs[next + 1] = conv(output(inputs + 1), Channels, 3, 2, rectified);
        }
    }
};

}  // namespace regulus
