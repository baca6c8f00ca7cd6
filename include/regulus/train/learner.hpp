#pragma once
// A graph whose parameters change: forward in training mode, back to the gradients.
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <regulus/graph/program.hpp>
#include <regulus/train/learning_backend.hpp>
#include <regulus/train/parameter.hpp>

namespace regulus::train {

/// Names are given by their beginnings: "backbone." means all of the backbone, "" everything.
struct LearnerOptions {
    int threads = 0;                          ///< 0: as many as the machine has
    std::size_t memory_budget = 0;            ///< bytes for values and gradients; 0: no limit
    std::vector<std::string> frozen{};        ///< parameters that do not learn; batch norms among them use their stored statistics
    std::vector<std::string> stored_norms{};  ///< batch norms that use their stored statistics; their weights and biases learn (mmdetection's norm_eval)
    std::vector<std::string> fixed_norms{};   ///< batch norms that use their stored statistics and do not learn (detectron2's and torchvision's FrozenBatchNorm2d)
    double norm_momentum = 0.1;               ///< weight of a batch's statistics in the running ones
    /// Values by label, and what their gradients are multiplied by before they go on back: what lies behind such a value learns as ever, what lies before it more or less.
    std::vector<std::pair<std::string, double>> gradient_factors{};
};

/// A graph that learns. Outputs are what the recorded graph's outputs give; a batch norm normalises by its batch's mean and (biased) variance and moves its
/// running statistics towards them (the variance unbiased), as PyTorch's in training mode.
///
///     train::Learner learner(CpuLearning{}, recorded<Classifier<RegNet<regnetx_400mf>>>(), weights);
///     const Outputs outputs = learner.forward({pictures});
///     const train::Loss loss = train::cross_entropy_loss(outputs["logits"], labels, ones, n);
///     learner.clear_gradients();
///     learner.backward({loss.gradient});
///
/// One thread at a time may use it.
class Learner {
public:
    /// The parameters are copied. Throws WeightError when weights and graph differ, BackendError for an operation that the backend cannot teach, ArgumentError for a label of
    /// gradient_factors that the graph has not.
    Learner(std::shared_ptr<const LearningBackend> backend, Graph graph, const Weights& weights, const LearnerOptions& options = {});
    template <std::derived_from<LearningBackend> Backend>
    Learner(const Backend& backend, Graph graph, const Weights& weights, const LearnerOptions& options = {})
        : Learner(std::make_shared<const Backend>(backend), std::move(graph), weights, options) {}
    ~Learner();
    Learner(Learner&&) noexcept;
    Learner& operator=(Learner&&) noexcept;

    /// What gives inputs that depend on outputs (regions on proposals): the next ones, at least one, from the outputs that the inputs so far suffice for.
    using LaterInputs = std::function<std::vector<Tensor>(const Outputs&)>;

    /// The outputs, float32, [n, c, h, w] where they are maps. `inputs` as Program::run takes them; the last ones may lack: then `later` is asked as often as it takes. Throws
    /// ShapeError and ArgumentError for inputs that do not fit, BackendError over the memory budget; parameters are as they were, running statistics too unless
    /// an input that came later was wrong.
    Outputs forward(const std::vector<Tensor>& inputs, const LaterInputs& later = {});

    /// Adds the derivative of a loss by each parameter to its gradient. `gradients`: the loss's derivative by each output of the last forward(), in the graph's
    /// order and of its shape; an empty tensor counts as zeros. Once for each forward(). Throws ArgumentError without one, ShapeError for other shapes.
    void backward(const std::vector<Tensor>& gradients);

    void clear_gradients();

    /// In the order of their first use. Values may be written (by an optimiser) between backward() and the next forward().
    std::span<LearnedParameter> parameters();

    /// LearnerOptions::norm_momentum of the next passes.
    double norm_momentum() const;
    void set_norm_momentum(double momentum);

    /// Copies of all values under their names.
    Weights weights() const;

    const Graph& graph() const;
    /// Bytes of values, gradients and scratch at the last sizes.
    std::size_t arena_bytes() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/learner-impl.hpp>
#endif
