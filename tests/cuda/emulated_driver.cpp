// The emulated device as libcuda.so.1 and libcudnn.so.9: whole programs that look for a GPU find it, and so are tested where there is none. Its cuDNN has no engine
// for anything, so that own kernels do all the work. One thread at a time.
//   REGULUS_REAL_CUDNN=/usr/local/cuda/lib/libcudnn.so.9    descriptors, heuristics and plans are that library's, for an H200 by its properties; nothing is
//                                                           computed then, but `regulus explain MODEL --device cuda --plan` names the engines a GPU will get
#include <cstdio>
#include <cstdlib>
#include <string>

#include <dlfcn.h>

#include "cuda/recording_cudnn.hpp"

namespace {

using namespace regulus;

using namespace cuda::constants;

/// Attributes that stand for a device where there is no handle of one (cuDNN 9.8 and newer).
constexpr int device_properties = 38, properties_json = 2702, type_char = 5, heuristics_properties = 204, plan_properties = 407;
constexpr char h200[] =
    R"({"deviceName":"NVIDIA H200","cudaDeviceId":0,"deviceVer":900,"driverVer":13000,"isTccDriver":0,"l2CacheSize":62914560,"maxBlockSize":[1024,1024,64],"maxCtasPerSM":32,)"
    R"("maxGridSize":[2147483647,65535,65535],"maxRegistersPerSM":65536,"maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,"maxThreadsPerBlock":1024,)"
    R"("maxThreadsPerSM":2048,"memClockRateKHz":3201000,"multiProcessorCount":132,"pciDeviceId":9013,"regsPerBlock":65536,"reservedSharedMemoryPerBlock":1024,)"
    R"("smClockRateKHz":1980000,"supportCoopLaunch":1,"totalGlobalMem":150754820096,"warpSize":32})";

/// A real cuDNN that is asked about a device which is not there.
struct RealCudnn {
    cuda::CudnnApi api;
    cuda::Opaque properties = nullptr;

    static RealCudnn& one() {
        static RealCudnn& real = *new RealCudnn;
        return real;
    }
    void load(const char* path, cuda::CudnnApi& to) {
        void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) testing::broken(dlerror());
#define REGULUS_FIND(member, symbol, ...) api.member = reinterpret_cast<decltype(api.member)>(dlsym(library, #symbol));
        REGULUS_CUDNN_FUNCTIONS(REGULUS_FIND)
#undef REGULUS_FIND
        if (api.create_descriptor(device_properties, &properties) != 0 || api.set_attribute(properties, properties_json, type_char, sizeof h200, h200) != 0 || api.finalize(properties) != 0) {
            testing::broken("this cuDNN does not take properties of a device");
        }
        to.version = api.version;
        to.error_text = api.error_text;
        to.destroy_descriptor = api.destroy_descriptor;
        to.get_attribute = api.get_attribute;
        to.finalize = api.finalize;
        to.create_descriptor = [](int kind, cuda::Opaque* descriptor) {
            const int status = one().api.create_descriptor(kind, descriptor);
            if (status != 0 || kind != engine_heuristics) return status;
            return one().api.set_attribute(*descriptor, heuristics_properties, type_descriptor, 1, &one().properties);
        };
        to.set_attribute = [](cuda::Opaque descriptor, int name, int type, std::int64_t count, const void* values) {
            if (name == graph_handle) return 0;
            if (name == plan_handle) return one().api.set_attribute(descriptor, plan_properties, type_descriptor, 1, &one().properties);
            return one().api.set_attribute(descriptor, name, type, count, values);
        };
        to.execute = [](cuda::Opaque, cuda::Opaque, cuda::Opaque) { return 0; };
    }
};

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

void set_pointers() {
#define REGULUS_SET(member, symbol, ...) emulated_##symbol = reinterpret_cast<void*>(driver().libraries->cuda.member);
    REGULUS_CUDA_DRIVER_FUNCTIONS(REGULUS_SET)
#undef REGULUS_SET
#define REGULUS_SET(member, symbol, ...) emulated_##symbol = reinterpret_cast<void*>(driver().libraries->cudnn.member);
    REGULUS_CUDNN_FUNCTIONS(REGULUS_SET)
}

__attribute__((constructor)) void begin() {
    // The real library is loaded when the program asks for its version: by then it has found this one under that name.
    if (std::getenv("REGULUS_REAL_CUDNN") != nullptr) {
        driver().libraries->cudnn.version = [] {
            RealCudnn::one().load(std::getenv("REGULUS_REAL_CUDNN"), driver().libraries->cudnn);
            set_pointers();
            return driver().libraries->cudnn.version();
        };
    }
    set_pointers();
}

}  // namespace
