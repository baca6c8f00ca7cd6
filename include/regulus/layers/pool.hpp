#pragma once
// Pooling: windows, and the mean over a whole map.
#include <regulus/graph/record.hpp>

namespace regulus {

/// Maximum over Kernel x Kernel windows, (Kernel - 1) / 2 of padding that never wins.
///
///     x [n, c, h, w]  ->  y [n, c, ceil(h / Stride), ceil(w / Stride)]
///
/// Kernel 1 with stride 2 keeps every second pixel (the P6 of R-CNN pyramids).
template <int Kernel, int Stride>
struct MaxPool {
    static_assert(Kernel >= 1 && Kernel % 2 == 1 && Stride >= 1, "MaxPool: kernel must be odd and stride at least 1");

    template <int C, int S>
    Feature<C, S * Stride> operator()(const Scope& scope, Feature<C, S> x) const {
        return {x.graph, record::pool2d(scope, ops::Pool2d{ops::Pool2d::Kind::maximum, Kernel, Stride, (Kernel - 1) / 2}, x.id)};
    }
};

/// Mean over height and width: [n, c, h, w] -> [n, c, 1, 1], a vector per picture, or per region.
struct GlobalAveragePool {
    template <int C, int S>
    Vector<C> operator()(const Scope& scope, Feature<C, S> x) const {
        return {x.graph, record::global_average_pool(scope, x.id)};
    }

    template <int C, int Size, int Max>
    Vector<C, Max> operator()(const Scope& scope, RoiFeature<C, Size, Max> x) const {
        return {x.graph, record::global_average_pool(scope, x.id)};
    }
};

}  // namespace regulus
