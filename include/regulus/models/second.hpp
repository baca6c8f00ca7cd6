#pragma once
// The plain backbone and the upsampling neck of SECOND, as PointPillars uses them.
#include <regulus/layers/conv_bn.hpp>
#include <regulus/layers/levels.hpp>

namespace regulus {

/// Three blocks of 3x3 convolutions with batch norm and ReLU, the first of each with stride 2.
///
///     x [n, In, H, W]  ->  s1 .. s3, strides 2, 4, 8
///
/// Parameters: sI.convJ.weight, sI.convJ.norm.*. Labels: sI.conv1, sI.
/// Source: Yan et al., SECOND: Sparsely Embedded Convolutional Detection, Sensors 2018; mmdetection3d's SECOND.
template <int In, int Width1 = 64, int Width2 = 128, int Width3 = 256, int More1 = 3, int More2 = 5, int More3 = 5>
struct Second {
    using Widths = regulus::Widths<Width1, Width2, Width3>;

    template <int C, int S>
    auto operator()(const Scope& scope, Feature<C, S> x) const {
        static_assert(Wired<In, C>::agree);
        const auto s1 = block<Width1>(scope / "s1", "s1", x, More1);
        const auto s2 = block<Width2>(scope / "s2", "s2", s1, More2);
        const auto s3 = block<Width3>(scope / "s3", "s3", s2, More3);
        return StageMaps<2 * S, Width1, Width2, Width3>{x.graph, {s1.id, s2.id, s3.id}};
    }

private:
    template <int Width, int C, int S>
    static Feature<Width, 2 * S> block(const Scope& scope, const std::string& label, Feature<C, S> x, int more) {
        auto y = labelled(ConvBn<C, Width, 3, 2>{}(scope / "conv1", x, Activation::relu), label + ".conv1");
        for (int i = 2; i <= more + 1; ++i) y = ConvBn<Width, Width, 3>{}(scope / indexed("conv", i), y, Activation::relu);
        return labelled(y, label);
    }
};

/// Every level brought to the finest one's size by a transposed convolution with batch norm and ReLU; their channels side by side.
///
///     maps of strides s, 2 s, 4 s, ...  ->  one level [n, levels * Channels, h, w], stride s
///
/// Parameters: upsample.cL.weight, upsample.cL.norm.*, level L = log2(stride). Labels: upsample.cL; the result "P1" (stride 2).
/// Source: mmdetection3d's SECONDFPN.
template <class Widths, int Channels = 128>
struct SecondFpn;

template <int... In, int Channels>
struct SecondFpn<Widths<In...>, Channels> {
    static constexpr int count = sizeof...(In);
    static constexpr std::array<int, sizeof...(In)> in_channels{In...};

    template <int FinestStride, int... Given>
    Pyramid<count * Channels, FinestStride, 1> operator()(const Scope& scope, StageMaps<FinestStride, Given...> maps) const {
        static_assert(SameLevels<count, int(sizeof...(Given))>::agree);
        if constexpr (sizeof...(In) == sizeof...(Given)) static_assert((Wired<In, Given>::agree && ...));
        int finest = 0;
        for (int stride = FinestStride; stride > 1; stride /= 2) ++finest;
        std::vector<ValueId> raised;
        for (int level = 0; level < count; ++level) {
            const std::string name = indexed("c", finest + level);
            const Scope inside = scope / "upsample" / name;
            ops::ConvTranspose2d op;
            op.in_channels = in_channels[std::size_t(level)];
            op.out_channels = Channels;
            op.kernel = op.stride = 1 << level;
            op.bias = false;
            const ValueId up = record::conv_transpose2d(inside, op, maps.ids[std::size_t(level)]);
            raised.push_back(record::batch_norm(inside / "norm", ops::BatchNorm{Channels, scope.norm_eps(), Activation::relu}, up));
            maps.graph->values[std::size_t(raised.back())].label = "upsample." + name;
        }
        const ValueId joined = record::concat(scope / "concat", raised);
        maps.graph->values[std::size_t(joined)].label = indexed("P", finest);
        return {maps.graph, {joined}};
    }
};

}  // namespace regulus
