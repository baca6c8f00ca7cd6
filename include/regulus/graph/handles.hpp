#pragma once
// Typed symbolic handles: what the compiler knows about a value of the graph under record.
#include <string>
#include <utility>

#include <regulus/graph/graph.hpp>

namespace regulus {

/// A map [n, Channels, ceil(H / Stride), ceil(W / Stride)] of a picture H x W.
template <int Channels, int Stride>
struct Feature {
    static constexpr int channels = Channels;
    static constexpr int stride = Stride;
    Graph* graph = nullptr;
    ValueId id = no_value;
};

/// One square map per region of interest: rows [r, Channels, Size, Size], r <= n * Max.
template <int Channels, int Size, int Max>
struct RoiFeature {
    static constexpr int channels = Channels;
    static constexpr int size = Size;
    static constexpr int max_rois = Max;
    Graph* graph = nullptr;
    ValueId id = no_value;
};

/// One vector per image (Max == 0), [n, Size], or per region of interest, rows [r, Size], r <= n * Max.
template <int Size, int Max = 0>
struct Vector {
    static constexpr int size = Size;
    static constexpr int max_rois = Max;
    Graph* graph = nullptr;
    ValueId id = no_value;
};

/// The network's inputs.
template <int Channels>
struct ImageInput {
    Feature<Channels, 1> image;
    ValueId info = no_value;
};

/// The clouds: points rows [p, Dims], x, y, z first.
template <int Dims>
struct Points {
    static constexpr int dims = Dims;
    Graph* graph = nullptr;
    ValueId points = no_value;  // rows [p, Dims]
    ValueId count = no_value;   // [n] int32
};

/// Points sorted into the columns of a grid: at most Max columns a cloud, PointsPerPillar points a column.
template <int Max, int PointsPerPillar, int Dims>
struct Pillars {
    static constexpr int max_pillars = Max;
    static constexpr int points_per_pillar = PointsPerPillar;
    static constexpr int dims = Dims;
    Graph* graph = nullptr;
    Points<Dims> cloud;
    ValueId order = no_value;   // [p] int32: stored points, column after column
    ValueId first = no_value;   // rows [v] int32, into order
    ValueId number = no_value;  // rows [v] int32
    ValueId cells = no_value;   // rows [v, 3] int32, z, y, x
    ValueId count = no_value;   // [n] int32
};

/// The cell of every point of the clouds.
template <int Dims>
struct PointCells {
    static constexpr int dims = Dims;
    Graph* graph = nullptr;
    Points<Dims> cloud;
    ValueId id = no_value;  // rows [p, 3] int32, z, y, x
};

/// One vector per pillar, rows [v, Channels].
template <int Channels, int Max>
struct PillarFeatures {
    static constexpr int channels = Channels;
    static constexpr int max_pillars = Max;
    Graph* graph = nullptr;
    ValueId id = no_value;
    ValueId cells = no_value;
    ValueId count = no_value;
};

/// Scored, labelled, oriented candidate boxes of one source: lists with the bound k.
struct Candidates3d {
    Graph* graph = nullptr;
    ValueId boxes = no_value;       // [n, k, code]
    ValueId scores = no_value;      // [n, k]
    ValueId labels = no_value;      // [n, k] int32
    ValueId directions = no_value;  // [n, k] int32
    ValueId count = no_value;       // [n] int32
};

/// Scored, labelled candidate boxes of one source: lists with the bound k = min(Max, available).
struct Candidates {
    Graph* graph = nullptr;
    ValueId boxes = no_value;   // [n, k, 4]
    ValueId scores = no_value;  // [n, k]
    ValueId labels = no_value;  // [n, k] int32
    ValueId count = no_value;   // [n] int32
};

/// Boxes that survived suppression: rows, at most Max per image, falling score.
template <int Max>
struct Rois {
    static constexpr int max_rois = Max;
    Graph* graph = nullptr;
    ValueId boxes = no_value;   // [r, 4] x1 y1 x2 y2
    ValueId scores = no_value;  // [r]
    ValueId labels = no_value;  // [r] int32
    ValueId count = no_value;   // [n] int32
};

/// Where parameters get their dotted names: scope / "s1" / "b2" names "s1.b2". What is inside inherits how norms are.
class Scope {
public:
    explicit Scope(Graph& graph) : graph_(&graph) {}

    /// The same place, with another epsilon in all batch norms that are recorded inside.
    Scope with_norm_eps(double eps) const {
        Scope same = *this;
        same.norm_eps_ = eps;
        return same;
    }
    double norm_eps() const noexcept { return norm_eps_; }

    /// The same place, where norms are group norms of so many groups; 0: batch norms.
    Scope with_group_norm(int groups) const {
        Scope same = *this;
        same.norm_groups_ = groups;
        return same;
    }
    int norm_groups() const noexcept { return norm_groups_; }

    Scope operator/(const std::string& part) const {
        Scope inner = *this;
        inner.name_ = name_.empty() ? part : name_ + "." + part;
        return inner;
    }

    const std::string& name() const noexcept { return name_; }
    Graph& graph() const noexcept { return *graph_; }

private:
    Graph* graph_;
    std::string name_;
    double norm_eps_ = 1e-5;
    int norm_groups_ = 0;
};

/// "b1", "b2", ...: blocks count from one, as in the papers.
inline std::string indexed(const char* prefix, int index) { return prefix + std::to_string(index); }

/// Gives a value a name that users may ask for (golden nodes, feature extraction).
template <class Handle>
Handle labelled(Handle handle, const std::string& label) {
    handle.graph->values[std::size_t(handle.id)].label = label;
    return handle;
}

// ---- Rules of wiring. Each is a named struct whose failure prints both numbers and says the way out. ----

/// Channels that a layer declares against channels that it is given.
template <int DeclaredChannels, int GivenChannels>
struct Wired {
    static_assert(DeclaredChannels == GivenChannels,
                  "wiring: the layer declares another number of input channels than the feature it is given (declared == given is printed here)");
    static constexpr bool agree = DeclaredChannels == GivenChannels;
};

/// Two features that are added need the same channels.
template <int LeftChannels, int RightChannels>
struct SameChannels {
    static_assert(LeftChannels == RightChannels, "add: both features need the same number of channels (left == right is printed here); put a 1x1 convolution before the sum");
    static constexpr bool agree = LeftChannels == RightChannels;
};

/// Two features that are added need the same stride relative to the picture.
template <int LeftStride, int RightStride>
struct SameStride {
    static_assert(LeftStride == RightStride, "add: both features need the same stride relative to the picture (left == right is printed here); resize or pool one of them");
    static constexpr bool agree = LeftStride == RightStride;
};

}  // namespace regulus
