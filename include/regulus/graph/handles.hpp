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

/// Where parameters get their dotted names: scope / "s1" / "b2" names "s1.b2".
class Scope {
public:
    explicit Scope(Graph& graph) : graph_(&graph) {}

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
