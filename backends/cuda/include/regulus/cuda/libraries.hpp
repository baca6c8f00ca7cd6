#pragma once
// The functions of the CUDA driver and of cuDNN that the backend calls, as tables of pointers with plain C types. They are filled from the system's libraries
// at run time, or by tests with functions of their own. tests/cuda/abi.cu checks types and constants against NVIDIA's headers.
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

namespace regulus::cuda {

using DevicePointer = unsigned long long;  // CUdeviceptr
using Opaque = void*;                      // CUcontext, CUstream, CUmodule, CUfunction, CUgraph, CUgraphExec, CUevent; cudnnHandle_t

#define REGULUS_CUDA_DRIVER_FUNCTIONS(X)                                                                                                                          \
    X(init, cuInit, int (*)(unsigned))                                                                                                                            \
    X(driver_version, cuDriverGetVersion, int (*)(int*))                                                                                                          \
    X(device_count, cuDeviceGetCount, int (*)(int*))                                                                                                              \
    X(device_get, cuDeviceGet, int (*)(int*, int))                                                                                                                \
    X(device_name, cuDeviceGetName, int (*)(char*, int, int))                                                                                                     \
    X(device_attribute, cuDeviceGetAttribute, int (*)(int*, int, int))                                                                                            \
    X(context_retain, cuDevicePrimaryCtxRetain, int (*)(Opaque*, int))                                                                                            \
    X(context_release, cuDevicePrimaryCtxRelease_v2, int (*)(int))                                                                                                \
    X(context_set_current, cuCtxSetCurrent, int (*)(Opaque))                                                                                                      \
    X(memory_info, cuMemGetInfo_v2, int (*)(std::size_t*, std::size_t*))                                                                                          \
    X(allocate, cuMemAlloc_v2, int (*)(DevicePointer*, std::size_t))                                                                                              \
    X(free, cuMemFree_v2, int (*)(DevicePointer))                                                                                                                 \
    X(host_allocate, cuMemHostAlloc, int (*)(void**, std::size_t, unsigned))                                                                                      \
    X(host_free, cuMemFreeHost, int (*)(void*))                                                                                                                   \
    X(to_device, cuMemcpyHtoD_v2, int (*)(DevicePointer, const void*, std::size_t))                                                                               \
    X(to_device_async, cuMemcpyHtoDAsync_v2, int (*)(DevicePointer, const void*, std::size_t, Opaque))                                                            \
    X(to_host_async, cuMemcpyDtoHAsync_v2, int (*)(void*, DevicePointer, std::size_t, Opaque))                                                                    \
    X(set_bytes_async, cuMemsetD8Async, int (*)(DevicePointer, unsigned char, std::size_t, Opaque))                                                               \
    X(stream_create, cuStreamCreate, int (*)(Opaque*, unsigned))                                                                                                  \
    X(stream_destroy, cuStreamDestroy_v2, int (*)(Opaque))                                                                                                        \
    X(stream_synchronize, cuStreamSynchronize, int (*)(Opaque))                                                                                                   \
    X(begin_capture, cuStreamBeginCapture_v2, int (*)(Opaque, int))                                                                                               \
    X(end_capture, cuStreamEndCapture, int (*)(Opaque, Opaque*))                                                                                                  \
    X(graph_instantiate, cuGraphInstantiateWithFlags, int (*)(Opaque*, Opaque, unsigned long long))                                                               \
    X(graph_launch, cuGraphLaunch, int (*)(Opaque, Opaque))                                                                                                       \
    X(graph_exec_destroy, cuGraphExecDestroy, int (*)(Opaque))                                                                                                    \
    X(graph_destroy, cuGraphDestroy, int (*)(Opaque))                                                                                                             \
    X(module_load, cuModuleLoadData, int (*)(Opaque*, const void*))                                                                                               \
    X(module_unload, cuModuleUnload, int (*)(Opaque))                                                                                                             \
    X(module_function, cuModuleGetFunction, int (*)(Opaque*, Opaque, const char*))                                                                                \
    X(function_set, cuFuncSetAttribute, int (*)(Opaque, int, int))                                                                                                \
    X(launch, cuLaunchKernel, int (*)(Opaque, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Opaque, void**, void**))                       \
    X(event_create, cuEventCreate, int (*)(Opaque*, unsigned))                                                                                                    \
    X(event_record, cuEventRecord, int (*)(Opaque, Opaque))                                                                                                       \
    X(event_elapsed, cuEventElapsedTime, int (*)(float*, Opaque, Opaque))                                                                                         \
    X(event_destroy, cuEventDestroy_v2, int (*)(Opaque))                                                                                                          \
    X(stream_wait_event, cuStreamWaitEvent, int (*)(Opaque, Opaque, unsigned))                                                                                    \
    X(error_text, cuGetErrorString, int (*)(int, const char**))

#define REGULUS_CUDNN_FUNCTIONS(X)                                                                                     \
    X(version, cudnnGetVersion, std::size_t (*)())                                                                     \
    X(error_text, cudnnGetErrorString, const char* (*)(int))                                                           \
    X(create, cudnnCreate, int (*)(Opaque*))                                                                           \
    X(destroy, cudnnDestroy, int (*)(Opaque))                                                                          \
    X(set_stream, cudnnSetStream, int (*)(Opaque, Opaque))                                                             \
    X(create_descriptor, cudnnBackendCreateDescriptor, int (*)(int, Opaque*))                                          \
    X(destroy_descriptor, cudnnBackendDestroyDescriptor, int (*)(Opaque))                                              \
    X(finalize, cudnnBackendFinalize, int (*)(Opaque))                                                                 \
    X(set_attribute, cudnnBackendSetAttribute, int (*)(Opaque, int, int, std::int64_t, const void*))                    \
    X(get_attribute, cudnnBackendGetAttribute, int (*)(Opaque, int, int, std::int64_t, std::int64_t*, void*))           \
    X(execute, cudnnBackendExecute, int (*)(Opaque, Opaque, Opaque))

/// Null pointers where a table was not filled.
struct CudaApi {
#define REGULUS_CUDA_POINTER(member, symbol, ...) std::type_identity_t<__VA_ARGS__> member = nullptr;
    REGULUS_CUDA_DRIVER_FUNCTIONS(REGULUS_CUDA_POINTER)
};
struct CudnnApi {
    REGULUS_CUDNN_FUNCTIONS(REGULUS_CUDA_POINTER)
#undef REGULUS_CUDA_POINTER
};

/// What a backend runs on. An empty `*_missing` means that the table is filled.
struct Libraries {
    CudaApi cuda;
    CudnnApi cudnn;
    std::string cuda_missing;   // one sentence
    std::string cudnn_missing;
    const void* images[3] = {};  // of the own kernels: fat binaries
};

/// The system's libraries, loaded at the first call; they stay loaded.
std::shared_ptr<const Libraries> system_libraries();

/// Values of NVIDIA's headers.
namespace constants {
inline constexpr int success = 0;
inline constexpr int no_device = 100;                 // CUDA_ERROR_NO_DEVICE
inline constexpr int out_of_memory = 2;               // CUDA_ERROR_OUT_OF_MEMORY
inline constexpr int attribute_capability_major = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
inline constexpr int attribute_capability_minor = 76;
inline constexpr int attribute_multiprocessors = 16;
inline constexpr int attribute_shared_bytes = 97;      // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
inline constexpr int function_shared_bytes = 8;        // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
inline constexpr unsigned stream_non_blocking = 1;
inline constexpr unsigned event_without_time = 2;      // CU_EVENT_DISABLE_TIMING
inline constexpr int capture_thread_local = 1;

// cuDNN's backend interface.
enum Descriptor { pointwise = 0, convolution = 1, engine = 2, engine_config = 3, engine_heuristics = 4, execution_plan = 5, convolution_forward = 10, pointwise_operation = 13, operation_graph = 15, variant_pack = 16, tensor = 17 };
enum Type { type_handle = 0, type_data_type = 1, type_boolean = 2, type_int64 = 3, type_float = 4, type_void_pointer = 6, type_convolution_mode = 7, type_heuristics_mode = 8, type_numerical_note = 11, type_pointwise_mode = 14, type_descriptor = 15 };
enum Attribute {
    pointwise_mode = 0, pointwise_math = 1,
    convolution_type = 100, convolution_mode = 101, convolution_dilations = 102, convolution_strides = 103, convolution_post_paddings = 104, convolution_pre_paddings = 105, convolution_axes = 106,
    heuristics_mode = 200, heuristics_graph = 201, heuristics_results = 202,
    config_engine = 300,
    plan_handle = 400, plan_config = 401, plan_workspace = 402,
    forward_alpha = 700, forward_beta = 701, forward_convolution = 702, forward_weight = 703, forward_src = 704, forward_dst = 705,
    operation_pointwise = 750, operation_src = 751, operation_other = 752, operation_dst = 753,
    graph_handle = 800, graph_operations = 801,
    tensor_alignment = 900, tensor_type = 901, tensor_sizes = 902, tensor_steps = 903, tensor_id = 906, tensor_virtual = 907,
    pack_ids = 1000, pack_pointers = 1001, pack_workspace = 1003,
    engine_index = 1301, engine_notes = 1303,
};
enum DataType { data_float = 0, data_half = 2, data_bfloat16 = 9 };
inline constexpr int cross_correlation = 1;
enum PointwiseMode { mode_add = 0, mode_relu = 100, mode_sigmoid = 102 };
enum HeuristicsMode { heuristics_instant = 0, heuristics_fallback = 2 };
enum Note { note_tensor_core = 0, note_down_convert = 1, note_reduced_reduction = 2, note_fft = 3, note_nondeterministic = 4, note_winograd = 5, note_winograd_4x4 = 6, note_winograd_6x6 = 7, note_winograd_13x13 = 8, note_count = 10 };
}  // namespace constants

}  // namespace regulus::cuda
