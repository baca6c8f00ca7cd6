#pragma once
// Fully connected layer.
#include <regulus/graph/record.hpp>

namespace regulus {

/// y = activation(x . weight^T + bias).
///
///     x [n, In], rows [r, In], a 1 x 1 map, or rows of maps [r, c, s, s] with c s s = In, flattened in C order  ->  y [n or r, Out]
///
/// Parameters: weight [Out, In], bias [Out].
template <int In, int Out>
struct Linear {
    static constexpr ops::Linear op{In, Out, true, Activation::none};

    template <int N, int Max>
    Vector<Out, Max> operator()(const Scope& scope, Vector<N, Max> x, Activation activation = Activation::none) const {
        static_assert(Wired<In, N>::agree);
        return {x.graph, run(scope, x.id, activation)};
    }

    template <int C, int Size, int Max>
    Vector<Out, Max> operator()(const Scope& scope, RoiFeature<C, Size, Max> x, Activation activation = Activation::none) const {
        static_assert(Wired<In, C * Size * Size>::agree);
        return {x.graph, run(scope, x.id, activation)};
    }

private:
    static ValueId run(const Scope& scope, ValueId src, Activation activation) {
        ops::Linear activated = op;
        activated.activation = activation;
        return record::linear(scope, activated, src);
    }
};

}  // namespace regulus
