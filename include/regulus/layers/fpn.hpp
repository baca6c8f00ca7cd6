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
    pool,              // one more level: every second pixel of the coarsest (R-CNN's P6)
    convs_on_input,    // two more: 3x3 of stride 2 on the coarsest input, 3x3 of stride 2 on that (mmdetection's RetinaNet)
    convs_on_input_relu,   // the same with ReLU between the two (detectron2's RetinaNet)
    convs_on_output_relu,  // the first one on the coarsest output, ReLU between (torchvision's RetinaNet)
};

/// How many levels an FpnExtra adds.
constexpr int levels_of(FpnExtra extra) { return extra == FpnExtra::none ? 0 : extra == FpnExtra::pool ? 1 : 2; }

/// Feature pyramid network over the maps of a backbone, from level StartLevel on (0: C2).
///
///     maps [n, In_i, h_i, w_i]  ->  levels [n, Channels, h_i, w_i], then those of Extra, each half the size of the one before
///
/// Lateral 1x1 and output 3x3 convolutions with bias, nearest resizing to the size of the finer map, sums without activation.
/// Level numbers in names follow the stride: 4 is c2 and p2. Parameters: lateral.c2.{weight, bias}, output.p2.{weight, bias}, ...
/// Outputs are labelled "P2", "P3", ...
/// Source: Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017.
template <class Widths, int Channels, FpnExtra Extra = FpnExtra::pool, int StartLevel = 0>
struct Fpn;

template <int... In, int Channels, FpnExtra Extra, int StartLevel>
struct Fpn<Widths<In...>, Channels, Extra, StartLevel> {
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

    static void record_levels(const Scope& scope, const std::array<ValueId, sizeof...(In)>& maps, int finest_stride, std::array<ValueId, std::size_t(levels)>& outputs) {
        std::array<ValueId, sizeof...(In)> merged{};
        for (int i = inputs - 1; i >= StartLevel; --i) {
            const Scope lateral = scope / "lateral" / name(finest_stride, "c", i);
            const std::size_t at = std::size_t(i);
            merged[at] = detail::conv_bias(lateral, detail::same_conv(in_channels[at], Channels, 1, 1, 1, 1), maps[at], Activation::none);
            if (i < inputs - 1) merged[at] = record::resize(scope / "merge" / name(finest_stride, "c", i), ops::Resize{ops::Resize::Mode::nearest, true}, merged[at + 1], merged[at]);
        }
        const Scope output = scope / "output";
        for (int i = StartLevel; i < inputs; ++i) {
            outputs[std::size_t(i - StartLevel)] =
                detail::conv_bias(output / name(finest_stride, "p", i), detail::same_conv(Channels, Channels, 3, 1, 1, 1), merged[std::size_t(i)], Activation::none);
        }
        constexpr std::size_t next = std::size_t(inputs - StartLevel);
        const std::string first = name(finest_stride, "p", inputs);
        if constexpr (Extra == FpnExtra::pool) {
            outputs[next] = record::pool2d(output / first, ops::Pool2d{ops::Pool2d::Kind::maximum, 1, 2, 0}, outputs[next - 1]);
        } else if constexpr (Extra != FpnExtra::none) {
            constexpr bool on_output = Extra == FpnExtra::convs_on_output_relu;
            const ValueId source = on_output ? outputs[next - 1] : maps.back();
            const int width = on_output ? Channels : in_channels.back();
            outputs[next] = detail::conv_bias(output / first, detail::same_conv(width, Channels, 3, 2, 1, 1), source, Activation::none);
            ValueId middle = outputs[next];
            if constexpr (Extra != FpnExtra::convs_on_input) middle = record::activate(output / (first + "_relu"), Activation::relu, middle);
            outputs[next + 1] = detail::conv_bias(output / name(finest_stride, "p", inputs + 1), detail::same_conv(Channels, Channels, 3, 2, 1, 1), middle, Activation::none);
        }
    }
};

}  // namespace regulus
