// The emulated device as libcuda.so.1 and libcudnn.so.9: whole programs that look for a GPU find it, and so are tested where there is none. Its cuDNN has no engine
// for anything, so that own kernels do all the work. One thread at a time.
#include "cuda/recording_cudnn.hpp"

namespace {

using namespace regulus;

struct Driver {
    testing::EmulatedDevice device;
    testing::RecordingCudnn cudnn;
    std::shared_ptr<cuda::Libraries> libraries = device.libraries();

    Driver() {
        cudnn.install(*libraries);
        cudnn.most_operations = 0;
    }
};

/// Never destroyed: programs call the driver until their very end.
Driver& driver() {
    static Driver& one = *new Driver;
    return one;
}

}  // namespace

// A symbol for each function that jumps to where its pointer leads. Pointers are set when the library is loaded.
#define REGULUS_EMULATED(member, symbol, ...)                            \
    extern "C" { __attribute__((visibility("hidden"))) void* emulated_##symbol; } \
    asm(".globl " #symbol "\n.type " #symbol ", @function\n" #symbol ": jmp *emulated_" #symbol "(%rip)\n");
REGULUS_CUDA_DRIVER_FUNCTIONS(REGULUS_EMULATED)
REGULUS_CUDNN_FUNCTIONS(REGULUS_EMULATED)

namespace {

__attribute__((constructor)) void set_pointers() {
#define REGULUS_SET(member, symbol, ...) emulated_##symbol = reinterpret_cast<void*>(driver().libraries->cuda.member);
    REGULUS_CUDA_DRIVER_FUNCTIONS(REGULUS_SET)
#undef REGULUS_SET
#define REGULUS_SET(member, symbol, ...) emulated_##symbol = reinterpret_cast<void*>(driver().libraries->cudnn.member);
    REGULUS_CUDNN_FUNCTIONS(REGULUS_SET)
}

}  // namespace
