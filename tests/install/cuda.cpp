// Uses the CUDA backend from outside of Regulus's tree: starts without a driver and says what is missing.
#include <cstdio>

#include <regulus/cuda/detector.hpp>

int main() {
    const std::string why = regulus::CudaBackend::unavailable();
    std::puts(why.empty() ? "there is a GPU" : why.c_str());
    try {
        regulus::cuda_picture(regulus::dlpack::Tensor{});
    } catch (const regulus::ArgumentError&) {
        return 0;
    }
    return 1;
}
