#pragma once
// The CUDA backend: cuDNN 9 for convolutions and linear layers, own kernels for the rest, a whole network as one CUDA graph on one stream.
//
// Nothing of CUDA is linked: the driver and cuDNN are loaded when a backend is made, so a program starts on machines without them and says what is missing.
// This is the library regulus::cuda, which must be linked; it is built where nvcc is found.
#include <memory>
#include <string>

#include <regulus/graph/program.hpp>

namespace regulus {

namespace cuda {
struct Libraries;
class Device;
}  // namespace cuda

/// How maps lie in memory; sums are float32 always.
enum class CudaPrecision : std::uint8_t { float32, float16, bfloat16 };

struct CudaOptions {
    int device = 0;                                        // as the driver numbers them
    CudaPrecision precision = CudaPrecision::float32;
    bool tf32 = false;                                     // float32 products may round their factors to 10 bits
    bool cudnn = true;                                     // false: own kernels for every convolution; slow, and needs no cuDNN
    bool graphs = true;                                    // capture a plan's steps once and replay them
    bool autotune = false;                                 // time what cuDNN proposes for each convolution when a plan is made, and take the fastest
    std::string engine_cache{};                            // a file that keeps what was the fastest, by GPU, cuDNN and shape; empty: none. Used without autotune too
    std::size_t cudnn_workspace = std::size_t(512) << 20;  // bytes that one convolution may ask for
};

/// Compiles graphs for an NVIDIA GPU of compute capability 8.0 or newer.
class CudaBackend final : public Backend {
public:
    /// Throws BackendError, one sentence, when `unavailable(options)` has one.
    explicit CudaBackend(const CudaOptions& options = {});
    /// With other libraries than the system's: what tests need.
    CudaBackend(const CudaOptions& options, std::shared_ptr<const cuda::Libraries> libraries);

    /// Whether a backend with these options can be made here.
    static bool available(const CudaOptions& options = {}) { return unavailable(options).empty(); }
    /// Why not: no driver, no device, too old a device or driver, no cuDNN; empty when it can.
    static std::string unavailable(const CudaOptions& options = {});

    std::string name() const override;
    std::shared_ptr<const Executable> compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const override;

private:
    CudaOptions options_;
    std::shared_ptr<cuda::Device> device_;
};

inline std::unique_ptr<Backend> cuda_backend(const CudaOptions& options = {}) { return std::make_unique<CudaBackend>(options); }

}  // namespace regulus
