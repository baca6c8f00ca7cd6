#pragma once
// A picture's class: preprocessing, program, softmax.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <regulus/graph/program.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/zoo/classifier_spec.hpp>

namespace regulus {

/// A class and how probable it is.
struct ClassScore {
    int index = 0;
    std::string name;       ///< "class 7" where names are not known
    float probability = 0;  ///< 0 .. 1
};

/// What a classifier says about one picture.
struct Classification {
    std::vector<float> probabilities;  ///< by class; their sum is 1
    std::vector<std::string> names;    ///< by class; may be shorter

    /// The k most probable classes (all when there are fewer), most probable first; of equal ones the lower index.
    std::vector<ClassScore> top(int k = 5) const;
};

/// exp(x - max) over its sum, in double. Throws ShapeError for no logits, ArgumentError when one is not finite.
std::vector<float> softmax_of(std::span<const float> logits);

/// Says what is on pictures, for a model chosen at run time. Copies share the compiled program; a const classifier may be called by several threads at once.
class AnyClassifier {
public:
    /// `weights` may have the names of any code base that converters/ knows; class names that their file states go before those of `facts`.
    /// options.extra_outputs: labels of values that features() gives besides the logits: "stem", "s1" .. "s4", "s2.b1" (in stages of one block: the
    /// stage's own label), "pooled".
    /// Throws WeightError when weights and graph differ, BackendError for what the backend cannot do, ArgumentError for a graph without the output
    /// "logits" and for an unknown label. A graph of without_head() is taken too: it has features() only.
    AnyClassifier(const Backend& backend, const Graph& graph, const Weights& weights, const ClassifierFacts& facts, const CompileOptions& options = {});

    /// The same for an entry of the zoo: AnyClassifier(CpuBackend{}, find_classifier(classifier_models(), "pycls/RegNetX-3.2GF"), weights).
    AnyClassifier(const Backend& backend, const ClassifierSpec& model, const Weights& weights, const CompileOptions& options = {})
        : AnyClassifier(backend, recorded(model), weights, model.facts, options) {}

    /// One picture. Throws as classify_preprocess and softmax_of do, BackendError over the memory budget.
    Classification operator()(const Image& image) const;
    /// Pictures of any sizes as one batch. Throws ArgumentError for a classifier without its head.
    std::vector<Classification> operator()(std::span<const Image> images) const;

    /// Inputs that classify_preprocess made, [n, 3, h, w]. Throws ShapeError for other shapes.
    std::vector<Classification> from_input(const Tensor& input) const;

    /// "logits" [n, classes] ("pooled" [n, c, 1, 1] when there is no head) and the labelled values that were asked for, [n, c, h, w].
    Outputs features(std::span<const Image> images) const;

    /// Makes the plan for batches of n pictures, so that the first call finds it.
    void prepare(int n = 1) const;

    const ClassifierFacts& facts() const;
    const Program& program() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// AnyClassifier for a model that is a type:
///
///     const ImageClassifier<Classifier<RegNet<regnetx_3_2gf>>> classify{CpuBackend{}, read_weights("RegNetX-3.2GF_dds_8gpu.pyth")};
///     for (const ClassScore& c : classify(read_image("dog.jpg")).top(5)) std::cout << c.name << ' ' << c.probability << '\n';
///
/// How pictures are prepared: `facts` if given, else Model::facts() if the type has it, else as pycls does.
template <class Model>
class ImageClassifier : public AnyClassifier {
public:
    ImageClassifier(const Backend& backend, const Weights& weights, const CompileOptions& options = {})
        : AnyClassifier(backend, recorded<Model>(), weights, classifier_facts_of<Model>(), options) {}
    ImageClassifier(const Backend& backend, const Weights& weights, const ClassifierFacts& facts, const CompileOptions& options = {})
        : AnyClassifier(backend, recorded<Model>(), weights, facts, options) {}
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/classifier-impl.hpp>
#endif
