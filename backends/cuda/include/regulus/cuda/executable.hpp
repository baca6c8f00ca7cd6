#pragma once
// What CudaBackend compiles to.
#include <regulus/cuda/plan.hpp>

namespace regulus::cuda {

class CudaExecutable final : public Executable {
public:
    explicit CudaExecutable(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
    const Graph& graph() const override { return compiled_->graph; }
    std::shared_ptr<const Plan> plan(const InputSize& size) const override { return std::make_shared<CudaPlan>(compiled_, size); }
    const std::shared_ptr<const Compiled>& compiled() const { return compiled_; }

private:
    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace regulus::cuda
