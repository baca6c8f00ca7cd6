#pragma once
// What a backend gives so that a graph can learn: for each node a kernel that goes forward and back.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <regulus/graph/graph.hpp>

namespace regulus::train {

/// How a backend keeps maps [n, c, h, w] in memory. Everything else, parameters and their gradients too, is in C order.
enum class MapLayout : std::uint8_t { channels_first, channels_last };

/// How a node learns.
struct LearningRules {
    int threads = 1;
    bool stored_statistics = false;  ///< of a batch norm: the running statistics serve, and stay as they are
    bool learns = true;              ///< the node's parameters have gradients
    std::vector<bool> stored_layers{};  ///< of a pillar net: stored_statistics of each layer's norm; without them that of all

    bool stored(std::size_t layer) const { return layer < stored_layers.size() ? stored_layers[layer] : stored_statistics; }
};

/// Throws ShapeError for a batch norm of maps [n, c, h, w] that would normalise by the variance of fewer than two values a channel.
inline void need_batch_variance(const std::string& backend, const Node& node, const Shape& maps, const LearningRules& rules) {
    if (rules.stored_statistics || maps[0] * maps[2] * maps[3] >= 2) return;
    throw ShapeError(backend + ": \"" + node.name + "\" (batch_norm): a batch's variance needs two values a channel at least, got " + to_string(maps) + "; use larger batches or stored statistics");
}

/// Throws ShapeError for a pillar net of `layers` layers that would normalise by the variance of one slot; none is fine, nothing is normalised then.
inline void need_pillar_variance(const std::string& backend, const std::string& name, std::int64_t slots, std::size_t layers, const LearningRules& rules) {
    for (std::size_t layer = 0; layer < layers; ++layer) {
        if (slots != 1 || rules.stored(layer)) continue;
        throw ShapeError(backend + ": \"" + name + "\" (encode_pillars): a batch's variance needs two slots at least, got one; use larger batches or stored statistics");
    }
}

/// Int32 values behind the address of a float32 one: LearningArguments carry both so.
inline const std::int32_t* integers(const float* address) { return reinterpret_cast<const std::int32_t*>(address); }
inline std::int32_t* integers(float* address) { return reinterpret_cast<std::int32_t*>(address); }

/// Addresses of one call. Maps are in the backend's layout, float32.
struct LearningArguments {
    std::vector<const float*> inputs;
    std::vector<float*> outputs;
    std::int64_t rows = -1;                   ///< of the first input, where its first axis is packed rows: how many count, the others are padding; -1: all
    std::vector<float*> parameters;           ///< in the node's order; a forward pass in training changes running statistics
    double norm_momentum = 0.1;               ///< weight of the batch's statistics in the running ones
    std::byte* kept = nullptr;                ///< kept_bytes() that forward() leaves for backward()
    std::byte* scratch = nullptr;             ///< scratch_bytes(), aligned to 64
    std::vector<float*> output_gradients;     ///< backward only; a kernel may use them up
    std::vector<float*> input_gradients;      ///< backward only; to be written, null where nobody asks
    std::vector<float*> parameter_gradients;  ///< backward only; to be added to, null for statistics and for parameters that do not learn
};

/// One node at given shapes.
class LearningKernel {
public:
    virtual ~LearningKernel() = default;
    /// From inputs and parameters to outputs; a batch norm that uses the batch's statistics moves the running ones.
    virtual void forward(const LearningArguments& arguments) = 0;
    /// From the outputs' gradients to those of inputs and parameters.
    virtual void backward(const LearningArguments& arguments) = 0;

    virtual std::size_t kept_bytes() const { return 0; }
    virtual std::size_t scratch_bytes() const { return 0; }  ///< of either direction, the larger
    /// What backward() reads: values that are not named here may be gone by then, their addresses are null.
    virtual bool backward_reads_inputs() const { return false; }
    virtual bool backward_reads_outputs() const { return false; }
};

/// Makes kernels.
class LearningBackend {
public:
    virtual ~LearningBackend() = default;
    virtual std::string name() const = 0;
    virtual MapLayout layout() const = 0;
    /// `inputs` and `outputs` are the shapes of the node's values. Throws BackendError that names the node where this backend cannot teach its operation.
    virtual std::unique_ptr<LearningKernel> kernel(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, const LearningRules& rules) const = 0;
};

}  // namespace regulus::train
