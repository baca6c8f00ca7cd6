#pragma once
// The CPU backend: oneDNN for convolutions and linear layers, own kernels for the rest, OpenMP threads.
//
// Maps live in NHWC between all kernels. Measured on AVX-512: oneDNN's channels-last kernels reach the speed of the blocked
// layouts for RegNet's widths, no width needs padding to a multiple of 16, and detection operations read whole pixels.
#include <memory>
#include <string>

#include <regulus/graph/program.hpp>

namespace regulus {

struct CpuOptions {
    bool winograd = true;  // 3x3 convolutions of stride 1 by Winograd F(4x4, 3x3): faster, rounding errors about five times larger
};

/// Compiles graphs for the CPU. Needs to be linked with oneDNN (2.6 or 3.x) and OpenMP.
class CpuBackend final : public Backend {
public:
    explicit CpuBackend(const CpuOptions& options = {}) : options_(options) {}

    std::string name() const override { return "cpu"; }
    std::shared_ptr<const Executable> compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const override;

private:
    CpuOptions options_;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/cpu/cpu-impl.hpp>
#endif
