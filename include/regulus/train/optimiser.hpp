#pragma once
// What moves parameters against their gradients: stochastic gradient descent and AdamW, as PyTorch's optimisers do it.
//
// Sums are made in double and rounded once; what is kept between steps is float32. Every element is moved on its own, so the number of threads changes no bit.
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include <regulus/core/config.hpp>
#include <regulus/train/parameter.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus::train {

/// Which parameters are drawn towards zero, and how much.
struct WeightDecay {
    double amount = 0;
    bool norms = true;   ///< weights and biases of norms too (pycls, mmdetection, torchvision; not detectron2)
    bool biases = true;  ///< biases of convolutions and linear layers too

    /// What a parameter of this kind is given.
    constexpr double of(LearnedParameter::Kind kind) const {
        using Kind = LearnedParameter::Kind;
        if (kind == Kind::norm_weight || kind == Kind::norm_bias) return norms ? amount : 0;
        return kind == Kind::bias && !biases ? 0 : amount;
    }
};

/// Stochastic gradient descent with momentum: with d = gradient + decay * value,
///     v = momentum * v + d (from zero);  value -= rate * (nesterov ? d + momentum * v : v)
/// Source: Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013, with the rate outside of v as PyTorch has it.
struct Sgd {
    double momentum = 0.9;  ///< 0: none, and nothing is kept
    bool nesterov = false;
    WeightDecay decay{};
};

/// Adam with bias correction and decoupled decay: value *= 1 - rate * decay, then
///     m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g * g;  value -= rate * m' / (sqrt(v') + epsilon), m' = m / (1 - beta1^step), v' likewise
/// Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
struct AdamW {
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    WeightDecay decay{0.01};
};

using OptimiserSettings = std::variant<Sgd, AdamW>;

/// An optimiser and what it remembers of each parameter, by the parameter's name.
///
///     train::Optimiser optimiser(train::Sgd{0.9, true, {5e-5}});
///     train::clip_gradients(learner.parameters(), 35);
///     optimiser.step(learner.parameters(), learning_rate);
class Optimiser {
public:
    /// `threads` 0: as many as OpenMP has. Throws ArgumentError for settings outside their ranges.
    explicit Optimiser(const OptimiserSettings& settings, int threads = 0);

    /// Moves every parameter that has a gradient; the others, and statistics, stay. `momentum` stands in this step for that of Sgd or AdamW's beta1. Throws ArgumentError for a rate
    /// that is negative or not finite, a momentum outside 0 .. 1 or of an optimiser without one, and for two parameters of one name, ShapeError for values and gradients that do not
    /// fit each other or what was kept; nothing has changed then.
    void step(std::span<LearnedParameter> parameters, double learning_rate, std::optional<double> momentum = {});

    /// Copies of what is kept: "momentum/<parameter>", or "first/<parameter>", "second/<parameter>" and "steps/<parameter>" (one int64). metadata names the optimiser.
    Weights state() const;

    /// The other way: continues to the bit where state() was taken. What is kept of parameters that `state` does not name is forgotten. Throws WeightError for a
    /// state of another optimiser, of no such parameter, or of another shape or type; nothing has changed then.
    void restore(std::span<const LearnedParameter> parameters, const Weights& state);

    const OptimiserSettings& settings() const noexcept { return settings_; }

private:
    struct Kept {
        Tensor first, second;  // momentum alone: in `first`
        std::int64_t steps = 0;
    };

    OptimiserSettings settings_;
    int threads_;
    std::map<std::string, Kept> kept_;
};

/// Scales all gradients by max_norm / (norm + 1e-6) where their common L2 norm, summed in double, is larger than that allows, as PyTorch's clip_grad_norm_. Returns the norm
/// before. Throws ArgumentError for a max_norm that is not positive, and for a norm that is not finite: gradients are as they were then.
double clip_gradients(std::span<LearnedParameter> parameters, double max_norm, int threads = 0);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/optimiser-impl.hpp>
#endif
