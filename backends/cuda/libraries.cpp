#include <regulus/cuda/libraries.hpp>

#include <dlfcn.h>

// The fat binaries of kernels/*.cu, as images.cmake embeds them.
extern "C" const unsigned char regulus_cuda_image_maps[];
extern "C" const unsigned char regulus_cuda_image_detection[];
extern "C" const unsigned char regulus_cuda_image_pillars[];

namespace regulus::cuda {

namespace {

/// Opens the first library that there is; RTLD_LOCAL keeps its symbols to itself.
void* open_first(std::initializer_list<const char*> names) {
    for (const char* name : names) {
        if (void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
    }
    return nullptr;
}

template <class Function>
void find(void* library, const char* symbol, Function& function, std::string& missing) {
    function = reinterpret_cast<Function>(dlsym(library, symbol));
    if (function == nullptr && missing.empty()) missing = symbol;
}

std::shared_ptr<const Libraries> load() {
    auto libraries = std::make_shared<Libraries>();
    Libraries& all = *libraries;
    all.images[0] = regulus_cuda_image_maps;
    all.images[1] = regulus_cuda_image_detection;
    all.images[2] = regulus_cuda_image_pillars;
    if (void* const driver = open_first({"libcuda.so.1", "libcuda.so"})) {
        std::string missing;
#define REGULUS_CUDA_FIND(member, symbol, ...) find(driver, #symbol, all.cuda.member, missing);
        REGULUS_CUDA_DRIVER_FUNCTIONS(REGULUS_CUDA_FIND)
#undef REGULUS_CUDA_FIND
        if (!missing.empty()) all.cuda_missing = "cuda: the NVIDIA driver is too old: it has no " + missing + "; install one for CUDA 12 or newer";
    } else {
        all.cuda_missing = "cuda: there is no NVIDIA driver on this machine (libcuda.so.1 was not found); install one, or use the CPU";
    }
    if (void* const cudnn = open_first({"libcudnn.so.9", "libcudnn.so"})) {
        std::string missing;
#define REGULUS_CUDA_FIND(member, symbol, ...) find(cudnn, #symbol, all.cudnn.member, missing);
        REGULUS_CUDNN_FUNCTIONS(REGULUS_CUDA_FIND)
#undef REGULUS_CUDA_FIND
        if (!missing.empty()) all.cudnn_missing = "cuda: cuDNN is too old: it has no " + missing + "; install cuDNN 9";
        else if (all.cudnn.version() < 90000) all.cudnn_missing = "cuda: cuDNN is too old: version " + std::to_string(all.cudnn.version()) + "; install cuDNN 9";
    } else {
        all.cudnn_missing = "cuda: cuDNN was not found (libcudnn.so.9); install cuDNN 9, or set the library path to where it is";
    }
    return libraries;
}

}  // namespace

std::shared_ptr<const Libraries> system_libraries() {
    static const std::shared_ptr<const Libraries> libraries = load();
    return libraries;
}

}  // namespace regulus::cuda
