#pragma once
// The CPU backend: oneDNN for convolutions and linear layers, own kernels for the rest, OpenMP threads.
//
// Maps live in NHWC between all kernels: no width needs padding to a multiple of 16, grouped convolutions of any width have a
// vectorised kernel, and detection operations read whole pixels. Measured on AVX-512 at 800x1344, oneDNN's channels-last kernels need
// 1.0 to 1.03 times the time of the layouts that it prefers for RegNetX-3.2GF, 8GF and ResNet-50, and 1.1 to 1.2 times for 400MF and 800MF.
#include <memory>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/graph/program.hpp>

namespace regulus {

/// What convolutions, linear layers and transposed convolutions multiply; sums, outputs and all other steps are float32 always. In bfloat16 maps between products
/// are kept in it, too, as are the largest of windows, enlarged and concatenated maps and regions between them. On processors with AVX512-BF16 and no AMX 3x3
/// convolutions of such maps are made by Winograd in float32, which is faster there. Where a window's channels do not fill tiles of 32 elements, NaN and infinity
/// may reach outputs beside their windows.
enum class CpuPrecision {
    f32,
    bf16,           // refused by compile() with a BackendError where the processor has neither AMX nor AVX512-BF16: it would gain nothing
    bf16_anywhere,  // without both by other instructions, slower than float32: to see what it does to results
};

/// Whether float32 products may be those of bfloat16 parts: each factor is the sum of three, and six products of them make one, summed in float32.
enum class CpuBf16x3 {
    off,
    with_amx,  // where the processor has AMX, which makes them faster than float32's own
    anywhere,  // without AMX by other instructions, far slower: to see what it does to results
};

struct CpuOptions {
    bool winograd = true;  // 3x3 convolutions by Winograd: faster; of stride 1 rounding errors are up to twenty times larger, of stride 2 no larger
    bool strassen = true;  // large pointwise convolutions and linear layers by Strassen: faster; rounding errors are up to twice as large
    CpuBf16x3 bf16x3 = CpuBf16x3::with_amx;  // products in float32: faster; rounding errors are half as large, infinity becomes NaN
    CpuPrecision precision = CpuPrecision::f32;
};

/// Compiles graphs for the CPU. Needs to be linked with oneDNN (2.6 or 3.x) and OpenMP.
class CpuBackend final : public Backend {
public:
    explicit CpuBackend(const CpuOptions& options = {}) : options_(options) {}

    std::string name() const override { return "cpu"; }
    // `inline` here already: else g++ compiles all kernels in each source file that includes this, used or not
    REGULUS_INLINE std::shared_ptr<const Executable> compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const override;

private:
    CpuOptions options_;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/cpu/cpu-impl.hpp>
#endif
