#pragma once
// Convolutions by cuDNN's graph interface: one fused graph convolution (+ residual) (+ bias) (+ activation), the engines that its heuristics propose, the first
// that keeps our rules: same bits every run, and no rounding of factors or sums that was not asked for.
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <regulus/cuda/device.hpp>
#include <regulus/cuda/engine_cache.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus::cuda {

/// A convolution over NHWC maps with weights [out, kernel, kernel, in / groups]; bias [out], all of one type: cuDNN 9 has no engine for half maps and float32 biases.
struct ConvolutionProblem {
    std::int64_t n = 1, h = 1, w = 1, in = 1, out_h = 1, out_w = 1, out = 1;
    int kernel = 1, stride = 1, padding = 0, dilation = 1, groups = 1;
    bool bias = true, residual = false;
    Activation activation = Activation::none;
    Storage storage = Storage::f32;
    bool tf32 = false;

    /// All of it in a line, for the engine cache.
    std::string key() const;
};

/// An execution plan of cuDNN. execute() may be called by several threads, each with its own handle and workspace; they take turns, as cuDNN does not promise
/// that one plan can be executed twice at once.
class CudnnConvolution {
public:
    struct Buffers {
        DevicePointer src, weight, bias, residual, dst, workspace;
    };

    /// Which engine to take, and what was found out about it.
    struct Selection {
        std::optional<EngineChoice> wanted;                        // taken when it is proposed again and keeps the rules
        std::function<double(const CudnnConvolution&)> milliseconds;  // when given, and nothing is wanted: the time of one run; the fastest is taken
        EngineChoice taken{};
        int timed = 0;
        double best = 0;  // milliseconds of the taken one
    };
    static constexpr int most_timed = 12, most_of_engine = 4;  // an engine is proposed several times, with other knobs

    /// The first admissible engine whose workspace stays within the limit; none, with the reason in `why_not`, when there is none.
    static std::shared_ptr<const CudnnConvolution> find(std::shared_ptr<const Device> device, Opaque handle, const ConvolutionProblem& problem, std::size_t workspace_limit, std::string& why_not,
                                                        Selection* selection = nullptr);

    CudnnConvolution(const CudnnConvolution&) = delete;
    CudnnConvolution& operator=(const CudnnConvolution&) = delete;
    ~CudnnConvolution();

    std::size_t workspace_bytes() const { return workspace_; }
    /// "cudnn engine 7".
    const std::string& name() const { return name_; }
    void execute(Opaque handle, const Buffers& buffers) const;

private:
    explicit CudnnConvolution(std::shared_ptr<const Device> device) : device_(std::move(device)) {}
    std::shared_ptr<const Device> device_;
    std::vector<Opaque> descriptors_;  // the plan's, which it may refer to
    Opaque plan_ = nullptr;
    mutable std::mutex mutex_;
    std::size_t workspace_ = 0;
    bool bias_ = false, residual_ = false;
    std::string name_;
};

}  // namespace regulus::cuda
