#pragma once
// backends/reference/: plain loops for every operation; always there; the oracle of the other backends. It includes graph/ only.
// The loops of each family are in reference/*.hpp; reference-impl.hpp places values in the arena and runs the nodes.
#include <memory>
#include <string>

#include <regulus/graph/program.hpp>

namespace regulus {

struct ReferenceOptions {
    bool optimize = false;  // run the passes of graph/passes.hpp first; the graph is otherwise compiled as recorded
};

/// Computes in T (float or double). Takes float32 inputs and gives float32 and int32 outputs for either T.
/// Results do not depend on the number of threads. Entries of lists beyond their count are zero in the outputs.
template <class T>
class BasicReferenceBackend : public Backend {
public:
    explicit BasicReferenceBackend(const ReferenceOptions& options = {}) : options_(options) {}

    std::string name() const override;
    std::shared_ptr<const Executable> compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const override;

private:
    ReferenceOptions options_;
};

class ReferenceBackend final : public BasicReferenceBackend<float> {
public:
    using BasicReferenceBackend<float>::BasicReferenceBackend;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/reference-impl.hpp>
#endif
